package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// How long is waited for the service: to connect, and for an answer to begin.
const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 25 * time.Second
)

// Guard is the proxy.
type Guard struct {
	routes  table
	guard   *resource.Guard
	service http.Handler
	// asked: another proxy asks about its requests, which come to us no further.
	asked    bool
	metadata resource.Metadata
	// described is where the metadata stands; "" when the audience is no URL.
	described string
	log       *slog.Logger
}

// New judges the configuration and asks the issuer for what proves its tokens, so
// that a wrong setting is found at the start.
func New(ctx context.Context, c Config, log *slog.Logger, now func() time.Time) (*Guard, error) {
	routes, err := parseTable(c.Routes)
	if err != nil {
		return nil, err
	}
	upstream, err := c.upstream()
	if err != nil {
		return nil, err
	}
	tokens, err := c.authenticator(ctx, now)
	if err != nil {
		return nil, err
	}
	g := &Guard{routes: routes, metadata: c.metadata(), log: log}
	settings := resource.GuardConfig{Realm: c.Audience, Logger: log, Now: now}
	if at, err := g.metadata.URL(); err == nil {
		settings.ResourceMetadata = at
		g.described = mustPath(at)
		// Proofs name the address that clients know, whatever stands in front of us.
		settings.DPoP.BaseURL = strings.TrimSuffix(at, g.described)
		g.metadata.DPoP = true
	}
	g.guard = resource.NewGuard(tokens, settings)
	if g.asked = c.ForwardAuth; g.asked {
		g.service = http.HandlerFunc(answer)
	} else {
		g.service = g.proxy(upstream, c.ForwardAuthorization)
	}
	return g, nil
}

// mustPath is the path of an URL that we made.
func mustPath(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u.Path
}

func (c Config) authenticator(ctx context.Context, now func() time.Time) (resource.Authenticator, error) {
	if c.Introspection == nil {
		v, err := resource.NewVerifier(ctx, resource.Config{Issuer: c.Issuer, Audience: c.Audience, Now: now})
		if err != nil {
			return nil, fmt.Errorf("prepare to verify tokens: %w", err)
		}
		return v, nil
	}
	text, err := os.ReadFile(c.Introspection.ClientSecretFile)
	if err != nil {
		return nil, fmt.Errorf("read client secret: %w", err)
	}
	i, err := resource.NewIntrospector(ctx, resource.IntrospectorConfig{
		Issuer: c.Issuer, Audience: c.Audience, ClientID: c.Introspection.ClientID, Now: now,
		ClientSecret: resource.NewSecret(strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")),
	})
	if err != nil {
		return nil, fmt.Errorf("prepare to introspect tokens: %w", err)
	}
	return i, nil
}

// ServeHTTP implements [http.Handler]: a path that is read in one way, a route that
// names it, a token that opens the route, and only then the service.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.asked {
		var err error
		if r, err = judged(r); err != nil {
			refuse(w, http.StatusForbidden, "The request cannot be judged: "+err.Error()+".")
			return
		}
		w = plainRefusals{w}
	}
	path, err := target(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "The path must be plain: without dot segments, empty segments, path parameters and needless escapes.")
		return
	}
	if path == g.described && r.Method == http.MethodGet {
		g.metadata.ServeHTTP(w, r)
		return
	}
	need, allow, found := g.routes.find(r.Method, path)
	switch {
	case found:
		g.guard.Require(need)(g.service).ServeHTTP(w, r)
	case allow != nil:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		refuse(w, http.StatusMethodNotAllowed, "No route lets this method through.")
	default:
		refuse(w, http.StatusNotFound, "No route leads there.")
	}
}

func (g *Guard) proxy(upstream *url.URL, forwardAuthorization bool) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		// By now the headers that end at this hop are gone, those that Connection
		// names among them: ours are set afterwards and arrive.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.SetXForwarded()
			strip(r.Out.Header)
			// A trailer would come after us, and some servers add it to the headers.
			r.Out.Trailer = nil
			if !forwardAuthorization {
				r.Out.Header.Del("Authorization")
				r.Out.Header.Del(dpop.Header)
			}
			introduce(r.Out.Header, resource.PrincipalFrom(r.In.Context()))
		},
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: answerTimeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   100,
			ForceAttemptHTTP2:     true,
		},
		ErrorLog:     slog.NewLogLogger(g.log.Handler(), slog.LevelWarn),
		ErrorHandler: g.unreachable,
	}
}

func (g *Guard) unreachable(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // the caller is gone
	}
	g.log.ErrorContext(r.Context(), "the service did not answer", "path", r.URL.Path, "error", err)
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		refuse(w, http.StatusGatewayTimeout, "The service did not answer in time.")
		return
	}
	refuse(w, http.StatusBadGateway, "The service cannot be reached.")
}

// refuse answers with a problem document (RFC 9457).
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client is gone when this fails.
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
