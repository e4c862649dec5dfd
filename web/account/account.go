package account

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/recovery"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// Pages answers the addresses below /account.
type Pages struct {
	Browsers *browser.Keeper
	Store    *postgres.Store
	Factors  *authn.Factors
	// Passkeys is nil where there are none.
	Passkeys  *authn.Passkeys
	Hasher    *authn.Hasher
	Directory *directory.Service
	Recovery  *recovery.Service
	// NoMail says that no mail can be sent.
	NoMail bool
	Log    *slog.Logger
	Fail   func(http.ResponseWriter, *http.Request, error)
	Now    func() time.Time
	// LedgerLifetime is how long the ids of what ends here stay in the ledger.
	LedgerLifetime time.Duration
}

// Show is GET /account.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request) {
	v, in := p.visit(w, r)
	if in == nil {
		return
	}
	page, err := p.page(r, v, in)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, page, browser.Sending{})
}

// visit is who is signed in; for nobody it answers with the sign-in page.
func (p *Pages) visit(w http.ResponseWriter, r *http.Request) (*browser.Visit, *postgres.SignedIn) {
	v := p.Browsers.Visit(w, r)
	in, err := v.SignedIn(r.Context())
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case in == nil:
		browser.SeeOther(w, oidc.SignInPath+waits(r))
	case p.Now().After(in.Session.LastSeenAt.Add(time.Minute)):
		if err := p.Store.ForUser(in.Person.ID).TouchSession(r.Context(), in.Session.ID, p.Now()); err != nil {
			p.Fail(w, r, err)
			return v, nil
		}
	}
	return v, in
}

// waits is the query by which a sign-in leads back to the page that was asked for; what was
// sent to it is gone.
func waits(r *http.Request) string {
	name, found := strings.CutPrefix(r.URL.Path, "/account/")
	if !found || r.Method != http.MethodGet || strings.Contains(name, "/") {
		return ""
	}
	return "?" + url.Values{"flow": {"account:" + name}}.Encode()
}

func (p *Pages) page(r *http.Request, v *browser.Visit, in *postgres.SignedIn) (templates.Account, error) {
	layout, err := v.Layout(r.Context())
	if err != nil {
		return templates.Account{}, err
	}
	places, err := p.places(r.Context(), in)
	if err != nil {
		return templates.Account{}, err
	}
	page := templates.Account{
		Layout: layout, Notice: templates.AccountNotice(r.URL.Query().Get("done")),
		Username: in.Person.Username, DisplayName: in.Person.DisplayName, Email: in.Person.Email, Role: in.Person.Role,
		SeveralPlaces: len(places) > 1,
	}
	if i := slices.IndexFunc(places, func(at templates.AccountPlace) bool { return at.Current }); i >= 0 {
		page.Place = places[i]
	}
	own := p.Store.ForUser(in.Person.ID)
	have, err := own.Authenticators(r.Context())
	if err != nil {
		return page, err
	}
	page.Ways = templates.AccountWays{Password: have.Password, App: have.TOTP != nil, Passkeys: len(have.Passkeys), RecoveryCodes: have.RecoveryCodes}
	sessions, err := own.Sessions(r.Context(), p.Now())
	if err != nil {
		return page, err
	}
	for _, s := range sessions {
		browser, system := device(s.UserAgent)
		page.Sessions = append(page.Sessions, templates.AccountSession{
			ID: s.ID, Browser: browser, System: system, Address: s.IPAddress.String(),
			SignedInAt: s.AuthTime, LastSeenAt: s.LastSeenAt, Current: s.ID == in.Session.ID,
		})
	}
	consents, err := own.Consents(r.Context())
	if err != nil {
		return page, err
	}
	page.Applications, err = p.applications(r, in, consents)
	return page, err
}

func (p *Pages) applications(r *http.Request, in *postgres.SignedIn, consents []storage.Consent) ([]templates.AccountApplication, error) {
	catalogue, err := p.Store.Catalogue(r.Context())
	if err != nil {
		return nil, err
	}
	var all []templates.AccountApplication
	for _, c := range consents {
		client, err := p.Store.Client(r.Context(), c.Client)
		if err != nil {
			return nil, err
		}
		tenant, _ := in.Person.Tenant(c.Tenant)
		app := templates.AccountApplication{Client: c.Client, Name: client.Name, Tenant: c.Tenant, TenantName: tenant.Name, Since: c.GrantedAt, LastUsed: c.LastUsedAt}
		for _, scope := range c.Scopes {
			info, known := catalogue.Scopes[scope]
			if !known {
				info = storage.ScopeInfo{Name: scope}
			}
			app.Scopes = append(app.Scopes, browser.ScopeWords(info))
		}
		all = append(all, app)
	}
	return all, nil
}

// RevokeSession is POST /account/sessions/revoke. Another's session is not found,
// which looks like one that has ended.
func (p *Pages) RevokeSession(w http.ResponseWriter, r *http.Request) {
	_, in := p.visit(w, r)
	if in == nil {
		return
	}
	id, err := authz.ParseID[authz.SessionID](r.PostFormValue("session_id"))
	if err == nil {
		now := p.Now()
		err = p.Store.ForUser(in.Person.ID).EndSession(r.Context(), id, "revoked by the user", browser.AddressFrom(r.Context()), now, now.Add(p.LedgerLifetime))
		if err != nil {
			p.Fail(w, r, err)
			return
		}
	}
	p.done(w, templates.SessionRevoked)
}

// RevokeOtherSessions is POST /account/sessions/revoke-others.
func (p *Pages) RevokeOtherSessions(w http.ResponseWriter, r *http.Request) {
	_, in := p.visit(w, r)
	if in == nil {
		return
	}
	now := p.Now()
	err := p.Store.ForUser(in.Person.ID).EndOtherSessions(r.Context(), in.Session.ID, "revoked by the user", browser.AddressFrom(r.Context()), now, now.Add(p.LedgerLifetime))
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.done(w, templates.OtherSessionsRevoked)
}

// Withdraw is POST /account/apps/withdraw: the consent and every token it led to.
func (p *Pages) Withdraw(w http.ResponseWriter, r *http.Request) {
	_, in := p.visit(w, r)
	if in == nil {
		return
	}
	now := p.Now()
	err := p.Store.ForUser(in.Person.ID).WithdrawConsent(r.Context(), authz.ClientID(r.PostFormValue("client_id")), browser.AddressFrom(r.Context()), now, now.Add(p.LedgerLifetime))
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.done(w, templates.ApplicationWithdrawn)
}

func (p *Pages) done(w http.ResponseWriter, notice templates.AccountNotice) {
	browser.SeeOther(w, "/account?"+url.Values{"done": {string(notice)}}.Encode())
}
