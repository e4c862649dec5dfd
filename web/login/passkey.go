package login

import (
	"errors"
	"net/http"

	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

func passkeyQuestion(c authn.Ceremony) *templates.PasskeyQuestion {
	return &templates.PasskeyQuestion{Options: string(c.Options), State: c.State}
}

func passkeyAnswer(r *http.Request, v *browser.Visit) authn.Answer {
	return authn.Answer{Browser: v.ID(), State: r.PostFormValue("state"), Response: r.PostFormValue("response")}
}

// SignInWithPasskey is POST /login/passkey.
func (p *Pages) SignInWithPasskey(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	page := templates.SignIn{Flow: r.PostFormValue("flow")}
	question, ok := p.question(w, r, v, page.Flow)
	if !ok {
		return
	}
	proof, err := p.passkeyProof(r, v)
	if err != nil {
		p.refuse(w, r, v, page, question, err)
		return
	}
	err = p.enter(w, r, v, proof, r.PostFormValue("remember") == "on", p.next(page.Flow, question))
	if errors.Is(err, storage.ErrNotFound) {
		err = authn.ErrPasskey // removed since, or the account disabled
	}
	if err != nil {
		p.refuse(w, r, v, page, question, err)
	}
}

func (p *Pages) passkeyProof(r *http.Request, v *browser.Visit) (authn.Proof, error) {
	if p.Passkeys == nil {
		return authn.Proof{}, authn.ErrPasskey
	}
	return p.Passkeys.SignIn(r.Context(), passkeyAnswer(r, v))
}

// OfferPasskey is GET /login/passkey/new: after a sign-in by password, in a browser
// that could make a passkey, once.
func (p *Pages) OfferPasskey(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	in := p.signedIn(r.Context(), w, r, v)
	if in == nil {
		return
	}
	flow := r.URL.Query().Get("flow")
	question, ok := p.question(w, r, v, flow)
	if !ok {
		return
	}
	if p.Passkeys == nil || authn.Stands(in.Session, storage.Authenticators{}, p.Now()) != authn.StandsFresh {
		p.goOn(w, flow)
		return
	}
	page := templates.OfferPasskey{Flow: flow}
	for _, kind := range []struct {
		silent bool
		into   *templates.PasskeyQuestion
	}{{false, &page.Passkey}, {true, &page.Silent}} {
		ceremony, err := p.Passkeys.BeginRegistration(r.Context(), in.Person.User, v.ID(), kind.silent)
		if err != nil {
			p.Fail(w, r, err)
			return
		}
		*kind.into = *passkeyQuestion(ceremony)
	}
	var err error
	if page.Layout, err = p.layout(r.Context(), v, question.Client.Tenant); err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, page, browser.Sending{LeadsTo: question.Redirect, Script: true})
}

// AnswerPasskeyOffer is POST /login/passkey/new. What went wrong is not this
// moment's business: the person is on the way to an application.
func (p *Pages) AnswerPasskeyOffer(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	in := p.signedIn(r.Context(), w, r, v)
	if in == nil {
		return
	}
	flow := r.PostFormValue("flow")
	question, ok := p.question(w, r, v, flow)
	if !ok {
		return
	}
	err := p.answerPasskeyOffer(r, v, in)
	for _, harmless := range []error{authn.ErrExpired, authn.ErrPasskey, authn.ErrPasskeyExists, authn.ErrPasskeyModel, authn.ErrTooManyPasskeys} {
		if errors.Is(err, harmless) {
			p.Log.InfoContext(r.Context(), "passkey not made", "user", in.Person.ID, "error", err)
			err = nil
		}
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.SeeOther(w, p.next(flow, question)(in.Person))
}

func (p *Pages) answerPasskeyOffer(r *http.Request, v *browser.Visit, in *postgres.SignedIn) error {
	if p.Passkeys == nil {
		return nil
	}
	if r.PostFormValue("decision") != "create" {
		return p.Passkeys.Decline(r.Context(), in.Person.ID)
	}
	have, err := p.Store.ForUser(in.Person.ID).Authenticators(r.Context())
	if err != nil {
		return err
	}
	if authn.Stands(in.Session, have, p.Now()) != authn.StandsFresh {
		return authn.ErrExpired
	}
	_, err = p.Passkeys.Register(r.Context(), in.Person.User, passkeyAnswer(r, v), "", v.Event(in.Person, "user.passkey.add", p.Now()))
	return err
}
