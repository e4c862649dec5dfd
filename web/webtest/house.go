package webtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/jobs"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/browser"
)

// What every house knows from the start.
const (
	// Password is the password of every user.
	Password = "correct horse battery staple"
	// ClientSecret is the secret of every confidential client.
	ClientSecret = "gth_cs_test-secret-of-every-client"
	// RedirectURI is registered for every client with a browser.
	RedirectURI = "https://app.example/callback"
)

// House is one deployment.
type House struct {
	T      testing.TB
	URL    string
	DSN    string
	Store  *postgres.Store
	Keys   *keys.Ring
	World  *storagetest.World
	Tenant authz.TenantID
	// Log is everything that was logged.
	Log *Log

	secret []byte
	offset *atomic.Int64
	server *httptest.Server
	made   *web.Server
	// answers is made, and what stands around it.
	answers *atomic.Pointer[http.Handler]
}

// Option changes how a house is booted.
type Option func(*web.Config, *postgres.Options)

// Log collects what is logged.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

var passwordHash = sync.OnceValue(func() string {
	hash, err := authn.NewHasher().Hash(context.Background(), authn.NewPassword(Password))
	if err != nil {
		panic(err)
	}
	return hash
})

// Boot starts a house with one tenant, "acme".
func Boot(t testing.TB, options ...Option) *House {
	t.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	h := &House{T: t, DSN: storagetest.NewDSN(t), secret: secret, offset: &atomic.Int64{}, Log: &Log{}}
	h.World = storagetest.NewWorld(t, h.DSN)
	h.Tenant = h.World.Tenant("acme")
	h.start(options)
	return h
}

// Replica starts another server of the same deployment: same database, same
// secret, same clock, same issuer.
func (h *House) Replica(options ...Option) *House {
	h.T.Helper()
	replica := *h
	replica.start(append(options, func(c *web.Config, _ *postgres.Options) {
		c.Issuer, _ = url.Parse(h.URL)
	}))
	return &replica
}

// Work does the jobs that requests set off, until the test ends.
func (h *House) Work() {
	h.T.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- jobs.Run(ctx, h.Store, slog.New(slog.DiscardHandler), h.made.Jobs(nil, netmail.Address{})...)
	}()
	h.T.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			h.T.Errorf("jobs: %v", err)
		}
	})
}

// Secret is the master secret.
func (h *House) Secret() []byte { return h.secret }

// Now is the house's clock.
func (h *House) Now() time.Time { return time.Now().Add(time.Duration(h.offset.Load())) }

// Advance moves the clock of the house.
func (h *House) Advance(d time.Duration) { h.offset.Add(int64(d)) }

func (h *House) start(options []Option) {
	h.T.Helper()
	answers := &atomic.Pointer[http.Handler]{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*answers.Load()).ServeHTTP(w, r) }))
	h.T.Cleanup(server.Close)
	issuer, err := url.Parse(server.URL)
	if err != nil {
		h.T.Fatal(err)
	}
	c := web.Config{
		Issuer: issuer, Secret: h.secret, Now: h.Now,
		Log:             slog.New(slog.NewTextHandler(io.MultiWriter(h.Log, h.T.Output()), &slog.HandlerOptions{Level: slog.LevelDebug})),
		ClientDocuments: oidc.ClientDocuments{Enabled: true},
		Tokens: oidc.Lifetimes{
			Code: time.Minute, AccessToken: 10 * time.Minute, IDToken: 10 * time.Minute,
			RefreshIdle: 14 * 24 * time.Hour, RefreshAbsolute: 90 * 24 * time.Hour, RefreshGrace: 10 * time.Second, PushedRequest: time.Minute,
		},
		Sessions: browser.Lifetimes{Idle: 30 * time.Minute, Absolute: 12 * time.Hour, RememberedIdle: 14 * 24 * time.Hour, RememberedAbsolute: 30 * 24 * time.Hour},
	}
	o := postgres.Options{Log: c.Log}
	for _, option := range options {
		option(&c, &o)
	}
	h.Store = storagetest.Open(h.T, h.DSN, o)
	h.World.Tell(h.Store)
	if h.Keys, err = keys.Open(h.T.Context(), h.Store, h.secret, h.Now); err != nil {
		h.T.Fatalf("open keys: %v", err)
	}
	c.Store, c.Keys = h.Store, h.Keys
	made, err := web.New(c)
	if err != nil {
		h.T.Fatalf("boot: %v", err)
	}
	h.made, h.server, h.URL, h.answers = made, server, c.Issuer.String(), answers
	h.Surround(func(made http.Handler) http.Handler { return made })
	for begun := time.Now(); !h.Store.Fresh(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			h.T.Fatal("boot: the store does not hear of changes")
		}
	}
}

// Surround puts something around the server of this replica, in the place of what was
// around it before.
func (h *House) Surround(with func(made http.Handler) http.Handler) {
	around := with(h.made)
	h.answers.Store(&around)
}

// Server is what answers for this house.
func (h *House) Server() *web.Server { return h.made }

// Socket is where this replica really listens; URL is the issuer.
func (h *House) Socket() string { return h.server.URL }

// User adds a user with [Password], of role user unless another one is given.
func (h *House) User(username string, role ...authz.Role) authz.UserID {
	h.T.Helper()
	return h.World.User(username, append(role, authz.RoleUser)[0], passwordHash(), h.Tenant)
}

// UserOf is a user of any tenants.
func (h *House) UserOf(username string, tenants ...authz.TenantID) authz.UserID {
	h.T.Helper()
	return h.World.User(username, authz.RoleUser, passwordHash(), tenants...)
}

// Client adds a client of the tenant with [ClientSecret] and [RedirectURI].
func (h *House) Client(id string, change ...func(*storage.Client)) storage.Client {
	h.T.Helper()
	c := storage.Client{
		ID: authz.ClientID(id), Tenant: h.Tenant, AuthMethod: storage.AuthMethodBasic, RedirectURIs: []string{RedirectURI},
		Scopes: []authz.Pattern{"openid", "profile", "email", "phone", "address", "offline_access", "user", "agents:read", "tools:execute", "admin"},
	}
	for _, f := range change {
		f(&c)
	}
	if c.AuthMethod == storage.AuthMethodBasic || c.AuthMethod == storage.AuthMethodPost {
		pepper, err := storage.ClientSecretPepper(h.secret)
		if err != nil {
			h.T.Fatal(err)
		}
		c.SecretHash = storage.HashClientSecret(pepper, ClientSecret)
	}
	return h.World.Client(c)
}

// Machine is a client for the client credentials grant.
func (h *House) Machine(id string, change ...func(*storage.Client)) storage.Client {
	h.T.Helper()
	return h.Client(id, append([]func(*storage.Client){func(c *storage.Client) {
		c.Kind, c.GrantTypes, c.RedirectURIs = storage.ClientService, []string{storage.GrantClientCredentials}, nil
		c.Scopes = []authz.Pattern{"agents:read", "tools:execute"}
	}}, change...)...)
}

// AtLocalhost is the option of a house that is reached by a name: browsers have
// passkeys for names alone.
func AtLocalhost(c *web.Config, _ *postgres.Options) {
	c.Issuer = &url.URL{Scheme: "http", Host: "localhost:" + c.Issuer.Port()}
}

// ServeHTTP answers a request without a network in between.
func (h *House) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.made.ServeHTTP(w, r) }
