package demo

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"

	"github.com/gatehouse/gatehouse/templates"
)

// departure is a sign-out on its way through Gatehouse, kept under its state. It
// holds the old access token, to show afterwards that it is dead.
type departure struct {
	browser string
	token   string
}

// signOut forgets the session here and has Gatehouse end its own (OpenID Connect
// RP-Initiated Logout §2).
func (a *App) signOut(w http.ResponseWriter, r *http.Request, s *session) {
	at, err := a.issuer.get(r.Context())
	if err != nil {
		a.fail(w, r, failed(templates.DemoUnreachable, err))
		return
	}
	browser, state := browserID(r), rand.Text()
	// A token that has merely expired would prove nothing, so a living one is kept.
	// Without one the sign-out is no worse, and the page shows less.
	if token, err := a.accessToken(r.Context(), s); err == nil {
		a.departures.put(state, departure{browser, token})
	}
	a.sessions.take(browser)
	to := *at.endSession
	query := to.Query()
	query.Set("id_token_hint", s.idToken)
	query.Set("post_logout_redirect_uri", a.BaseURL+SignedOutPath)
	query.Set("state", state)
	to.RawQuery = query.Encode()
	redirect(w, to.String())
}

// signedOut shows what the API says to the old token, once.
func (a *App) signedOut(w http.ResponseWriter, r *http.Request) {
	left, known := a.departures.take(only(r.URL.Query(), "state"))
	if !known || subtle.ConstantTimeCompare([]byte(left.browser), []byte(browserID(r))) != 1 {
		redirect(w, "/")
		return
	}
	answer, err := a.ask(r.Context(), "alive", alivePath, left.token)
	if err != nil {
		a.fail(w, r, failed(templates.DemoSilent, err))
		return
	}
	page := a.pageOf(r)
	page.Refused = answer
	a.show(w, r, http.StatusOK, page)
}
