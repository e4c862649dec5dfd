package browser

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Config is what a [Keeper] is made of.
type Config struct {
	Store *postgres.Store
	// Issuer decides whether cookies are Secure and how the foot of a page reads.
	Issuer *url.URL
	// Secret is the master secret.
	Secret []byte
	Now    func() time.Time
	Lifetimes
	// LedgerLifetime is how long the ids of an ended session stay in the ledger.
	LedgerLifetime time.Duration
}

// Lifetimes bound a session: how long it may rest, and how long it lasts however
// busy it is; the Remembered ones where the person asked to be remembered.
type Lifetimes struct {
	Idle, Absolute                     time.Duration
	RememberedIdle, RememberedAbsolute time.Duration
}

// Keeper recognises browsers.
type Keeper struct {
	Config
	csrf   []byte
	state  []byte
	prefix string
}

// New makes a keeper.
func New(c Config) (*Keeper, error) {
	key, err := hkdf.Key(sha256.New, c.Secret, nil, "gatehouse form token", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key for form tokens: %w", err)
	}
	k := &Keeper{Config: c, csrf: key}
	if k.state, err = hkdf.Key(sha256.New, c.Secret, nil, "gatehouse session state", 32); err != nil {
		return nil, fmt.Errorf("derive key for session states: %w", err)
	}
	if c.Issuer.Scheme == "https" {
		// RFC 6265bis §4.1.3.2: such a cookie was set by this host, over TLS, for "/".
		k.prefix = "__Host-"
	}
	return k, nil
}

// Visit is one request of one browser.
type Visit struct {
	keeper *Keeper
	w      http.ResponseWriter
	r      *http.Request
	id     string
	// bare is as [oidc.Browser] has it.
	bare bool
	// uiLocales is as the waiting request has it.
	uiLocales string
	// here is as [Visit.At] has it.
	here string

	read   bool
	reader authz.ClientID
	in     *postgres.SignedIn
}

const (
	sessionCookie = "gatehouse"
	browserCookie = "gatehouse-browser"
	stateCookie   = "gatehouse-state"
	begunCookie   = "gatehouse-begun"
	secretSize    = 32
)

// Visit recognises the browser of a request, and gives it its cookie when it has none.
func (k *Keeper) Visit(w http.ResponseWriter, r *http.Request) *Visit {
	v := &Visit{keeper: k, w: w, r: r}
	if c := only(r, k.prefix+browserCookie); c != nil && len(c.Value) == base64.RawURLEncoding.EncodedLen(secretSize) {
		v.id = c.Value
		return v
	}
	v.bare = len(r.CookiesNamed(k.prefix+browserCookie))+len(r.CookiesNamed(k.prefix+sessionCookie)) == 0
	v.id = base64.RawURLEncoding.EncodeToString(random(secretSize))
	k.setCookie(w, browserCookie, v.id, 0)
	// Whoever asks again within this request means the same browser.
	r.AddCookie(&http.Cookie{Name: k.prefix + browserCookie, Value: v.id})
	return v
}

// only is the one cookie of a name. Where there are two, somebody else has planted
// one, from a sister site or a page without TLS, and nobody can say which: none counts.
func only(r *http.Request, name string) *http.Cookie {
	if named := r.CookiesNamed(name); len(named) == 1 {
		return named[0]
	}
	return nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return b
}

