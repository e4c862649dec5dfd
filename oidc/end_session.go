package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// signOut is a request to sign out while it is judged.
type signOut struct {
	parameters url.Values
	clientID   string
	client     *storage.Client // the one of clientID; zero when it is not known
	// subject and sid are of the id_token_hint; "" without one.
	subject, sid string
	back         *url.URL
	confirmed    bool
}

// EndSession is RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0), by
// GET and POST. A hint of the very session that is signed in vouches for the
// request; without one the person is asked, so that no foreign page can sign
// anybody out.
func (p *Provider) EndSession(w http.ResponseWriter, r *http.Request, b Browser) {
	if p.comeAgain(w, r, b) {
		return
	}
	s, err := p.readSignOut(w, r, b)
	if err != nil {
		p.page(w, r, err)
		return
	}
	if s == nil { // the person chose to stay
		redirect(w, "/account")
		return
	}
	in, err := b.SignedIn(r.Context(), "")
	if err != nil {
		p.page(w, r, err)
		return
	}
	vouched := in != nil && s.subject != "" && s.subject == p.subjects.of(s.client, in.Person.ID) && s.sid == in.Session.TokenJTI.String()
	if in != nil && !vouched && !s.confirmed {
		p.askToSignOut(w, r, b, s)
		return
	}
	done := SignedOut{Back: s.back, ClientID: s.clientID}
	if in != nil {
		if done.Frames, err = p.FrontChannelLogouts(r.Context(), in.Session); err == nil {
			err = b.SignOut(r.Context())
		}
		if err != nil {
			p.page(w, r, err)
			return
		}
	}
	if s.back == nil || len(done.Frames) > 0 {
		p.Pages.SignedOut(w, r, done)
		return
	}
	redirect(w, s.back.String())
}

// readSignOut reads a new request, or the answer of the confirmation page; nil
// when that was no.
func (p *Provider) readSignOut(w http.ResponseWriter, r *http.Request, b Browser) (*signOut, error) {
	parameters, err := endSessionParameters(w, r)
	if err != nil {
		return nil, err
	}
	s := &signOut{parameters: parameters}
	if r.Method == http.MethodPost && parameters.Has("flow") {
		f, err := p.flows.open(toSignOut, parameters.Get("flow"), b.ID, p.Now())
		if err != nil {
			return nil, badRequest("invalid_request", elsewhere)
		}
		if parameters.Get("decision") != "sign-out" {
			return nil, nil
		}
		s.parameters, s.confirmed = f.Parameters, true
	}
	s.clientID = s.parameters.Get("client_id")
	if hint := s.parameters.Get("id_token_hint"); hint != "" {
		claims, err := p.openIDToken(hint)
		if err != nil || s.clientID != "" && s.clientID != string(claims.Audience) {
			return nil, badRequest("invalid_request", "The id_token_hint is not an ID token that this issuer made for this application.")
		}
		s.clientID, s.sid, s.subject = string(claims.Audience), claims.SID, claims.Subject
	}
	switch s.client, err = p.Store.Client(r.Context(), authz.ClientID(s.clientID)); {
	case errors.Is(err, storage.ErrNotFound):
		s.client = nobody.Client
	case err != nil:
		return nil, err
	}
	s.back, err = postLogoutRedirect(s.client, s.parameters)
	return s, err
}

func (p *Provider) askToSignOut(w http.ResponseWriter, r *http.Request, b Browser, s *signOut) {
	sealed, err := p.flows.seal(toSignOut, flow{Parameters: s.parameters, RequestedAt: p.Now(), Browser: digest([]byte(b.ID))})
	if err != nil {
		p.page(w, r, err)
		return
	}
	p.Pages.ConfirmSignOut(w, r, ConfirmSignOut{Flow: sealed, ClientID: s.clientID, LeadsTo: s.back})
}

func endSessionParameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost {
		return form(w, r)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(r.URL.RawQuery) > maxQuery {
		return nil, badRequest("invalid_request", "The query is not well-formed or too long.")
	}
	return once(query)
}

// postLogoutRedirect is where to go afterwards: exactly a URI that the client has
// registered (RP-Initiated Logout §3), or nil for nowhere.
func postLogoutRedirect(c *storage.Client, parameters url.Values) (*url.URL, error) {
	given := parameters.Get("post_logout_redirect_uri")
	if given == "" {
		return nil, nil
	}
	refused := badRequest("invalid_request", "The post_logout_redirect_uri is not one that is registered for this application.")
	if !slices.Contains(c.PostLogoutRedirectURIs, given) {
		return nil, refused
	}
	back, err := url.Parse(given)
	if err != nil {
		return nil, refused
	}
	if state := parameters.Get("state"); state != "" {
		back.RawQuery = strings.TrimPrefix(back.RawQuery+"&"+url.Values{"state": {state}}.Encode(), "&")
	}
	return back, nil
}
