package demo

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/gatehouse/gatehouse/templates"
)

// The paths that a registration of the client must name.
const (
	CallbackPath  = "/callback"
	SignedOutPath = "/signed-out"
	// APIPath follows the base URL in the identifier of the protected API, which is
	// the audience of its tokens.
	APIPath = "/api"
)

const (
	outboundTimeout = 10 * time.Second
	// maxKept bounds each shelf by number.
	maxKept           = 1000
	attemptLifetime   = 15 * time.Minute
	sessionLifetime   = 12 * time.Hour
	departureLifetime = 5 * time.Minute
	// maxForm and maxAnswer are in bytes.
	maxForm   = 64 << 10
	maxAnswer = 64 << 10
)

// Config is what an [App] is made of.
type Config struct {
	// Issuer is Gatehouse, byte for byte as in iss.
	Issuer string
	// BaseURL is where browsers reach the application, and where its client half
	// reaches its API half: https, or http on localhost, with no path.
	BaseURL string
	// Client is a web client with the redirect URI BaseURL + [CallbackPath] and the
	// post-logout redirect URI BaseURL + [SignedOutPath].
	Client Credentials
	// API is a client that may introspect.
	API Credentials
	// Accounts are shown to whoever is not signed in.
	Accounts []templates.DemoAccount
	// Log is slog.Default() when it is nil. It is never shown a token.
	Log *slog.Logger
	// HTTPClient speaks with Gatehouse and with the API; nil means http.Client{}.
	// Redirects are never followed.
	HTTPClient *http.Client
	// Now is time.Now when it is nil.
	Now func() time.Time
}

// App is the application. It is safe for use by many goroutines.
type App struct {
	Config
	http    *http.Client
	host    string
	policy  string
	issuer  *eventual[*issuer]
	handler http.Handler

	attempts   *shelf[attempt]
	sessions   *shelf[*session]
	departures *shelf[departure]
}

// New makes the application. It does not speak with the issuer, which may start
// later.
func New(c Config) (*App, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	at, err := c.check()
	if err != nil {
		return nil, err
	}
	a := &App{
		Config: c, http: outboundClient(c.HTTPClient), host: at.Host, policy: pagePolicy(at),
		attempts:   newShelf[attempt](attemptLifetime, maxKept, c.Now),
		sessions:   newShelf[*session](sessionLifetime, maxKept, c.Now),
		departures: newShelf[departure](departureLifetime, maxKept, c.Now),
	}
	a.issuer = newEventual(a.discover, c.Now)
	mux := http.NewServeMux()
	if err := a.mountAPI(mux); err != nil {
		return nil, err
	}
	for pattern, handler := range a.routes() {
		mux.Handle(pattern, handler)
	}
	a.handler = a.secure(mux)
	return a, nil
}

// routes is every address of the client half; the API's are in api.yaml.
func (a *App) routes() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /{$}":             http.HandlerFunc(a.home),
		"GET /sign-in":         http.HandlerFunc(a.signIn),
		"GET " + CallbackPath:  http.HandlerFunc(a.callback),
		"POST /call":           a.onlyOurForms(a.call),
		"POST /sign-out":       a.onlyOurForms(a.signOut),
		"GET " + SignedOutPath: http.HandlerFunc(a.signedOut),
		"GET /static/":         templates.Static(),
	}
}

// Handler serves the application, at the root of its origin.
func (a *App) Handler() http.Handler { return a.handler }

// check returns the issuer as a URL.
func (c Config) check() (*url.URL, error) {
	if err := c.Client.check(); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if err := c.API.check(); err != nil {
		return nil, fmt.Errorf("API: %w", err)
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || base.Scheme+"://"+base.Host != c.BaseURL {
		return nil, fmt.Errorf("base URL %.200q is not an origin such as http://localhost:8081", c.BaseURL)
	}
	at, err := url.Parse(c.Issuer)
	if err != nil || at.Host == "" {
		return nil, fmt.Errorf("issuer %.200q is not an absolute URL", c.Issuer)
	}
	return at, nil
}

func outboundClient(given *http.Client) *http.Client {
	var own http.Client
	if given != nil {
		own = *given
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if own.Timeout == 0 {
		own.Timeout = outboundTimeout
	}
	return &own
}

// outbound makes go-oidc and x/oauth2 use our client.
func (a *App) outbound(ctx context.Context) context.Context { return oidc.ClientContext(ctx, a.http) }
