package oidc

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/ledger"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Config is what a [Provider] is made of.
type Config struct {
	// Issuer is the issuer identifier: an URL without query, fragment or trailing slash.
	Issuer string
	Store  *postgres.Store
	Ledger *ledger.Ledger
	Keys   *keys.Ring
	// Secret is the master secret; every other key is derived from it.
	Secret []byte
	// Outbound fetches what clients point to.
	Outbound *outbound.Client
	Pages    Pages
	// ClientAuthorities issue the certificates of tls_client_auth (RFC 8705 §2.1); nil
	// for none. MutualTLS is the base URL of the listener that asks for certificates;
	// "" where the issuer's own does.
	ClientAuthorities *x509.CertPool
	MutualTLS         string
	// FetchRequestURIs lets clients keep request objects at addresses of their own
	// (RFC 9101 §5.2). RequirePushedRequests refuses any request that was not pushed
	// (RFC 9126 §5).
	FetchRequestURIs, RequirePushedRequests bool
	// LegacyResponseTypes lets clients that are registered for it have ID tokens from the
	// authorization endpoint (OpenID Connect Core §3.2, §3.3).
	LegacyResponseTypes bool
	ClientDocuments     ClientDocuments
	Registration        RegistrationMode
	// NoMail says that no mail can be sent, so that nobody makes an account for themselves.
	NoMail    bool
	Log       *slog.Logger
	Now       func() time.Time
	Lifetimes Lifetimes
	// CallerAddress is where a request comes from, as far as proxies are trusted.
	CallerAddress func(context.Context) netip.Addr
}

// RegistrationMode says who may register clients at [RegistrationPath], beside
// administrators, who may anyway.
type RegistrationMode string

// The modes.
const (
	RegistrationOff   RegistrationMode = "off"   // nobody; the endpoint is not announced
	RegistrationToken RegistrationMode = "token" // who holds an initial access token
	RegistrationOpen  RegistrationMode = "open"  // anybody
)

// TakesTokens reports whether clients may register that no administrator registers.
func (m RegistrationMode) TakesTokens() bool { return m == RegistrationToken || m == RegistrationOpen }

// Lifetimes are how long things live.
type Lifetimes struct {
	Code            time.Duration
	AccessToken     time.Duration
	IDToken         time.Duration
	RefreshIdle     time.Duration
	RefreshAbsolute time.Duration
	// RefreshGrace is how long the last but one refresh token is answered with
	// its own successor, for the answer that was lost on the way.
	RefreshGrace time.Duration
	// PushedRequest is how long a pushed authorization request waits to be used.
	PushedRequest time.Duration
}

// LedgerLifetime is how long an id stays in the ledger: no token that carries it
// can be alive by then.
func (l Lifetimes) LedgerLifetime() time.Duration { return l.AccessToken + time.Hour }

// Pages are the few pages that the protocol itself shows.
type Pages interface {
	// Error shows what went wrong to a person: before a redirect URI can be
	// trusted there is nobody else to tell.
	Error(w http.ResponseWriter, r *http.Request, e PageError)
	// FormPost hands an authorization response to the client by a form that the
	// browser posts (OAuth 2.0 Form Post Response Mode).
	FormPost(w http.ResponseWriter, r *http.Request, action string, parameters url.Values)
	// ConfirmSignOut asks whether to sign out, when nobody can vouch for who asked.
	ConfirmSignOut(w http.ResponseWriter, r *http.Request, c ConfirmSignOut)
	// SignedOut says that it is done, when there is nowhere to go back to or somebody
	// to tell first.
	SignedOut(w http.ResponseWriter, r *http.Request, s SignedOut)
}

// SignedOut is what the page at the end of a sign-out tells, and whom.
type SignedOut struct {
	// Frames are the clients' pages that it loads (OpenID Connect Front-Channel Logout 1.0).
	Frames []*url.URL
	// Back is where the person goes on to, and ClientID whose that is; nil for nowhere.
	Back     *url.URL
	ClientID string
}

// PageError is an error in words for a person.
type PageError struct {
	// Status is the HTTP status.
	Status int
	// Code is the OAuth error code.
	Code string
	// Description says what was wrong with the request.
	Description string
}

// ConfirmSignOut is what the confirmation page needs and carries back.
type ConfirmSignOut struct {
	// Flow is the sealed request.
	Flow     string
	ClientID string
	// LeadsTo is where the person goes afterwards; nil for nowhere.
	LeadsTo *url.URL
}

// Provider answers the protocol's endpoints. It is safe for concurrent use.
type Provider struct {
	Config
	fosite     fosite.OAuth2Provider
	flows      flowSealer
	refresh    refreshTokens
	nonces     *dpop.Nonces
	subjects   subjects
	authReqIDs []byte
	pepper     []byte
	guesses    guesses
	dummyCheck []byte
	discovery  atomic.Pointer[published]
	keySets    *outbound.Cache[jose.JSONWebKeySet]
	documents  *outbound.Cache[clientDocument]
	// news rings when the ledger, or what tokens rest on, has changed.
	news bell
	// released is closed when no answer is held back any more.
	released    chan struct{}
	feedCursors feedCursors
}

// New composes a provider.
func New(c Config) (*Provider, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, fmt.Errorf("issuer %q is not an URL", c.Issuer)
	}
	p := &Provider{Config: c, released: make(chan struct{}), keySets: outbound.NewCache(c.Outbound, "application/jwk-set+json, application/json", publishedKeySet, c.Now)}
	p.documents = outbound.NewCache(c.Outbound, "application/json", parseClientDocument, c.Now)
	var pairwise, hidden, nonces []byte
	for _, derived := range []struct {
		purpose string
		into    *[]byte
	}{
		{"refresh token ratchet", &p.refresh.ratchet},
		{"refresh token seal", &p.refresh.seal},
		{"client secret of nobody", &p.dummyCheck},
		{"DPoP nonce", &nonces},
		{"auth_req_id", &p.authReqIDs},
		{"pairwise subjects", &pairwise},
		{"hidden subjects", &hidden},
		{"cursors of the revocation feed", &p.feedCursors.key},
	} {
		*derived.into, err = hkdf.Key(sha256.New, c.Secret, nil, "gatehouse "+derived.purpose, 32)
		if err != nil {
			return nil, fmt.Errorf("derive key for %s: %w", derived.purpose, err)
		}
	}
	p.Store.Follow(postgres.Follower{Tables: ledger.Tables, Reset: p.news.ring, Changed: func(postgres.Change) { p.news.ring() }})
	p.nonces = dpop.NewNonces(nonces)
	if p.subjects, err = newSubjects(pairwise, hidden); err != nil {
		return nil, err
	}
	if p.pepper, err = storage.ClientSecretPepper(c.Secret); err != nil {
		return nil, err
	}
	if p.flows, err = newFlowSealer(c.Secret); err != nil {
		return nil, err
	}
	if _, err = p.publish(&postgres.Catalogue{}); err != nil {
		return nil, err
	}
	p.fosite = p.compose()
	return p, nil
}

// deadUntil is when an entry of the ledger that is made now may leave it.
func (p *Provider) deadUntil(now time.Time) time.Time { return now.Add(p.Lifetimes.LedgerLifetime()) }

// endpoint is the absolute URL of a path of ours.
func (p *Provider) endpoint(path string) string { return p.Issuer + path }
