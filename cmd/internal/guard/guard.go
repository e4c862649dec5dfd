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
	"net/netip"
	"net/url"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// How long is waited for the service: to connect, and for an answer to begin.
const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 25 * time.Second
)

// judgedAgain is how often a token is judged while what it let in goes on.
const judgedAgain = time.Second

// Guard is the proxy.
type Guard struct {
	routes  table
	guard   *resource.Guard
	tokens  resource.Authenticator
	service http.Handler
	// asked: another proxy asks about its requests, which come to us no further.
	asked    bool
	metadata resource.Metadata
	// described is where the metadata stands; "" when the audience is no URL.
	described string
	// browsers is nil where nobody signs in, signer where nothing is asserted.
	browsers *browsers
	signer   *signer
	// feed is nil unless tokens are checked offline.
	feed *resource.Offline
	now  func() time.Time
	log  *slog.Logger
}

// New reads the files that the configuration names and asks the issuer for what proves
// its tokens, so that a wrong setting is found at the start. The configuration is one
// of [ParseConfig].
func New(ctx context.Context, c Config, log *slog.Logger, now func() time.Time) (*Guard, error) {
	held, err := c.open()
	if err != nil {
		return nil, err
	}
	g := &Guard{
		routes: parseTable(c.Routes, true, &mistakes{root: &yaml.Node{}}), metadata: c.metadata(),
		asked: c.ForwardAuth, signer: held.signer, now: now, log: log,
	}
	tokens, err := g.authenticator(ctx, c, held.client)
	if err != nil {
		return nil, err
	}
	if c.SignIn != nil {
		if g.browsers, err = newBrowsers(ctx, c, held, tokens, now, log); err != nil {
			return nil, err
		}
	}
	settings := resource.GuardConfig{Realm: c.Audience, Certificate: c.certificate(), Logger: log, Now: now}
	if at, err := g.metadata.URL(); err == nil {
		settings.ResourceMetadata = at
		g.described = mustParse(at).Path
		// Proofs name the address that clients know, whatever stands in front of us.
		settings.DPoP.BaseURL = originOf(at)
		g.metadata.DPoP = true
	}
	g.tokens, g.guard = tokens, resource.NewGuard(tokens, settings)
	if g.asked {
		g.service = http.HandlerFunc(g.answer)
		return g, nil
	}
	upstream, err := c.upstream()
	if err != nil {
		return nil, err
	}
	g.service = g.unhurried(g.proxy(upstream, c))
	return g, nil
}

// mustParse reads an URL that we made.
func mustParse(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}

func originOf(text string) string {
	u := mustParse(text)
	return u.Scheme + "://" + u.Host
}

func (g *Guard) authenticator(ctx context.Context, c Config, as *client) (resource.Authenticator, error) {
	trusted := resource.Config{Issuer: c.Issuer, Audience: c.Audience, Now: g.now}
	switch c.Check {
	case CheckSignature:
		v, err := resource.NewVerifier(ctx, trusted)
		if err != nil {
			return nil, fmt.Errorf("prepare to verify tokens: %w", err)
		}
		return v, nil
	case CheckIntrospect:
		i, err := resource.NewIntrospector(ctx, resource.IntrospectorConfig{
			Issuer: c.Issuer, Audience: c.Audience, ClientID: as.ID, ClientSecret: as.hidden(), ClientKey: as.key, Now: g.now,
		})
		if err != nil {
			return nil, fmt.Errorf("prepare to introspect tokens: %w", err)
		}
		return resource.NewCached(i, resource.CacheConfig{Now: g.now}), nil
	}
	o, err := resource.NewOffline(ctx, resource.OfflineConfig{
		Config: trusted, ClientID: as.ID, ClientSecret: as.hidden(), ClientKey: as.key, Logger: g.log,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare to verify tokens: %w", err)
	}
	g.feed = o
	return o, nil
}

// Run follows the feed of what is revoked, until the context ends. Call it once, in a
// goroutine of its own.
func (g *Guard) Run(ctx context.Context) {
	if g.feed != nil {
		g.feed.Follow(ctx)
	}
}

// Silence is how long the feed has told nothing; 0 where it is not followed. See
// [resource.Offline.Silence].
func (g *Guard) Silence() time.Duration {
	if g.feed == nil {
		return 0
	}
	return g.feed.Silence()
}

// ServeHTTP implements [http.Handler]: a path that is read in one way, a route that
// names it, somebody who may, and only then the service.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The other proxy sends on what is for us, and asks about the rest.
	if ours := g.owns(r.URL.Path); g.asked && !ours {
		w = plainRefusals{w, r.URL.Path == askedByCode}
		var err error
		if r, err = judged(r); err != nil {
			refuse(w, http.StatusForbidden, "The request cannot be judged: "+err.Error()+".")
			return
		}
		if g.owns(r.URL.Path) {
			refuse(w, http.StatusForbidden, "This path is to be sent to the guard, not to be asked about.")
			return
		}
	}
	path, err := target(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "The path must be plain: without dot segments, empty segments, path parameters and needless escapes.")
		return
	}
	if g.owns(path) {
		g.own(w, r, path)
		return
	}
	needed, allow, found := g.routes.find(r.Method, path)
	switch {
	case found:
		g.pass(w, r, needed)
	case allow != nil:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		refuse(w, http.StatusMethodNotAllowed, "No route lets this method through.")
	default:
		refuse(w, http.StatusNotFound, "No route leads there.")
	}
}

// owns reports whether a path is the guard's own, and never leads to the service.
func (g *Guard) owns(path string) bool {
	return strings.HasPrefix(path, ownPaths) || g.described != "" && path == g.described
}

