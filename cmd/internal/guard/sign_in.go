package guard

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// Paths below ownPaths are the guard's, and never lead to the service.
const (
	ownPaths    = "/.gatehouse/"
	callback    = ownPaths + "callback"
	signOutPath = ownPaths + "sign-out"
	keysPath    = ownPaths + "keys"
)

const (
	// attemptLifetime is how long somebody may take to sign in.
	attemptLifetime = 30 * time.Minute
	// maxReturn bounds where to return to: the state travels in an address.
	maxReturn = 2000
)

// browsers lets people in who sign in at the issuer. It is a client of the issuer like
// any other; all that it knows of a browser is sealed in a cookie of that browser.
type browsers struct {
	jar       jar
	client    *client
	caller    *http.Client
	audience  string
	base      string
	after     string
	endpoints endpoints
	idTokens  *oidc.IDTokenVerifier
	tokens    resource.Authenticator
	refreshes *refreshes
	now       func() time.Time
	log       *slog.Logger
}

// endpoints is what the issuer's metadata tells beyond what go-oidc reads.
type endpoints struct {
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Revocation    string `json:"revocation_endpoint"`
	EndSession    string `json:"end_session_endpoint"`
}

func newBrowsers(ctx context.Context, c Config, s secrets, tokens resource.Authenticator, now func() time.Time, log *slog.Logger) (*browsers, error) {
	caller := &http.Client{
		Timeout:       issuerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), caller), c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("prepare to sign people in: %w", err)
	}
	b := &browsers{
		jar: jar{s.cookies, strings.HasPrefix(c.SignIn.BaseURL, "https:")}, client: s.client, caller: caller,
		audience: c.Audience, base: c.SignIn.BaseURL, after: c.SignIn.AfterSignOut, tokens: tokens,
		refreshes: &refreshes{now: now, known: map[[32]byte]*refreshed{}}, now: now, log: log,
		idTokens: provider.Verifier(&oidc.Config{ClientID: string(c.Client.ID), Now: now}),
	}
	if b.after == "" {
		b.after = "/"
	}
	if err := provider.Claims(&b.endpoints); err != nil {
		return nil, fmt.Errorf("prepare to sign people in: %w", err)
	}
	return b, nil
}

