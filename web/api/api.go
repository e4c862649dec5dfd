package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/event"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Prefix is where the API stands.
const Prefix = oidc.APIPath

// MetadataPath is where the API says from whom its tokens come (RFC 9728 §3.1).
const MetadataPath = "/.well-known/oauth-protected-resource" + Prefix

// maxBody bounds the body of a request, in bytes.
const maxBody = 256 << 10

// Tokens proves access tokens, and uses up the proofs that come with them.
type Tokens interface {
	resource.Authenticator
	resource.Replays
}

// Statements proves what others say of the software that registers itself.
type Statements interface {
	SoftwareStatement(ctx context.Context, tenant authz.TenantID, statement string, takenBefore bool) (claims []byte, err error)
}

// Config is what an [API] is made of.
type Config struct {
	// Issuer is where tokens come from, for the document.
	Issuer    string
	Store     *postgres.Store
	Directory *directory.Service
	// Tokens proves who presents a token; nil where the API serves [API.ForHost] alone.
	Tokens Tokens
	// Statements reads software statements; nil where nobody registers.
	Statements Statements
	Hasher     *authn.Hasher
	// Keys opens the signing keys, for the few operations that change them.
	Keys func(context.Context) (*keys.Ring, error)
	// Outbound fetches what clients point to when they are registered.
	Outbound *outbound.Client
	// Secret is the master secret.
	Secret []byte
	// Registration says who may register clients, and UnusedClients how long one that registers
	// openly works while nobody uses it; 0 for good.
	Registration  oidc.RegistrationMode
	UnusedClients time.Duration
	// LegacyResponseTypes is as in [oidc.Config]: clients may register for them.
	LegacyResponseTypes bool
	// WeakPasswords lets the host, and nobody else, set a password that others would
	// guess: for trying things out.
	WeakPasswords bool
	Log           *slog.Logger
	Now           func() time.Time
}

// API answers the addresses below [Prefix].
type API struct {
	Config
	mux       *http.ServeMux
	registrar *directory.Registrar
	huma      huma.API
	guard     *resource.Guard
	metadata  resource.Metadata
	cursors   cursors
	once      once
	secrets   event.Secrets
	links     *authn.Links
	list      []Route
	document  func() ([]byte, error)
}

// New puts the API together.
func New(c Config) (*API, error) {
	a := &API{Config: c, mux: http.NewServeMux(), registrar: directory.NewRegistrar(c.Directory)}
	metadata := resource.Metadata{Resource: c.Issuer + Prefix, AuthorizationServers: []string{c.Issuer}, DPoP: true}
	a.guard = resource.NewGuard(c.Tokens, resource.GuardConfig{
		Realm: "gatehouse", ResourceMetadata: c.Issuer + MetadataPath, Logger: c.Log, Now: c.Now,
		DPoP: resource.DPoP{BaseURL: c.Issuer, Replays: c.Tokens}, Certificate: oidc.Certificate,
	})
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
	var err error
	if a.cursors, err = newCursors(c.Secret); err != nil {
		return nil, err
	}
	if a.once, err = newOnce(c.Secret); err != nil {
		return nil, err
	}
	if a.secrets, err = event.NewSecrets(c.Secret); err != nil {
		return nil, err
	}
	if a.links, err = authn.NewLinks(c.Issuer, c.Secret); err != nil {
		return nil, err
	}
	a.routes()
	for _, route := range a.list {
		for _, scope := range route.AnyOf {
			metadata.Scopes = metadata.Scopes.With(scope)
		}
	}
	a.metadata = metadata
	a.document = sync.OnceValues(a.huma.OpenAPI().MarshalJSON)
	a.mux.HandleFunc("GET "+Prefix+"/openapi.json", a.showDocument)
	a.mux.HandleFunc("GET "+Prefix+"/docs", a.showReference)
	return a, nil
}

// Metadata is GET [MetadataPath].
func (a *API) Metadata(w http.ResponseWriter, r *http.Request) { a.metadata.ServeHTTP(w, r) }

func (a *API) showDocument(w http.ResponseWriter, r *http.Request) {
	document, err := a.document()
	if err != nil {
		a.Log.ErrorContext(r.Context(), "OpenAPI document", "error", err)
		writeProblem(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(document)
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
