package demo

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse/gatehouse/templates"
)

// attempt is a sign-in that a browser has begun, kept under its state.
type attempt struct {
	browser  string
	nonce    string
	verifier string
}

func (a *App) signIn(w http.ResponseWriter, r *http.Request) {
	at, err := a.issuer.get(r.Context())
	if err != nil {
		a.fail(w, r, failed(templates.DemoUnreachable, err))
		return
	}
	browser := browserID(r)
	if browser == "" {
		browser = rand.Text()
		a.setBrowserID(w, browser)
	}
	state, begun := rand.Text(), attempt{browser, rand.Text(), oauth2.GenerateVerifier()}
	a.attempts.put(state, begun)
	redirect(w, at.oauth.AuthCodeURL(state, oidc.Nonce(begun.nonce), oauth2.S256ChallengeOption(begun.verifier)))
}

func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	browser := browserID(r)
	s, err := a.complete(r.Context(), browser, r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	// Whoever knew the id before the sign-in must not be signed in with it.
	a.sessions.take(browser)
	browser = rand.Text()
	a.sessions.put(browser, s)
	a.setBrowserID(w, browser)
	redirect(w, "/")
}

// complete reads as the law of a sign-in: is the answer for this browser, is it
// from this issuer, is it a yes, and do the tokens fit together?
func (a *App) complete(ctx context.Context, browser string, answer url.Values) (*session, error) {
	begun, known := a.attempts.take(only(answer, "state"))
	if !known || subtle.ConstantTimeCompare([]byte(begun.browser), []byte(browser)) != 1 {
		return nil, failed(templates.DemoForeign, errors.New("state is not of this browser"))
	}
	// RFC 9207 §2.4: before anything else in it is believed, errors included.
	if only(answer, "iss") != a.Issuer {
		return nil, failed(templates.DemoUntrusted, errors.New("authorization response is not of this issuer"))
	}
	if answer.Has("error") {
		return nil, refusal(answer)
	}
	at, err := a.issuer.get(ctx)
	if err != nil {
		return nil, failed(templates.DemoUnreachable, err)
	}
	ctx = a.outbound(ctx)
	token, err := at.oauth.Exchange(ctx, only(answer, "code"), oauth2.VerifierOption(begun.verifier))
	if err != nil {
		return nil, failedAtIssuer(err)
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := at.verifyIDToken(ctx, raw, begun.nonce, token.AccessToken)
	if err != nil {
		return nil, failedAtIssuer(err)
	}
	person, err := at.person(ctx, idToken.Subject, token)
	if err != nil {
		return nil, failedAtIssuer(err)
	}
	return &session{csrf: rand.Text(), person: person, idToken: raw, token: token, granted: grantedBy(token, everything())}, nil
}

// only is the value of a parameter that stands there once, else "" (RFC 6749 §3.1).
func only(values url.Values, name string) string {
	if len(values[name]) != 1 {
		return ""
	}
	return values[name][0]
}

// refusal is an authorization error response (RFC 6749 §4.1.2.1).
func refusal(answer url.Values) error {
	f := &failure{DemoFailure: templates.DemoFailure{
		Problem: templates.DemoRefused, Code: only(answer, "error"), Description: only(answer, "error_description"),
	}}
	if f.Code == "access_denied" {
		f.Problem = templates.DemoDenied
	}
	return f
}

// verifyIDToken is OpenID Connect Core §3.1.3.7: go-oidc checks signature, iss, aud
// and exp, and leaves nonce and at_hash to its caller.
func (i *issuer) verifyIDToken(ctx context.Context, raw, nonce, accessToken string) (*oidc.IDToken, error) {
	idToken, err := i.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("verify ID token: %w", err)
	}
	if idToken.Nonce != nonce {
		return nil, errors.New("verify ID token: nonce is not that of the request")
	}
	if err := idToken.VerifyAccessToken(accessToken); err != nil {
		return nil, fmt.Errorf("verify ID token: %w", err)
	}
	return idToken, nil
}

// person asks who it is. OpenID Connect Core §5.3.2: the answer counts only when it
// speaks of the subject of the ID token.
func (i *issuer) person(ctx context.Context, subject string, token *oauth2.Token) (templates.DemoPerson, error) {
	info, err := i.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return templates.DemoPerson{}, fmt.Errorf("ask userinfo: %w", err)
	}
	var claims struct {
		Name     string `json:"name"`
		Username string `json:"preferred_username"`
	}
	if err := info.Claims(&claims); err != nil {
		return templates.DemoPerson{}, fmt.Errorf("decode userinfo: %w", err)
	}
	if info.Subject != subject {
		return templates.DemoPerson{}, errors.New("userinfo speaks of another subject than the ID token")
	}
	if claims.Username == "" {
		claims.Username = subject
	}
	return templates.DemoPerson{Name: claims.Name, Username: claims.Username, Email: info.Email}, nil
}
