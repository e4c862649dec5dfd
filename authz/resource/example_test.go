package resource_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// A resource server in ten lines: tokens of one issuer, one scope for each route.
func ExampleGuard() {
	verifier, err := resource.NewVerifier(context.Background(), resource.Config{
		Issuer:   "https://id.example.com",
		Audience: "https://api.example.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	guard := resource.NewGuard(verifier, resource.GuardConfig{Realm: "agents"})
	list := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "agents of", resource.PrincipalFrom(r.Context()).Subject)
	})
	http.Handle("GET /agents", guard.RequireScopes("agents:read")(list))
	log.Fatal(http.ListenAndServe("localhost:8081", nil))
}

// The same with a question to the authorization server for every request, so that
// a revoked token is refused at once.
func ExampleNewIntrospector() {
	introspector, err := resource.NewIntrospector(context.Background(), resource.IntrospectorConfig{
		Issuer:       "https://id.example.com",
		Audience:     "https://api.example.com",
		ClientID:     "agents-api",
		ClientSecret: resource.NewSecret(os.Getenv("CLIENT_SECRET")),
	})
	if err != nil {
		log.Fatal(err)
	}
	guard := resource.NewGuard(introspector, resource.GuardConfig{Realm: "agents"})
	http.Handle("DELETE /agents/{id}", guard.RequireScopes("admin")(http.NotFoundHandler()))
}

// The requirement may stand in a configuration, written as in OpenAPI.
func ExampleGuard_Require() {
	need, err := resource.ParseRequirement([]map[string][]string{
		{"oauth2": {"user", "agents:read"}},
		{"oauth2": {"admin"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	guard := resource.NewGuard(anybody{}, resource.GuardConfig{Realm: "agents"})
	handler := guard.Require(need)(http.NotFoundHandler())

	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/agents", nil))
	fmt.Println(response.Code, response.Header().Get("WWW-Authenticate"))

	request := httptest.NewRequest(http.MethodGet, "/agents", nil)
	request.Header.Set("Authorization", "Bearer alice")
	response = httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	fmt.Println(response.Code, response.Header().Get("WWW-Authenticate"))
	// Output:
	// 401 Bearer realm="agents", scope="user agents:read"
	// 403 Bearer realm="agents", error="insufficient_scope", scope="user agents:read"
}

// A route that wants a sign-in with two factors, at most five minutes ago (RFC
// 9470): the client reads from the challenge what to ask its user for.
func ExampleRequirement_WithSignIn() {
	need, err := resource.ParseRequirement([]map[string][]string{{"oauth2": {"user"}}})
	if err != nil {
		log.Fatal(err)
	}
	need = need.WithSignIn(resource.SignIn{ACR: []authz.ACR{authz.ACRMultiFactor}, MaxAge: 5 * time.Minute})
	handler := resource.NewGuard(anybody{}, resource.GuardConfig{Realm: "payments"}).Require(need)(http.NotFoundHandler())

	request := httptest.NewRequest(http.MethodPost, "/payments", nil)
	request.Header.Set("Authorization", "Bearer alice")
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	fmt.Println(response.Code, response.Header().Get("WWW-Authenticate"))
	// Output:
	// 401 Bearer realm="payments", error="insufficient_user_authentication", scope="user", acr_values="aal2", max_age="300"
}

// Tokens may be bound to a DPoP key; each proof is good once in this process.
func ExampleDPoP() {
	verifier, err := resource.NewVerifier(context.Background(), resource.Config{
		Issuer:   "https://id.example.com",
		Audience: "https://api.example.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	guard := resource.NewGuard(verifier, resource.GuardConfig{DPoP: resource.DPoP{BaseURL: "https://api.example.com"}})
	http.Handle("GET /accounts", guard.RequireScopes("user")(http.NotFoundHandler()))
}

// anybody is an authenticator that believes every word.
type anybody struct{}

func (anybody) Authenticate(_ context.Context, token string) (*resource.Principal, error) {
	return &resource.Principal{Subject: token, ClientID: "web", Scopes: authz.ScopeSet{"user"}, ACR: authz.ACRSingleFactor}, nil
}

// A resource server says where its tokens come from (RFC 9728), so that a client
// that knows nothing but its address can get one.
func ExampleMetadata() {
	metadata := resource.Metadata{
		Resource:             "https://api.example.com/agents",
		AuthorizationServers: []string{"https://id.example.com"},
	}
	uri, err := metadata.URL()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(uri)
	http.Handle("GET /.well-known/oauth-protected-resource/agents", metadata)
	// Output: https://api.example.com/.well-known/oauth-protected-resource/agents
}
