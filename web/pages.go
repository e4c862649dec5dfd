package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
	"github.com/gatehouse/gatehouse/web/login"
)

// pages shows the pages of the protocol.
type pages struct {
	browsers *browser.Keeper
	store    *postgres.Store
}

// Error implements [oidc.Pages].
func (p pages) Error(w http.ResponseWriter, r *http.Request, e oidc.PageError) {
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	browser.Show(w, r, templates.Error{
		Layout: p.browsers.PlainLayout(r), Status: e.Status, Problem: problem(e), Code: e.Code, Description: e.Description,
		RequestID: requestID(r.Context()),
	}, browser.Sending{Status: e.Status})
}

// problem picks the page's words by what the description speaks of.
func problem(e oidc.PageError) templates.Problem {
	switch {
	case e.Status >= http.StatusInternalServerError:
		return ""
	case e.Code == "invalid_client":
		return templates.ProblemClient
	case strings.Contains(e.Description, "redirect_uri"):
		return templates.ProblemRedirectURI
	case e.Code == "invalid_request" && strings.Contains(e.Description, "another browser"):
		return templates.ProblemBrowser
	}
	return templates.ProblemRequest
}

// FormPost implements [oidc.Pages].
func (p pages) FormPost(w http.ResponseWriter, r *http.Request, action string, parameters url.Values) {
	page := templates.FormPost{Layout: p.browsers.PlainLayout(r), Action: action}
	for name := range parameters {
		page.Fields = append(page.Fields, templates.Field{Name: name, Value: parameters.Get(name)})
	}
	slices.SortFunc(page.Fields, func(a, b templates.Field) int { return strings.Compare(a.Name, b.Name) })
	target, err := url.Parse(action)
	if err != nil {
		p.Error(w, r, oidc.PageError{Status: http.StatusInternalServerError, Code: "server_error"})
		return
	}
	browser.Show(w, r, page, browser.Sending{LeadsTo: target, Script: true})
}

// ConfirmSignOut implements [oidc.Pages].
func (p pages) ConfirmSignOut(w http.ResponseWriter, r *http.Request, c oidc.ConfirmSignOut) {
	layout, err := p.browsers.Visit(w, r).Layout(r.Context())
	if err != nil {
		p.Error(w, r, oidc.PageError{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable"})
		return
	}
	page := templates.ConfirmSignOut{Layout: layout, Flow: c.Flow}
	page.Client, page.Brand = p.client(r, c.ClientID)
	browser.Show(w, r, page, browser.Sending{LeadsTo: c.LeadsTo})
}

// SignedOut implements [oidc.Pages].
func (p pages) SignedOut(w http.ResponseWriter, r *http.Request, s oidc.SignedOut) {
	v := p.browsers.Visit(w, r)
	v.At(oidc.SignInPath)
	layout, err := v.Layout(r.Context())
	if err != nil {
		layout = p.browsers.PlainLayout(r) // they are signed out: that is what to say
	}
	page := templates.SignedOut{Layout: layout, Frames: browser.Addresses(s.Frames)}
	var name string
	name, page.Brand = p.client(r, s.ClientID)
	if s.Back != nil {
		// The link does the same; this is for whoever waits. The frames get the time to load.
		w.Header().Set("Refresh", "3; url="+s.Back.String())
		if s.Back.Scheme == "https" || s.Back.Scheme == "http" { // no page links to another
			page.Back = s.Back.String()
		}
		page.Client = name
	}
	browser.Show(w, r, page, browser.Sending{Frames: s.Frames})
}

// client is how a client is called, and how its tenant looks; nothing for one that is not known.
func (p pages) client(r *http.Request, id string) (string, *templates.Brand) {
	client, err := p.store.Client(r.Context(), authz.ClientID(id))
	if err != nil {
		return "", nil
	}
	if client.Tenant.IsZero() {
		return client.Name, nil
	}
	brand, err := login.BrandOf(r.Context(), p.store, client.Tenant)
	if err != nil {
		return client.Name, nil
	}
	return client.Name, brand
}