// attempt is a sign-in on its way, sealed in its state: nothing is kept for anybody who
// has not signed in. It counts in the browser that began it alone.
type attempt struct {
	Browser  string `json:"b"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Return   string `json:"r"`
	For      string `json:"f"`
	Expires  int64  `json:"e"`
}

const statePurpose = "state"

// purpose names what a route needs, for [session.For].
func (n need) purpose(scopes authz.ScopeSet) string {
	sum := sha256.Sum256(fmt.Append(nil, scopes, n.signIn.ACR, n.signIn.MaxAge))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// begin sends a browser to the issuer. p is who came without what the route needs, nil
// for nobody: what they may already is asked for again.
func (b *browsers) begin(w http.ResponseWriter, r *http.Request, n need, p *resource.Principal) {
	needed := n.requirement.Nearest(scopesOf(p))
	asked := authz.ScopeSet{authz.ScopeOpenID, authz.ScopeOfflineAccess}
	for _, scope := range slices.Concat(needed, scopesOf(p)) {
		asked = asked.With(scope)
	}
	browser := b.jar.read(r, browserCookie)
	if browser == "" {
		browser = randomText()
		http.SetCookie(w, b.jar.cookie(browserCookie, browser, 0))
	}
	begun := attempt{
		Browser: browser, Nonce: randomText(), Verifier: randomText(), Return: r.RequestURI, For: n.purpose(needed),
		Expires: b.now().Add(attemptLifetime).Unix(),
	}
	if len(begun.Return) > maxReturn {
		begun.Return = "/"
	}
	challenge := sha256.Sum256([]byte(begun.Verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {string(b.client.ID)}, "redirect_uri": {b.base + callback}, "resource": {b.audience},
		"scope": {asked.String()}, "state": {b.jar.seals.seal(statePurpose, begun)}, "nonce": {begun.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	if acr := n.signIn.ACR; len(acr) > 0 {
		query.Set("acr_values", strings.Trim(fmt.Sprint(acr), "[]"))
	}
	if n.signIn.MaxAge > 0 {
		query.Set("max_age", strconv.Itoa(int(n.signIn.MaxAge.Seconds())))
	}
	redirect(w, b.endpoints.Authorization+"?"+query.Encode())
}

func scopesOf(p *resource.Principal) authz.ScopeSet {
	if p == nil {
		return nil
	}
	return p.Scopes
}

// finish is the redirect URI.
func (b *browsers) finish(w http.ResponseWriter, r *http.Request) {
	begun, got, err := b.complete(r)
	if err == nil {
		err = b.jar.keepSession(w, session{Access: got.Access, Refresh: got.Refresh, For: begun.For, At: b.now().Unix()})
	}
	if err != nil {
		b.fail(w, r, err)
		return
	}
	// Without the hint a sign-out has to be confirmed; it is no reason to refuse.
	if b.jar.keep(w, hintCookie, b.jar.seals.seal(hintCookie, got.ID)) != nil {
		b.jar.forget(w, hintCookie)
	}
	redirect(w, begun.Return)
}

var (
	errForeignAttempt = errors.New("the sign-in was begun in another browser, or too long ago")
	errForeignIssuer  = errors.New("the answer is not of our issuer")
)

// refusal is an authorization error response (RFC 6749 §4.1.2.1).
type refusal string

func (e refusal) Error() string { return "the issuer refused: " + string(e) }

// complete reads as the law of a sign-in: is the answer for this browser, is it from
// this issuer, is it a yes, and do the tokens fit together?
func (b *browsers) complete(r *http.Request) (begun attempt, got tokens, err error) {
	answer := r.URL.Query()
	browser := b.jar.read(r, browserCookie)
	if err := b.jar.seals.open(statePurpose, only(answer, "state"), &begun); err != nil ||
		browser == "" || subtle.ConstantTimeCompare([]byte(browser), []byte(begun.Browser)) != 1 || b.now().Unix() >= begun.Expires {
		return begun, got, errForeignAttempt
	}
	// RFC 9207 §2.4: before anything else in it is believed, errors included.
	if only(answer, "iss") != b.client.issuer {
		return begun, got, errForeignIssuer
	}
	if answer.Has("error") {
		return begun, got, refusal(fmt.Sprintf("%.60q", only(answer, "error")))
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {only(answer, "code")}, "code_verifier": {begun.Verifier},
		"redirect_uri": {b.base + callback}, "resource": {b.audience},
	}
	if got, err = b.client.ask(r.Context(), b.caller, b.endpoints.Token, form, b.now()); err != nil {
		return begun, got, fmt.Errorf("exchange the code: %w", err)
	}
	// OpenID Connect Core §3.1.3.7: nonce and at_hash are left to us.
	idToken, err := b.idTokens.Verify(oidc.ClientContext(r.Context(), b.caller), got.ID)
	if err != nil {
		return begun, got, fmt.Errorf("verify ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(begun.Nonce)) != 1 {
		return begun, got, errors.New("verify ID token: the nonce is another one")
	}
	if err := idToken.VerifyAccessToken(got.Access); err != nil {
		return begun, got, fmt.Errorf("verify ID token: %w", err)
	}
	return begun, got, nil
}

// only is the value of a parameter that stands there once, else "" (RFC 6749 §3.1).
func only(values url.Values, name string) string {
	if len(values[name]) != 1 {
		return ""
	}
	return values[name][0]
}

// signOut forgets the session here, ends its grant, so that a copy of the cookie is
// worth nothing, and has the issuer end its own (OpenID Connect RP-Initiated Logout §2).
func (b *browsers) signOut(w http.ResponseWriter, r *http.Request) {
	if !bySameOrigin(r, b.base) {
		showPage(w, http.StatusForbidden, "Sign out?", "Another site sent you here. To sign out, use this link.", signOutPath, "Sign out")
		return
	}
	if s, present := b.jar.session(r); present && s.Refresh != "" {
		if _, err := b.client.ask(r.Context(), b.caller, b.endpoints.Revocation, url.Values{"token": {s.Refresh}}, b.now()); err != nil {
			b.log.ErrorContext(r.Context(), "revoke the tokens of a session", "error", err)
		}
	}
	query := url.Values{"client_id": {string(b.client.ID)}, "post_logout_redirect_uri": {b.base + b.after}}
	var hint string
	if err := b.jar.seals.open(hintCookie, b.jar.read(r, hintCookie), &hint); err == nil {
		query.Set("id_token_hint", hint)
	}
	b.jar.forget(w, sessionCookie, hintCookie, browserCookie)
	redirect(w, b.endpoints.EndSession+"?"+query.Encode())
}

// fail tells a person why a sign-in did not come about.
func (b *browsers) fail(w http.ResponseWriter, r *http.Request, err error) {
	b.log.WarnContext(r.Context(), "a sign-in did not come about", "reason", err)
	var refused refusal
	switch {
	case errors.Is(err, errForeignAttempt):
		showPage(w, http.StatusBadRequest, "This sign-in cannot be finished", "It was begun in another browser or too long ago, or cookies are blocked.", "/", "Start again")
	case errors.As(err, &refused):
		showPage(w, http.StatusForbidden, "You were not signed in", "The answer was "+string(refused)+".", "/", "Start again")
	case errors.Is(err, errTooLarge):
		showPage(w, http.StatusForbidden, "You were not signed in", "Your account has more roles and groups than a cookie can hold. Tell whoever runs this service.", "/", "Start again")
	case errors.Is(err, errEnded):
		showPage(w, http.StatusBadRequest, "This sign-in cannot be finished", "It was used already, or took too long.", "/", "Start again")
	default:
		showPage(w, http.StatusBadGateway, "You were not signed in", "Something went wrong between this service and the place where you sign in. Try again in a moment.", "/", "Start again")
	}
}

// redirect is by 302, in place of which a cache would keep nothing.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
}
