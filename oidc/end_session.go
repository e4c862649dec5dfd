package oidc

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
)

// EndSession is RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0), by
// GET and POST. A hint of the very session that is signed in vouches for the
// request; without one the person is asked, so that no foreign page can sign
// anybody out. confirmed says that the person just said yes.
func (p *Provider) EndSession(w http.ResponseWriter, r *http.Request, b Browser, confirmed bool) {
	parameters, err := endSessionParameters(w, r)
	if err != nil {
		p.page(w, r, err)
		return
	}
	var clientID, sid, subject string
	clientID = parameters.Get("client_id")
	if hint := parameters.Get("id_token_hint"); hint != "" {
		claims, err := p.openIDToken(hint)
		if err != nil || clientID != "" && clientID != string(claims.Audience) {
			p.page(w, r, badRequest("invalid_request", "The id_token_hint is not an ID token that this issuer made for this application."))
			return
		}
		clientID, sid, subject = string(claims.Audience), claims.SID, claims.Subject
	}
	back, err := p.postLogoutRedirect(r, clientID, parameters)
	if err != nil {
		p.page(w, r, err)
		return
	}
	in, err := b.SignedIn(r.Context(), "")
	if err != nil {
		p.page(w, r, err)
		return
	}
	vouched := in != nil && subject == in.Person.ID.String() && sid == in.Session.TokenJTI.String()
	if in != nil && !vouched && !confirmed {
		p.Pages.ConfirmSignOut(w, r, ConfirmSignOut{
			ClientID: clientID, PostLogoutRedirectURI: parameters.Get("post_logout_redirect_uri"), State: parameters.Get("state"),
		})
		return
	}
	if in != nil {
		if err := b.SignOut(r.Context()); err != nil {
			p.page(w, r, err)
			return
		}
	}
	if back == nil {
		p.Pages.SignedOut(w, r)
		return
	}
	redirect(w, back.String())
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
func (p *Provider) postLogoutRedirect(r *http.Request, clientID string, parameters url.Values) (*url.URL, error) {
	given := parameters.Get("post_logout_redirect_uri")
	if given == "" {
		return nil, nil
	}
	refused := badRequest("invalid_request", "The post_logout_redirect_uri is not one that is registered for this application.")
	c, err := p.Store.Client(r.Context(), authz.ClientID(clientID))
	if err != nil {
		if ignoreNotFound(err) == nil {
			return nil, refused
		}
		return nil, err
	}
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
