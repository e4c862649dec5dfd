package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// How much of each list is shown.
const (
	recentSignIns = 20
	shownClients  = 100
)

// back is what leads here after a sign-in.
const back = "?flow=console:"

// Pages answers /console.
type Pages struct {
	Browsers  *browser.Keeper
	Store     *postgres.Store
	Directory *directory.Service
	Fail      func(http.ResponseWriter, *http.Request, error)
	Refuse    func(http.ResponseWriter, *http.Request, templates.Error)
	Now       func() time.Time
}

// Show is GET /console.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	in, err := v.SignedIn(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	if in == nil {
		browser.SeeOther(w, oidc.SignInPath+back)
		return
	}
	page, err := p.page(r.Context(), v, in)
	switch {
	case errors.Is(err, directory.ErrForbidden):
		p.refuse(w, r, in)
	case err != nil:
		p.Fail(w, r, err)
	default:
		browser.Show(w, r, page, browser.Sending{})
	}
}

// refuse leads on who lacks nothing but a stronger sign-in, and has the means for one.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, in *postgres.SignedIn) {
	able, err := p.canStepUp(r.Context(), in)
	switch {
	case err != nil:
		p.Fail(w, r, err)
	case able:
		browser.SeeOther(w, oidc.StepUpPath+back)
	default:
		p.Refuse(w, r, templates.Error{Status: http.StatusForbidden})
	}
}

func (p *Pages) canStepUp(ctx context.Context, in *postgres.SignedIn) (bool, error) {
	if !authz.AnyMatches(in.Person.Rights.RoleScopes, authz.ScopeAdmin) {
		return false, nil
	}
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return false, err
	}
	need := catalogue.Rules[authz.ScopeAdmin].NeedsACR
	if in.Session.ACR.Satisfies(need) {
		return false, nil // something else is missing
	}
	have, err := p.Store.ForUser(in.Person.ID).Authenticators(ctx)
	return len(authn.Reaches(have, in.Session.AMR, need)) > 0, err
}

func (p *Pages) page(ctx context.Context, v *browser.Visit, in *postgres.SignedIn) (page templates.Console, err error) {
	a, err := p.actor(ctx, in)
	if err != nil {
		return page, err
	}
	if page.Layout, err = v.Layout(ctx); err != nil {
		return page, err
	}
	counts, err := p.Directory.Counts(ctx, a)
	if err != nil {
		return page, err
	}
	page.Counts = templates.Counts(counts)
	if page.SignIns, err = p.signIns(ctx, a); err != nil {
		return page, err
	}
	if page.Clients, err = p.clients(ctx, a); err != nil {
		return page, err
	}
	page.Keys, err = p.keys(ctx)
	return page, err
}

// actor is the person with the scopes of their role that the sign-in is strong
// enough for. Groups and extra grants are left out: they count in one tenant, and
// the console shows all. Its error is [directory.ErrForbidden] without "admin".
func (p *Pages) actor(ctx context.Context, in *postgres.SignedIn) (directory.Actor, error) {
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return directory.Actor{}, err
	}
	a := directory.Actor{Name: in.Person.Username, User: in.Person.ID, IPAddress: browser.AddressFrom(ctx)}
	for name, info := range catalogue.Scopes {
		if authz.AnyMatches(in.Person.Rights.RoleScopes, name) && in.Session.ACR.Satisfies(info.NeedsACR) {
			a.Scopes = append(a.Scopes, name)
		}
	}
	if !a.Scopes.Has(authz.ScopeAdmin) {
		return a, directory.ErrForbidden
	}
	return a, nil
}

// signIns is the newest sessions, whose users and tenants are asked for once each.
func (p *Pages) signIns(ctx context.Context, a directory.Actor) ([]templates.ConsoleSignIn, error) {
	sessions, err := p.Directory.Sessions(ctx, a, directory.SessionFilter{Paging: directory.Paging{Limit: recentSignIns}})
	if err != nil {
		return nil, err
	}
	users, tenants := map[authz.UserID]string{}, map[authz.TenantID]string{}
	var all []templates.ConsoleSignIn
	for _, s := range sessions.Items {
		if _, known := users[s.User]; !known {
			u, err := p.Directory.User(ctx, a, s.User.String())
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return nil, err
			}
			users[s.User] = u.Username
		}
		if _, known := tenants[s.Tenant]; !known {
			t, err := p.Directory.Tenant(ctx, a, s.Tenant.String())
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return nil, err
			}
			tenants[s.Tenant] = t.Name
		}
		line := templates.ConsoleSignIn{At: s.AuthTime, LastSeenAt: s.LastSeenAt, Username: users[s.User], Tenant: tenants[s.Tenant]}
		if s.IPAddress.IsValid() {
			line.Address = s.IPAddress.String()
		}
		all = append(all, line)
	}
	return all, nil
}

func (p *Pages) clients(ctx context.Context, a directory.Actor) ([]templates.ConsoleClient, error) {
	clients, err := p.Directory.Clients(ctx, a, directory.ClientFilter{Paging: directory.Paging{Limit: shownClients}})
	var all []templates.ConsoleClient
	for _, c := range clients.Items {
		all = append(all, templates.ConsoleClient{ID: c.ID, Name: c.Name, Kind: string(c.Kind), CreatedAt: c.CreatedAt, Disabled: !c.DisabledAt.IsZero()})
	}
	return all, err
}

var keyStates = map[keys.State]templates.KeyState{
	keys.Next: templates.KeyNext, keys.Active: templates.KeyCurrent, keys.Retired: templates.KeyRetired,
}

// keys is what stands in the JWKS, the newest first.
func (p *Pages) keys(ctx context.Context) ([]templates.ConsoleKey, error) {
	rows, err := p.Store.SigningKeys(ctx)
	var all []templates.ConsoleKey
	for _, k := range rows {
		if state, published := keyStates[keys.StateAt(k, p.Now())]; published {
			all = append(all, templates.ConsoleKey{ID: k.KID, Algorithm: k.Algorithm, State: state, CreatedAt: k.CreatedAt, EndsAt: k.ExpiresAt})
		}
	}
	slices.SortStableFunc(all, func(x, y templates.ConsoleKey) int { return y.CreatedAt.Compare(x.CreatedAt) })
	return all, err
}
