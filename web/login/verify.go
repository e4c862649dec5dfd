package login

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// verification is one more step, of a sign-in that is not complete or of a session
// that is not strong enough.
type verification struct {
	flow, sealed string
	// first is what was proven of a sign-in; nil for a session.
	first    *authn.FirstFactor
	in       *postgres.SignedIn
	person   storage.Person
	question oidc.StepUpQuestion
	have     storage.Authenticators
	methods  []authn.Method
}

// askSecond sends a person whose password was right on to the second factor. There
// is no session yet.
func (p *Pages) askSecond(w http.ResponseWriter, r *http.Request, v *browser.Visit, flow string, proof authn.Proof, remember bool) {
	sealed, err := p.Factors.Pend(proof, remember, v.ID())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.SeeOther(w, step(oidc.StepUpPath, flow, "first", sealed))
}

// verification finds out what is asked of whom; nil when the answer was given.
func (p *Pages) verification(w http.ResponseWriter, r *http.Request, v *browser.Visit, flow, sealed string) *verification {
	s := &verification{flow: flow, sealed: sealed}
	var err error
	if sealed != "" {
		var first authn.FirstFactor
		first, s.person, err = p.Factors.Pending(r.Context(), sealed, v.ID())
		s.first, s.question.Need = &first, authz.ACRMultiFactor
		if requestWaits(flow) && err == nil {
			var q oidc.SignInQuestion
			q, err = p.Provider.SignIn(r.Context(), v.Protocol(), flow)
			s.question.Client, s.question.Redirect = q.Client, q.Redirect
			v.PreferLocales(q.UILocales)
		}
	} else {
		err = p.stepUp(r, v, s)
	}
	switch {
	case errors.Is(err, authn.ErrExpired):
		browser.SeeOther(w, step(oidc.SignInPath, flow))
		return nil
	case err != nil:
		p.Provider.Refuse(w, r, err)
		return nil
	}
	if s.have, err = p.Store.ForUser(s.person.ID).Authenticators(r.Context()); err != nil {
		p.Fail(w, r, err)
		return nil
	}
	s.methods = slices.DeleteFunc(authn.Reaches(s.have, s.proof().AMR, s.question.Need), func(m authn.Method) bool {
		return m == authn.MethodPasskey && p.Passkeys == nil
	})
	if s.question.Need == "" || len(s.methods) == 0 {
		p.goOn(w, flow)
		return nil
	}
	return s
}

// stepUp fills in what is asked of whoever is signed in. For a page of the account
// that is a second factor, for the console what its scope needs.
func (p *Pages) stepUp(r *http.Request, v *browser.Visit, s *verification) error {
	in, err := v.SignedIn(r.Context())
	if err != nil {
		return err
	}
	if in == nil {
		return authn.ErrExpired
	}
	s.in, s.person = in, in.Person
	if requestWaits(s.flow) {
		s.question, err = p.Provider.StepUp(r.Context(), v.Protocol(), s.flow)
		v.PreferLocales(s.question.UILocales)
		return err
	}
	if strings.HasPrefix(s.flow, accountFlow) && !in.Session.ACR.Satisfies(authz.ACRMultiFactor) {
		s.question.Need = authz.ACRMultiFactor
	}
	if s.flow == consoleFlow {
		catalogue, err := p.Store.Catalogue(r.Context())
		if err != nil {
			return err
		}
		if need := catalogue.Rules[authz.ScopeAdmin].NeedsACR; !in.Session.ACR.Satisfies(need) {
			s.question.Need = need
		}
	}
	return nil
}

// proof is what was proven so far.
func (s *verification) proof() authn.Proof {
	if s.first != nil {
		return s.first.Proof
	}
	return authn.Proof{User: s.person.ID, ACR: s.in.Session.ACR, AMR: s.in.Session.AMR, AuthTime: s.in.Session.AuthTime}
}

// ShowVerify is GET /login/verify.
func (p *Pages) ShowVerify(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	if s := p.verification(w, r, v, r.URL.Query().Get("flow"), r.URL.Query().Get("first")); s != nil {
		p.showVerify(w, r, v, s, templates.Verify{}, http.StatusOK)
	}
}

func (p *Pages) showVerify(w http.ResponseWriter, r *http.Request, v *browser.Visit, s *verification, page templates.Verify, status int) {
	v.At(step(oidc.StepUpPath, s.flow, "first", s.sealed))
	layout, err := p.layout(r.Context(), v, s.question.Client.Tenant)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page.Layout, page.Flow, page.First, page.Client, page.Name = layout, s.flow, s.sealed, s.question.Client.Name, s.person.Name()
	page.TOTP, page.Recovery = slices.Contains(s.methods, authn.MethodTOTP), slices.Contains(s.methods, authn.MethodRecovery)
	page.Skippable = s.first == nil && requestWaits(s.flow)
	page.OfAccount = s.first == nil && !requestWaits(s.flow)
	if slices.Contains(s.methods, authn.MethodPasskey) {
		ceremony, err := p.Passkeys.BeginVerification(r.Context(), s.person.ID, v.ID(), s.have.Passkeys)
		if err != nil {
			p.Fail(w, r, err)
			return
		}
		page.Passkey = passkeyQuestion(ceremony)
	}
	browser.Show(w, r, page, browser.Sending{Status: status, LeadsTo: s.question.Redirect, Script: page.Passkey != nil})
}

