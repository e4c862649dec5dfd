package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Prefix is where the API stands.
const Prefix = "/api/v1"

// maxBody bounds the body of a request, in bytes.
const maxBody = 256 << 10

// Config is what an [API] is made of.
type Config struct {
	// Issuer is where tokens come from, for the document.
	Issuer    string
	Store     *postgres.Store
	Directory *directory.Service
	// Tokens proves who presents a token.
	Tokens resource.Authenticator
	Hasher *authn.Hasher
	Log    *slog.Logger
}

// API answers the addresses below [Prefix].
type API struct {
	Config
	mux      *http.ServeMux
	huma     huma.API
	guard    *resource.Guard
	document []byte
}

// New puts the API together.
func New(c Config) (*API, error) {
	a := &API{Config: c, mux: http.NewServeMux(), guard: resource.NewGuard(c.Tokens, resource.GuardConfig{Realm: "gatehouse", Logger: c.Log})}
	settings := huma.DefaultConfig("Gatehouse", "1")
	settings.Info.Description = "Users, sessions, tenants and clients of one deployment."
	// The document is served from memory, in one form; nothing else is added to it.
	settings.OpenAPIPath, settings.DocsPath, settings.SchemasPath, settings.CreateHooks = "", "", "", nil
	settings.RejectUnknownQueryParameters = true
	settings.Transformers = []huma.Transformer{withoutValues}
	settings.Components.SecuritySchemes = map[string]*huma.SecurityScheme{scheme: {
		Type: "oauth2", Flows: &huma.OAuthFlows{AuthorizationCode: &huma.OAuthFlow{
			AuthorizationURL: c.Issuer + oidc.AuthorizePath, TokenURL: c.Issuer + oidc.TokenPath, Scopes: map[string]string{
				string(authz.ScopeUser): "Your own account", string(authz.ScopeAdmin): "The whole deployment", string(authz.ScopeUsersManage): "Users and their sessions",
			},
		}},
	}}
	a.huma = humago.NewWithPrefix(a.mux, Prefix, settings)
	a.routes()
	var err error
	if a.document, err = a.huma.OpenAPI().MarshalJSON(); err != nil {
		return nil, fmt.Errorf("write OpenAPI document: %w", err)
	}
	a.mux.HandleFunc("GET "+Prefix+"/openapi.json", a.showDocument)
	return a, nil
}

func (a *API) showDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(a.document)
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	handler, pattern := a.mux.Handler(r)
	if pattern == "" {
		// The mux knows whether it is the path or the method; its words are no problem document.
		refused := &refusal{header: http.Header{}}
		handler.ServeHTTP(refused, r)
		if allow := refused.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
		}
		writeProblem(w, refused.status)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// refusal keeps the status and the header of an answer and drops its body.
type refusal struct {
	header http.Header
	status int
}

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) Write(p []byte) (int, error) { return len(p), nil }
func (r *refusal) WriteHeader(status int)      { r.status = status }

// scheme is the name of the security scheme in the document.
const scheme = "oauth2"

// operation is one line of the list of routes.
type operation struct {
	method, path string
	// id names the operation in the document and in generated clients.
	id, summary string
	// status is the one of success.
	status int
	// anyOf is the scopes of which one opens the operation.
	anyOf []authz.Scope
}

// add registers an operation: a token that opens it, then the call in the name of
// its holder, then one translation of what went wrong.
func add[I, O any](a *API, o operation, do func(context.Context, directory.Actor, *I) (*O, error)) {
	var security []map[string][]string
	for _, scope := range o.anyOf {
		security = append(security, map[string][]string{scheme: {string(scope)}})
	}
	need, err := resource.ParseRequirement(security)
	if err != nil {
		panic(fmt.Sprintf("api: %s: %v", o.id, err)) // the list of routes is a constant of ours
	}
	tag, _, _ := strings.Cut(strings.TrimPrefix(o.path, "/"), "/")
	named := strings.Contains(o.path, "{")
	huma.Register(a.huma, huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Tags: []string{tag}, DefaultStatus: o.status,
		MaxBodyBytes: maxBody, Security: security, Middlewares: huma.Middlewares{a.guarded(need)},
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable},
	}, func(ctx context.Context, in *I) (*O, error) {
		out, err := a.inTheNameOf(ctx, func(actor directory.Actor) (any, error) { return do(ctx, actor, in) })
		if err != nil {
			return nil, a.problem(ctx, err, named)
		}
		return out.(*O), nil
	})
}

// guarded holds an operation to its scopes.
func (a *API) guarded(need resource.Requirement) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		a.guard.Require(need)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			next(huma.WithContext(ctx, r.Context()))
		})).ServeHTTP(w, r)
	}
}
