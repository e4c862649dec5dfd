package web

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/event"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/oidc/mail"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/oidc/recovery"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/jobs"
	"github.com/gatehouse/gatehouse/storage/ledger"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/account"
	"github.com/gatehouse/gatehouse/web/api"
	"github.com/gatehouse/gatehouse/web/browser"
	"github.com/gatehouse/gatehouse/web/console"
	"github.com/gatehouse/gatehouse/web/login"
)

// Config is what a [Server] is made of.
type Config struct {
	Issuer *url.URL
	Store  *postgres.Store
	Keys   *keys.Ring
	// Secret is the master secret.
	Secret []byte
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// RelatedOrigins may use the same passkeys.
	RelatedOrigins []string
	// PasskeyMetadata vouches for models of authenticators; nil without any.
	PasskeyMetadata *authn.Metadata
	// InsecureOutbound lets addresses that clients register be plain http and inside
	// this network: for development.
	InsecureOutbound bool
	// ClientAuthorities and MutualTLS are as in [oidc.Config]. ClientCertificateHeader is
	// the header in which the trusted proxies pass on a client's certificate; "" for none.
	ClientAuthorities       *x509.CertPool
	MutualTLS               string
	ClientCertificateHeader string
	// FetchRequestURIs, RequirePushedRequests and LegacyResponseTypes are as in [oidc.Config].
	FetchRequestURIs, RequirePushedRequests, LegacyResponseTypes bool
	// ClientDocuments is as in [oidc.Config].
	ClientDocuments oidc.ClientDocuments
	// Registration says who may register clients, and UnusedClients how long one that registers
	// openly works while nobody uses it; 0 for good.
	Registration  oidc.RegistrationMode
	UnusedClients time.Duration
	Tokens        oidc.Lifetimes
	Sessions      browser.Lifetimes
	// NoMail says that no mail can be sent, so that nobody is promised any. Mailbox is
	// where it goes while trying things out; nil elsewhere.
	NoMail  bool
	Mailbox *mail.Folder
	// MailLanguage is as in [mail.Post] Language.
	MailLanguage string
	// Observe is told of every request when it is over, in the request's context; nil for nobody.
	Observe func(context.Context, Observation)
	Log     *slog.Logger
	Now     func() time.Time
}

// Server answers everything that a browser or a client asks for.
type Server struct {
	Config
	provider *oidc.Provider
	ledger   *ledger.Ledger
	browsers *browser.Keeper
	login    *login.Pages
	account  *account.Pages
	console  *console.Pages
	api      *api.API
	links    *authn.Links
	recovery *recovery.Service
	events   *event.Sender
	gate     *gate
	handler  http.Handler
	// draining: the process is about to end.
	draining atomic.Bool
	// reached is whether the database was there when it was last asked, for [Server.Ready].
	reached struct {
		sync.Mutex
		at  time.Time
		err error
	}
}

// New puts the house together.
func New(c Config) (*Server, error) {
	dead := c.Tokens.LedgerLifetime()
	browsers, err := browser.New(browser.Config{
		Store: c.Store, Issuer: c.Issuer, Secret: c.Secret, Now: c.Now, Lifetimes: c.Sessions, LedgerLifetime: dead,
	})
	if err != nil {
		return nil, err
	}
	away := outbound.New(c.InsecureOutbound)
	remembered := ledger.New(c.Store, dead, c.Now)
	provider, err := oidc.New(oidc.Config{
		Issuer: c.Issuer.String(), Store: c.Store, Ledger: remembered, Keys: c.Keys, Secret: c.Secret, CallerAddress: browser.AddressFrom, Log: c.Log, Now: c.Now, Lifetimes: c.Tokens,
		Pages: pages{browsers, c.Store}, Outbound: away,
		ClientAuthorities: c.ClientAuthorities, MutualTLS: c.MutualTLS,
		FetchRequestURIs: c.FetchRequestURIs, RequirePushedRequests: c.RequirePushedRequests, LegacyResponseTypes: c.LegacyResponseTypes, ClientDocuments: c.ClientDocuments, Registration: c.Registration, NoMail: c.NoMail,
	})
	if err != nil {
		return nil, err
	}
	pepper, err := storage.ClientSecretPepper(c.Secret)
	if err != nil {
		return nil, err
	}
	d, hasher := directory.New(c.Store, pepper, c.Now), authn.NewHasher()
	s := &Server{Config: c, provider: provider, ledger: remembered, browsers: browsers, gate: newGate()}
	limits := authn.NewLimits(c.Store, c.Now)
	passkeys, err := authn.NewPasskeys(authn.PasskeyConfig{
		Issuer: c.Issuer, RelatedOrigins: c.RelatedOrigins, Metadata: c.PasskeyMetadata, Secret: c.Secret, Store: c.Store, Now: c.Now,
	})
	if err != nil {
		return nil, err
	}
	factors, err := authn.NewFactors(c.Store, limits, c.Secret, c.Issuer.Hostname(), c.Now)
	if err != nil {
		return nil, err
	}
	if s.links, err = authn.NewLinks(c.Issuer.String(), c.Secret); err != nil {
		return nil, err
	}
	s.recovery = &recovery.Service{Store: c.Store, Directory: d, Links: s.links, Limits: limits, Hasher: hasher, Passkeys: passkeys, Now: c.Now}
	s.login = &login.Pages{
		Recovery: s.recovery, NoMail: c.NoMail,
		Provider: provider, Browsers: browsers, Store: c.Store, Fail: s.fail, Refuse: s.refuse, Log: c.Log, Now: c.Now,
		Authenticator: authn.New(c.Store, hasher, limits, c.Now), Limits: limits, Factors: factors, Passkeys: passkeys, Directory: d,
	}
	s.account = &account.Pages{
		Recovery: s.recovery, NoMail: c.NoMail,
		Browsers: browsers, Store: c.Store, Factors: factors, Passkeys: passkeys, Hasher: hasher, Directory: d, Log: c.Log, Fail: s.fail, Now: c.Now, LedgerLifetime: dead,
	}
	secrets, err := event.NewSecrets(c.Secret)
	if err != nil {
		return nil, err
	}
	s.events = &event.Sender{
		Issuer: c.Issuer.String(), Store: c.Store, Keys: c.Keys, Outbound: away, Secrets: secrets, Subject: provider.SubjectOf, Log: c.Log, Now: c.Now,
	}
	s.console = &console.Pages{Browsers: browsers, Store: c.Store, Directory: d, Fail: s.fail, Refuse: s.refuse, Now: c.Now}
	s.api, err = api.New(api.Config{
		Issuer: c.Issuer.String(), Store: c.Store, Directory: d, Tokens: provider, Statements: provider, Hasher: hasher, Outbound: away, Secret: c.Secret, Log: c.Log, Now: c.Now, Registration: c.Registration, UnusedClients: c.UnusedClients, LegacyResponseTypes: c.LegacyResponseTypes,
		Keys: func(context.Context) (*keys.Ring, error) { return c.Keys, nil },
	})
	if err != nil {
		return nil, err
	}
	s.handler = s.compose()
	return s, nil
}