// Verify is POST /login/verify: a code of an authenticator app, or a recovery code.
func (p *Pages) Verify(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	s := p.verification(w, r, v, r.PostFormValue("flow"), r.PostFormValue("first"))
	if s == nil {
		return
	}
	method := authn.Method(r.PostFormValue("method"))
	err := authn.ErrCode
	if slices.Contains(s.methods, method) {
		judge := p.Factors.VerifyTOTP
		if method == authn.MethodRecovery {
			judge = p.Factors.VerifyRecoveryCode
		}
		err = judge(r.Context(), s.person.ID, r.PostFormValue("code"), browser.AddressFrom(r.Context()))
	}
	if err != nil {
		p.refuseVerify(w, r, v, s, err)
		return
	}
	p.verified(w, r, v, s, s.proof().With(method))
}

// VerifyWithPasskey is POST /login/verify/passkey.
func (p *Pages) VerifyWithPasskey(w http.ResponseWriter, r *http.Request) {
	v := p.Browsers.Visit(w, r)
	s := p.verification(w, r, v, r.PostFormValue("flow"), r.PostFormValue("first"))
	if s == nil {
		return
	}
	proof, err := p.passkeyProof(r, v)
	if err == nil && proof.User != s.person.ID {
		err = authn.ErrPasskey
	}
	if err != nil {
		p.refuseVerify(w, r, v, s, err)
		return
	}
	p.verified(w, r, v, s, s.proof().WithPasskey(proof))
}

// verified completes the sign-in, or makes the session stronger.
func (p *Pages) verified(w http.ResponseWriter, r *http.Request, v *browser.Visit, s *verification, proof authn.Proof) {
	if s.first != nil {
		proof.AuthTime = p.Now()
		err := p.enter(w, r, v, proof, s.first.Remember, p.next(s.flow, oidc.SignInQuestion{Client: s.question.Client}))
		if errors.Is(err, storage.ErrNotFound) {
			browser.SeeOther(w, step(oidc.SignInPath, s.flow)) // as when the password changes before the second step
			return
		}
		if err != nil {
			p.Fail(w, r, err)
		}
		return
	}
	err := v.Elevate(r.Context(), s.in.Session, proof)
	if errors.Is(err, storage.ErrNotFound) {
		browser.SeeOther(w, step(oidc.SignInPath, s.flow)) // it has ended, or become stronger elsewhere
		return
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Log.InfoContext(r.Context(), "stepped up", "user", s.person.ID, "amr", proof.AMR, "acr", proof.ACR, "address", browser.AddressFrom(r.Context()))
	p.goOn(w, s.flow)
}

func (p *Pages) refuseVerify(w http.ResponseWriter, r *http.Request, v *browser.Visit, s *verification, err error) {
	var limited *authn.LimitError
	var page templates.Verify
	status := http.StatusUnauthorized
	switch {
	case errors.As(err, &limited):
		page.Problem, page.RetryAfter, status = templates.VerifyThrottled, limited.RetryAfter, http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int(limited.RetryAfter/time.Second)+1))
	case errors.Is(err, authn.ErrCode):
		page.Problem = templates.VerifyRefused
	case errors.Is(err, authn.ErrPasskey):
		page.Problem = templates.VerifyPasskeyRefused
	case errors.Is(err, authn.ErrExpired):
		page.Problem, status = templates.VerifyExpired, http.StatusBadRequest
	default:
		p.Fail(w, r, err)
		return
	}
	p.Log.InfoContext(r.Context(), "second factor refused", "user", s.person.ID, "address", browser.AddressFrom(r.Context()), "reason", page.Problem, "error", err)
	p.showVerify(w, r, v, s, page, status)
}

// SkipStepUp is POST /login/verify/skip: what waits goes on with the sign-in there is.
func (p *Pages) SkipStepUp(w http.ResponseWriter, r *http.Request) {
	flow := r.PostFormValue("flow")
	if !requestWaits(flow) {
		p.goOn(w, flow)
		return
	}
	flow, err := p.Provider.WithoutStepUp(p.Browsers.Visit(w, r).Protocol(), flow)
	if err != nil {
		p.Provider.Refuse(w, r, err)
		return
	}
	p.goOn(w, flow)
}
