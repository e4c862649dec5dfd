package mcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/auth"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// Config is how a server is protected.
type Config struct {
	// Resource is the URL of the MCP endpoint as clients know it. It is the audience
	// that tokens must have (RFC 8707), so the [resource.Authenticator] has the same.
	Resource string
	// Issuer is the authorization server.
	Issuer string
	// Scopes are what every message needs; none means any valid token.
	Scopes []authz.Scope
	// Tools are what calls of a tool need beyond Scopes, by the tool's name.
	Tools map[string]Need
	// Guard is what else there is to say of the guard. Its ResourceMetadata and the
	// BaseURL of its DPoP follow from Resource.
	Guard resource.GuardConfig
}

// Need is what a tool needs.
type Need struct {
	Scopes []authz.Scope
	// SignIn is how its user must have signed in; nil means in any way.
	SignIn *resource.SignIn
}

// Protect puts a guard in front of an MCP server, which is the SDK's
// StreamableHTTPHandler, and answers the metadata of the resource beside it (RFC
// 9728). Mount it at "/", or at the endpoint and at the metadata's path.
func Protect(server http.Handler, tokens resource.Authenticator, c Config) (http.Handler, error) {
	metadata := resource.Metadata{Resource: c.Resource, AuthorizationServers: []string{c.Issuer}, DPoP: true}
	described, err := metadata.URL()
	if err != nil {
		return nil, fmt.Errorf("protect MCP server: %w", err)
	}
	at, err := url.Parse(described)
	if err != nil {
		return nil, fmt.Errorf("protect MCP server: %w", err)
	}
	if c.Issuer == "" {
		return nil, errors.New("protect MCP server: the issuer is missing")
	}
	c.Guard.ResourceMetadata = described
	c.Guard.DPoP.BaseURL = at.Scheme + "://" + at.Host
	p := &protected{guard: resource.NewGuard(tokens, c.Guard), next: introduce(server), tools: map[string]resource.Requirement{}}
	if p.every, err = requirement(c.Scopes); err != nil {
		return nil, fmt.Errorf("protect MCP server: %w", err)
	}
	metadata.Scopes = c.Scopes
	for tool, need := range c.Tools {
		all := authz.ScopeSet(c.Scopes)
		for _, scope := range need.Scopes {
			all, metadata.Scopes = all.With(scope), metadata.Scopes.With(scope)
		}
		if p.tools[tool], err = requirement(all); err != nil {
			return nil, fmt.Errorf("protect MCP server: tool %s: %w", tool, err)
		}
		if need.SignIn != nil {
			p.tools[tool] = p.tools[tool].WithSignIn(*need.SignIn)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+at.Path, metadata)
	mux.Handle("/", p)
	return mux, nil
}

// requirement is all of the scopes.
func requirement(scopes authz.ScopeSet) (resource.Requirement, error) {
	return resource.ParseRequirement([]map[string][]string{{"oauth2": scopes.Strings()}})
}

// principalKey is where the principal stands in the extra values of a token.
const principalKey = "principal"

// introduce tells the SDK who was let in, in the way that it knows: the info of a
// bearer token. By it the SDK also keeps one user out of another's session.
func introduce(server http.Handler) http.Handler {
	known := auth.RequireBearerToken(func(_ context.Context, _ string, r *http.Request) (*auth.TokenInfo, error) {
		p := resource.PrincipalFrom(r.Context())
		return &auth.TokenInfo{
			Scopes: p.Scopes.Strings(), Expiration: p.ExpiresAt, UserID: p.Subject + " " + string(p.ClientID), Extra: map[string]any{principalKey: p},
		}, nil
	}, nil)(server)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The guard has judged the scheme; the SDK knows but one.
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
		known.ServeHTTP(w, r)
	})
}

// Principal is who calls a tool, by the TokenInfo in the Extra of its request; nil
// when no [Protect] stands in front.
func Principal(info *auth.TokenInfo) *resource.Principal {
	if info == nil {
		return nil
	}
	p, _ := info.Extra[principalKey].(*resource.Principal)
	return p
}