// setCookie sends a cookie that lives for maxAge, as long as the browser for 0,
// and not at all for less.
func (k *Keeper) setCookie(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: k.prefix + name, Value: value, Path: "/", MaxAge: int(maxAge / time.Second),
		Secure: k.prefix != "", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// StateCookie is the name of the cookie that [oidc.Browser] State is kept in.
func (k *Keeper) StateCookie() string { return k.prefix + stateCookie }

// setState keeps what scripts in a frame of another site compare: so it is not HttpOnly
// and, where browsers allow that, sent to any site's frames. It is worth nothing itself.
func (k *Keeper) setState(w http.ResponseWriter, value string, maxAge time.Duration) {
	c := &http.Cookie{Name: k.StateCookie(), Value: value, Path: "/", MaxAge: int(maxAge / time.Second), SameSite: http.SameSiteLaxMode}
	if k.prefix != "" {
		c.Secure, c.SameSite = true, http.SameSiteNoneMode
	}
	http.SetCookie(w, c)
}

// stateOf is another value for each session, the same for its whole life.
func (k *Keeper) stateOf(sid authz.SessionID) string {
	mac := hmac.New(sha256.New, k.state)
	mac.Write(sid[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// state is what the browser keeps of a session; one that lost it, or began before there
// was any, is given it, or its clients would see a change for ever.
func (v *Visit) state(sid authz.SessionID) string {
	value := v.keeper.stateOf(sid)
	if c, err := v.r.Cookie(v.keeper.StateCookie()); err != nil || c.Value != value {
		v.keeper.setState(v.w, value, 0)
	}
	return value
}

// CSRF is the token that every form of this browser carries.
func (v *Visit) CSRF() string {
	mac := hmac.New(sha256.New, v.keeper.csrf)
	mac.Write([]byte(v.id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// FormIsOurs reports whether the posted form carries this browser's token.
func (v *Visit) FormIsOurs() bool {
	return hmac.Equal([]byte(v.r.PostFormValue("csrf")), []byte(v.CSRF()))
}

// ID is the value of the browser's own cookie, to which what waits for an answer is bound.
func (v *Visit) ID() string { return v.id }

// Protocol is the browser as the protocol's endpoints see it.
func (v *Visit) Protocol() oidc.Browser {
	return oidc.Browser{ID: v.id, Bare: v.bare, Begun: v.begun(), Begin: v.begin, SignedIn: v.SignedInFor, State: v.state, SignOut: v.SignOut}
}

// begun is how many requests have paused in this browser. Nobody but its own person can
// change that, and gains nothing by it.
func (v *Visit) begun() int {
	c := only(v.r, v.keeper.prefix+begunCookie)
	if c == nil {
		return 0
	}
	n, err := strconv.ParseInt(c.Value, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return int(n)
}

// begin counts one more. Of two that begin at once both may have the same number,
// which makes room for one more.
func (v *Visit) begin() int {
	n := v.begun() + 1
	v.keeper.setCookie(v.w, begunCookie, strconv.Itoa(n), 0)
	return n
}

// SignedIn is who is signed in, nil for nobody.
func (v *Visit) SignedIn(ctx context.Context) (*postgres.SignedIn, error) {
	return v.SignedInFor(ctx, "")
}

// SignedInFor is who is signed in, with what they approved for a client. It is
// read once for each request.
func (v *Visit) SignedInFor(ctx context.Context, client authz.ClientID) (*postgres.SignedIn, error) {
	if v.read && v.reader == client {
		return v.in, nil
	}
	in, err := v.readSession(ctx, client)
	if err != nil {
		return nil, err
	}
	v.read, v.reader, v.in = true, client, in
	return in, nil
}

func (v *Visit) readSession(ctx context.Context, client authz.ClientID) (*postgres.SignedIn, error) {
	cookie := only(v.r, v.keeper.prefix+sessionCookie)
	if cookie == nil {
		return nil, nil
	}
	id, secret, ok := parseSessionCookie(cookie.Value)
	if !ok {
		return nil, nil
	}
	in, err := v.keeper.Store.SignedIn(ctx, id, client)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, member := in.Person.Tenant(in.Session.Tenant)
	if !hmac.Equal(hashOf(secret), in.Session.SecretHash) || !in.Session.Live(v.keeper.Now()) ||
		!in.Person.DisabledAt.IsZero() || !member {
		return nil, nil
	}
	return &in, nil
}

const sessionPrefix = "gth_ss_"

func sessionCookieValue(id authz.SessionID, secret []byte) string {
	return sessionPrefix + base64.RawURLEncoding.EncodeToString(append(id[:], secret...))
}

func parseSessionCookie(value string) (authz.SessionID, []byte, bool) {
	encoded, found := strings.CutPrefix(value, sessionPrefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	// The decoder skips line breaks even when strict.
	if !found || err != nil || strings.ContainsAny(encoded, "\r\n") || len(raw) != 16+secretSize {
		return authz.SessionID{}, nil, false
	}
	return authz.SessionID(raw[:16]), raw[16:], true
}

func hashOf(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// SignIn begins a new session for a person who has proven who they are, in one of
// their tenants, and ends the one that this browser had: no session survives a
// sign-in under its old id. It is [storage.ErrNotFound] when the proof does not hold any more.
func (v *Visit) SignIn(ctx context.Context, person storage.Person, proof authn.Proof, tenant authz.TenantID, remember bool) error {
	k, secret := v.keeper, random(secretSize)
	now := k.Now()
	idle, absolute := k.Idle, k.Absolute
	if remember {
		idle, absolute = k.RememberedIdle, k.RememberedAbsolute
	}
	before, err := v.SignedIn(ctx)
	if err != nil {
		return err
	}
	session := storage.Session{
		ID: authz.NewID[authz.SessionID](now), TokenJTI: authz.NewID[authz.SessionID](now),
		User: person.ID, Tenant: tenant, SecretHash: hashOf(secret), CreatedAt: now, ExpiresAt: now.Add(absolute), IdleLifetime: idle,
		IPAddress: AddressFrom(ctx), UserAgent: userAgent(v.r),
		// Whole seconds, as the claim auth_time is.
		AuthTime: proof.AuthTime.Truncate(time.Second), ACR: proof.ACR, AMR: proof.AMR,
	}
	if person.Preferences.Tenant == tenant {
		session.Project = person.Preferences.Project
	}
	var ends authz.SessionID
	if before != nil && before.Person.ID == person.ID {
		ends = before.Session.ID
	} else if before != nil {
		if err := v.end(ctx, before.Session); err != nil {
			return err
		}
	}
	if err := k.Store.ForUser(person.ID).InsertSession(ctx, session, proof.Evidence, v.Language(), ends, now.Add(k.LedgerLifetime)); err != nil {
		return err
	}
	var maxAge time.Duration
	if remember {
		maxAge = absolute
	}
	k.setCookie(v.w, sessionCookie, sessionCookieValue(session.ID, secret), maxAge)
	k.setState(v.w, k.stateOf(session.TokenJTI), maxAge)
	// The forms of the page that was signed in on are of no use afterwards.
	v.read, v.in = false, nil
	return nil
}

// Elevate is the session of this browser after its user has proven more: under
// another id and secret, so that whoever knew the former has nothing. What stands
// beneath the session stays.
func (v *Visit) Elevate(ctx context.Context, session storage.Session, proof authn.Proof) error {
	k, secret := v.keeper, random(secretSize)
	now, former := k.Now(), session.ID
	session.ID, session.SecretHash = authz.NewID[authz.SessionID](now), hashOf(secret)
	session.ACR, session.AMR, session.LastSeenAt = proof.ACR, proof.AMR, now
	if err := k.Store.ForUser(session.User).ElevateSession(ctx, former, session); err != nil {
		return err
	}
	var maxAge time.Duration
	if session.IdleLifetime == k.RememberedIdle {
		maxAge = session.ExpiresAt.Sub(now)
	}
	k.setCookie(v.w, sessionCookie, sessionCookieValue(session.ID, secret), maxAge)
	v.read, v.in = false, nil
	return nil
}

// userAgent is bounded: it is kept and shown.
func userAgent(r *http.Request) string {
	agent := strings.ToValidUTF8(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, r.UserAgent()), "")
	if len(agent) > 300 {
		agent = strings.ToValidUTF8(agent[:300], "")
	}
	return agent
}

// SignOut ends the browser's session and every token beneath it.
func (v *Visit) SignOut(ctx context.Context) error {
	in, err := v.SignedIn(ctx)
	if err != nil {
		return err
	}
	if in != nil {
		if err := v.end(ctx, in.Session); err != nil {
			return err
		}
	}
	v.keeper.setCookie(v.w, sessionCookie, "", -time.Second)
	v.keeper.setState(v.w, "", -time.Second)
	v.read, v.in = false, nil
	return nil
}

func (v *Visit) end(ctx context.Context, s storage.Session) error {
	now := v.keeper.Now()
	return v.keeper.Store.ForUser(s.User).EndSession(ctx, s.ID, "signed out", AddressFrom(ctx), now, now.Add(v.keeper.LedgerLifetime))
}

type addressKey struct{}

// WithAddress keeps the caller's network address, as far as proxies are trusted.
func WithAddress(ctx context.Context, a netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, a)
}

// AddressFrom is the caller's network address; zero when it is not known.
func AddressFrom(ctx context.Context) netip.Addr {
	a, _ := ctx.Value(addressKey{}).(netip.Addr)
	return a
}
