package demo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/oauth2"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/templates"
)

const (
	cookieName = "gatehouse-demo"
	idLength   = 26 // of crypto/rand.Text
)

// browserID is the id in the browser's cookie, "" without one. It says which
// browser this is; whether anybody is signed in, the shelf of sessions says.
func browserID(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil || len(c.Value) != idLength {
		return ""
	}
	return c.Value
}

func (a *App) setBrowserID(w http.ResponseWriter, id string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(a.BaseURL, "https:"),
	})
}

// session is one person who is signed in here, with the tokens that no browser sees.
type session struct {
	csrf    string
	person  templates.DemoPerson
	idToken string

	mu      sync.Mutex
	token   *oauth2.Token
	granted authz.ScopeSet
	answer  *templates.DemoAnswer
}

// session is that of the browser, nil for nobody.
func (a *App) session(r *http.Request) *session {
	s, _ := a.sessions.get(browserID(r))
	return s
}

func (s *session) describe(page *templates.Demo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page.CSRF, page.Person = s.csrf, &s.person
	for _, scope := range asked {
		if s.granted.Has(scope.Name) {
			page.Granted = append(page.Granted, scope)
		} else {
			page.Dropped = append(page.Dropped, scope)
		}
	}
	page.Tokens = append(opened("id", s.idToken), opened("access", s.token.AccessToken)...)
}

func (s *session) takeAnswer() *templates.DemoAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.answer
	s.answer = nil
	return answer
}

func (s *session) keepAnswer(answer *templates.DemoAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *session) holds(scope authz.Scope) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.granted.Has(scope)
}

// accessToken is one that has not expired; it is refreshed when it has to be. The
// lock is held meanwhile: a refresh token is good once.
func (a *App) accessToken(ctx context.Context, s *session) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.Valid() {
		return s.token.AccessToken, nil
	}
	if s.token.RefreshToken == "" {
		return "", failed(templates.DemoEnded, errors.New("access token expired, and there is no refresh token"))
	}
	at, err := a.issuer.get(ctx)
	if err != nil {
		return "", failed(templates.DemoUnreachable, err)
	}
	// A browser that leaves must not cost the session its rotated refresh token.
	token, err := at.oauth.TokenSource(a.outbound(context.WithoutCancel(ctx)), s.token).Token()
	if err != nil {
		return "", ended(failedAtIssuer(err))
	}
	s.token, s.granted = token, grantedBy(token, s.granted)
	return token.AccessToken, nil
}

// ended turns the refusal of a refresh token, which is final, into the end of the
// session.
func ended(err error) error {
	if f, known := errors.AsType[*failure](err); known && f.Code == "invalid_grant" {
		f.Problem = templates.DemoEnded
	}
	return err
}

// grantedBy is the scope of a token response. Without one it is what was asked for
// (RFC 6749 §5.1).
func grantedBy(token *oauth2.Token, otherwise authz.ScopeSet) authz.ScopeSet {
	text, given := token.Extra("scope").(string)
	if !given {
		return otherwise
	}
	var set authz.ScopeSet
	for field := range strings.FieldsSeq(text) {
		set = set.With(authz.Scope(field))
	}
	return set
}