// Jobs is the work that requests set off and that is done behind them. Letters go to the carrier, from an address.
func (s *Server) Jobs(carrier mail.Carrier, from netmail.Address) []jobs.Entry {
	post := &mail.Post{Issuer: s.Issuer, Links: s.links, From: from, Language: s.MailLanguage, Carrier: carrier, Log: s.Log, Now: s.Now}
	return []jobs.Entry{
		jobs.On(s.recovery.Answer), jobs.On(s.recovery.AnswerRegistration), jobs.On(post.Deliver), jobs.On(s.provider.SendLogoutToken), jobs.On(s.provider.SendBackchannelPing),
		jobs.On(s.events.Deliver),
	}
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) compose() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, route := range s.routes() {
		mux.Handle(strings.TrimSpace(route.method+" "+route.path), s.guarded(route))
		if route.method == "" {
			continue
		}
		methods[route.path] = append(methods[route.path], route.method)
		if route.guard == shared {
			s.preflight(mux, route.path, methods)
		}
	}
	for path, allowed := range methods {
		// Without a method the pattern is the wider one: it gets what no route above took.
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			for _, method := range allowed {
				w.Header().Add("Allow", method)
			}
			s.refuse(w, r, templates.Error{Status: http.StatusMethodNotAllowed})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, templates.Error{Status: http.StatusNotFound})
	})
	return s.around(s.observed(s.asWritten(mux)))
}

// asWritten refuses a path with "//", "." or ".." in it, which the mux would answer with
// the way to the clean one and 307: the browser would send its form a second time.
func (s *Server) asWritten(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		written := r.URL.EscapedPath()
		if clean := path.Clean(written); written != clean && written != clean+"/" {
			s.refuse(w, r, templates.Error{Status: http.StatusNotFound})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// preflight answers a browser that asks whether another origin's script may call
// the endpoint: any may, for no cookie ever takes part there.
func (s *Server) preflight(mux *http.ServeMux, path string, methods map[string][]string) {
	if slices.Contains(methods[path], http.MethodOptions) {
		return
	}
	methods[path] = append(methods[path], http.MethodOptions)
	mux.HandleFunc("OPTIONS "+path, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		h.Set("Access-Control-Max-Age", "3600")
		w.WriteHeader(http.StatusNoContent)
	})
}

// home is the issuer's own address, for a person who wonders what this is.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	layout, err := s.browsers.Visit(w, r).Layout(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	browser.Show(w, r, templates.Home{Layout: layout, Discovery: s.Issuer.String() + "/.well-known/openid-configuration"}, browser.Sending{})
}

// healthy says that the process lives; it asks nobody.
func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// fail shows a fault as a page: that there was one, and the number under which the
// log has it.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, storage.ErrUnavailable) {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "2")
	}
	s.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err, "request_id", requestID(r.Context()))
	s.refuse(w, r, templates.Error{Status: status})
}

// refuse shows what was wrong with a request as a page.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, page templates.Error) {
	page.Layout = s.browsers.PlainLayout(r)
	page.RequestID = requestID(r.Context())
	browser.Show(w, r, page, browser.Sending{Status: page.Status})
}