func (g *Guard) own(w http.ResponseWriter, r *http.Request, path string) {
	reads := r.Method == http.MethodGet
	switch {
	case path == g.described && reads:
		g.metadata.ServeHTTP(w, r)
	case path == keysPath && reads && g.signer != nil:
		g.signer.ServeHTTP(w, r)
	case path == callback && reads && g.browsers != nil:
		g.browsers.finish(w, r)
	case path == signOutPath && (reads || r.Method == http.MethodPost) && g.browsers != nil:
		g.browsers.signOut(w, r)
	default:
		refuse(w, http.StatusNotFound, "No route leads there.")
	}
}

// pass lets a request through that brings what is needed: a token in its header or,
// where browsers may come, a session.
func (g *Guard) pass(w http.ResponseWriter, r *http.Request, n need) {
	byHeader := g.guard.Require(n.requirement)(g.service)
	if g.browsers == nil || !n.browsers || r.Header["Authorization"] != nil {
		byHeader.ServeHTTP(w, r)
		return
	}
	v, err := g.browsers.visit(w, r)
	if err == nil && n.requirement.MetBy(v.principal, g.now()) {
		g.service.ServeHTTP(w, v.request(r))
		return
	}
	if v.fresh != nil {
		http.SetCookie(w, v.fresh)
	}
	switch {
	case errors.Is(err, errForged):
		refuse(w, http.StatusForbidden, "Another site made the browser send this request.")
	case err != nil:
		g.log.ErrorContext(r.Context(), "a session was not checked", "reason", err)
		w.Header().Set("Retry-After", "2")
		refuse(w, http.StatusServiceUnavailable, "The session cannot be checked at the moment.")
	case navigates(r) && v.session.recent(n.purpose(n.requirement.Nearest(scopesOf(v.principal))), g.now()):
		showPage(w, http.StatusForbidden, "You may not see this page", "You were asked to sign in for it, and your account does not have the right. If you need it, ask whoever runs this service.", signOutPath, "Sign out")
	case navigates(r):
		g.browsers.begin(w, r, n, v.principal)
	default:
		byHeader.ServeHTTP(w, v.request(r)) // for the words of the refusal
	}
}

func (g *Guard) proxy(upstream *url.URL, c Config) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		// By now the headers that end at this hop are gone, those that Connection
		// names among them: ours are set afterwards and arrive.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			forwarded(r, c.proxies())
			strip(r.Out.Header, "Client-Cert", c.ClientCertificateHeader)
			// Behind any other protocol that begins here there are requests that nobody judges.
			if upgrade := r.Out.Header.Get("Upgrade"); upgrade != "" && !strings.EqualFold(upgrade, "websocket") {
				for _, name := range []string{"Connection", "Upgrade", "Http2-Settings"} {
					r.Out.Header.Del(name)
				}
			}
			if g.browsers != nil {
				g.browsers.jar.withhold(r.Out.Header)
			}
			// A trailer would come after us, and some servers add it to the headers.
			r.Out.Trailer = nil
			if !c.ForwardAuthorization {
				r.Out.Header.Del("Authorization")
				r.Out.Header.Del(dpop.Header)
			}
			for name, value := range g.introduction(r.In.Context()) {
				if value != "" {
					r.Out.Header.Set(name, value)
				}
			}
		},
		ModifyResponse: func(r *http.Response) error {
			keepFresh(r.Header, r.Request.Context())
			return nil
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

// forwarded tells the service by whom and how it was asked: what a trusted proxy tells of
// that is true, and nobody else is believed.
func forwarded(r *httputil.ProxyRequest, proxies []netip.Prefix) {
	trusted := resource.ComesFrom(r.In, proxies)
	if trusted {
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
	}
	r.SetXForwarded()
	if scheme := r.In.Header.Values("X-Forwarded-Proto"); trusted && len(scheme) == 1 {
		r.Out.Header.Set("X-Forwarded-Proto", scheme[0])
	}
}

// errRevoked says why a request was cut off that had begun.
var errRevoked = errors.New("the token was revoked meanwhile")

// unhurried gives those who were let in as long as the service gives them, for streams
// and large bodies, but no longer than they may: the server's own limits are for strangers.
func (g *Guard) unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := resource.PrincipalFrom(r.Context())
		if p == nil {
			next.ServeHTTP(w, r)
			return
		}
		// A writer that knows no deadlines has none.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		ctx, cut := context.WithCancelCause(r.Context())
		defer cut(nil)
		r = r.WithContext(ctx)
		go g.watch(r, p, cut)
		next.ServeHTTP(w, r)
	})
}

// watch cuts a request off once its token is revoked. One that expires ends what else
// would never end; an answer that was begun in time is given to its end.
func (g *Guard) watch(r *http.Request, p *resource.Principal, cut context.CancelCauseFunc) {
	endless := r.Header.Get("Upgrade") != "" || strings.Contains(r.Header.Get("Accept"), "text/event-stream")
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	again := time.NewTicker(judgedAgain)
	defer again.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-again.C:
		}
		if _, err := g.tokens.Authenticate(r.Context(), token); !errors.Is(err, resource.ErrInvalidToken) {
			continue
		}
		if expired := !p.ExpiresAt.IsZero() && !g.now().Before(p.ExpiresAt); endless || !expired {
			cut(errRevoked)
		}
		return
	}
}

func (g *Guard) unreachable(w http.ResponseWriter, r *http.Request, err error) {
	keepFresh(w.Header(), r.Context())
	switch {
	case errors.Is(context.Cause(r.Context()), errRevoked):
		refuse(w, http.StatusUnauthorized, "The token was revoked while the service was asked.")
		return
	case errors.Is(err, context.Canceled):
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
