package account

import (
	"net/http"
	"net/url"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web/browser"
)

// owner is a person who looks after how they sign in.
type owner struct {
	*browser.Visit
	in   *postgres.SignedIn
	own  *postgres.UserStore
	have storage.Authenticators
	// again is where to prove anew who they are before anything is changed; "" when
	// that was just done.
	again string
}

// owner is who is signed in, for a page of the account by its name; nil when an
// answer was given.
func (p *Pages) owner(w http.ResponseWriter, r *http.Request, page string) *owner {
	v, in := p.visit(w, r)
	if in == nil {
		return nil
	}
	v.At("/account/" + page)
	o := &owner{Visit: v, in: in, own: p.Store.ForUser(in.Person.ID)}
	var err error
	if o.have, err = o.own.Authenticators(r.Context()); err != nil {
		p.Fail(w, r, err)
		return nil
	}
	back := "?" + url.Values{"flow": {"account:" + page}}.Encode()
	switch authn.Stands(in.Session, o.have, p.Now()) {
	case authn.StandsOld:
		o.again = oidc.SignInPath + back
	case authn.StandsWeak:
		o.again = oidc.StepUpPath + back
	}
	return o
}

// fresh is owner for a change: who has not just proven who they are is sent to do so.
func (p *Pages) fresh(w http.ResponseWriter, r *http.Request, page string) *owner {
	o := p.owner(w, r, page)
	if o != nil && o.again != "" {
		browser.SeeOther(w, o.again)
		return nil
	}
	return o
}
