package oidc

import (
	"context"
	"net/url"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// StepUpPath is where a person proves more than they have proven.
const StepUpPath = "/login/verify"

// missing is the class of sign-in that a request asks for, that the one there is
// does not reach, and that its user can reach (RFC 9470 §4); "" for none. What a
// user cannot reach they are not asked for: acr_values are a wish (OpenID Connect
// Core §3.1.2.1), and a scope that needs more is left out.
func (p *Provider) missing(ctx context.Context, a *authorization) (authz.ACR, error) {
	wanted := a.wanted()
	if len(wanted) == 0 || a.WithoutStepUp || a.prompts("none") {
		return "", nil
	}
	have, err := p.Store.ForUser(a.in.Person.ID).Authenticators(ctx)
	if err != nil {
		return "", err
	}
	for _, need := range wanted {
		if len(authn.Reaches(have, a.in.Session.AMR, need)) > 0 {
			return need, nil
		}
	}
	return "", nil
}

// wanted is the classes beyond the one there is: those that the client insists on, then
// of the scopes that wait for one, the strongest first, then those that it wishes for.
func (a *authorization) wanted() []authz.ACR {
	wanted := a.unmet(a.essentialACR)
	for _, class := range slices.Backward(authz.ACRs()) {
		if slices.ContainsFunc(a.decision.Dropped(), func(o authz.Outcome) bool {
			return o.Reason == authz.DroppedACR && authz.ACR(o.Detail) == class
		}) {
			wanted = append(wanted, class)
		}
	}
	return append(wanted, a.unmet(a.acrValues)...)
}

// unmet is these classes, in the client's order, when the sign-in meets none of them.
func (a *authorization) unmet(values []string) []authz.ACR {
	classes := make([]authz.ACR, len(values))
	for i, value := range values {
		classes[i] = authz.ACR(value)
		if a.in.Session.ACR.Satisfies(classes[i]) {
			return nil
		}
	}
	return classes
}

// meetsEssentialACR: what a client insists on is a condition and no wish, so that a
// sign-in that does not meet it has failed (OpenID Connect Core §5.5.1.1, and OpenID
// Connect Core Error Code unmet_authentication_requirements 1.0).
func (a *authorization) meetsEssentialACR() error {
	switch {
	case len(a.unmet(a.essentialACR)) == 0:
		return nil
	case a.prompts("none"):
		return badRequest("interaction_required", "The user must prove more than this sign-in did.")
	}
	return badRequest("unmet_authentication_requirements", "The user cannot, or did not want to, sign in as the client insists (claims: acr).")
}

// StepUpQuestion is what the page asks where a person proves more.
type StepUpQuestion struct {
	// Need is the class to reach; "" when nothing is missing any more.
	Need     authz.ACR
	Client   storage.Client
	Redirect *url.URL
	// UILocales is the parameter ui_locales as it came.
	UILocales string
}

// StepUp reads what a waiting request still needs of whoever is signed in. A
// request that is not valid here gives an error that [Provider.Refuse] shows.
func (p *Provider) StepUp(ctx context.Context, b Browser, sealed string) (StepUpQuestion, error) {
	a, err := p.waiting(ctx, b, sealed)
	if err != nil {
		return StepUpQuestion{}, err
	}
	q := StepUpQuestion{Client: *a.client.Client, Redirect: a.redirect, UILocales: a.Parameters.Get("ui_locales")}
	a.in, err = b.SignedIn(ctx, a.client.ID)
	if err != nil || a.in == nil || p.mustSignIn(a) {
		return q, err
	}
	if err := p.weigh(ctx, a); err != nil {
		return q, err
	}
	q.Need, err = p.missing(ctx, a)
	return q, err
}

// WithoutStepUp is the same waiting request, which will not ask again.
func (p *Provider) WithoutStepUp(b Browser, sealed string) (string, error) {
	f, err := p.paused(b, sealed)
	if err != nil {
		return "", badRequest("invalid_request", elsewhere)
	}
	f.WithoutStepUp = true
	return p.flows.seal(toAuthorize, f)
}

// waiting opens a sealed request and judges it as the authorization endpoint does.
func (p *Provider) waiting(ctx context.Context, b Browser, sealed string) (*authorization, error) {
	f, err := p.paused(b, sealed)
	if err != nil {
		return nil, badRequest("invalid_request", elsewhere)
	}
	a := &authorization{client: nobody, flow: f, maxAge: -1}
	for _, check := range slices.Concat(beforeTrust, afterTrust) {
		if err := check(p, ctx, a); err != nil {
			return nil, err
		}
	}
	return a, nil
}
