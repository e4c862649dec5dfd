package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// ClientID is what the command line is registered as, on every server.
const ClientID = authz.ClientID("gatehouse-cli")

// Scopes is what the command line asks for; who signs in gets what they hold of it.
var Scopes = authz.ScopeSet{
	authz.ScopeOpenID, authz.ScopeProfile, authz.ScopeEmail, authz.ScopeOfflineAccess, authz.ScopeUser,
	authz.ScopeAdmin, authz.ScopeUsersManage, authz.ScopeBilling, "agents:read", "tools:execute",
}

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// Pending is a sign-in that waits for the person (RFC 8628 §3.2).
type Pending struct {
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	DeviceCode              Token  `json:"device_code"`
	ExpiresIn               int    `json:"expires_in"`
	Interval                int    `json:"interval"`
}

// Begin asks for a sign-in.
func (s *Server) Begin(ctx context.Context) (Pending, error) {
	var p Pending
	if err := s.post(ctx, s.DeviceAuthorization, url.Values{"scope": {Scopes.String()}}, &p); err != nil {
		return p, fmt.Errorf("begin sign-in: %w", err)
	}
	if p.DeviceCode.IsZero() || p.UserCode == "" || p.ExpiresIn <= 0 {
		return p, errors.New("begin sign-in: the answer is not the one of RFC 8628 §3.2")
	}
	return p, nil
}

// Wait polls until the person has answered, and no sooner than it may. The error
// is an [ErrRefused] when the answer is no or comes too late.
func (s *Server) Wait(ctx context.Context, p Pending) (Credentials, error) {
	// RFC 8628 §3.5: five seconds where the server names no interval.
	interval := 5 * time.Second
	if p.Interval > 0 {
		interval = time.Duration(p.Interval) * time.Second
	}
	end := s.now().Add(time.Duration(p.ExpiresIn) * time.Second)
	for {
		select {
		case <-ctx.Done():
			return Credentials{}, ctx.Err()
		case <-time.After(interval):
		}
		c, err := s.tokens(ctx, url.Values{"grant_type": {deviceGrant}, "device_code": {p.DeviceCode.Reveal()}})
		var refused *Error
		switch {
		case err == nil:
			return c, nil
		case !s.now().Before(end):
			return c, &Error{Code: "expired_token", Description: "nobody answered in time"}
		case errors.As(err, &refused) && refused.Code == "authorization_pending":
		case errors.As(err, &refused) && refused.Code == "slow_down":
			interval += 5 * time.Second
		case errors.Is(err, ErrRefused):
			return c, err
		case ctx.Err() == nil:
			// RFC 8628 §3.5: after a fault of the network, twice as long.
			interval *= 2
		}
	}
}

// Refresh exchanges the refresh token (RFC 6749 §6).
func (s *Server) Refresh(ctx context.Context, c Credentials) (Credentials, error) {
	if c.RefreshToken.IsZero() {
		return c, &Error{Code: "invalid_grant", Description: "the sign-in cannot be renewed"}
	}
	renewed, err := s.tokens(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.RefreshToken.Reveal()}})
	if err != nil {
		return c, fmt.Errorf("renew the sign-in: %w", err)
	}
	if renewed.RefreshToken.IsZero() {
		renewed.RefreshToken = c.RefreshToken
	}
	return renewed, nil
}

func (s *Server) tokens(ctx context.Context, form url.Values) (Credentials, error) {
	var answer struct {
		AccessToken  Token  `json:"access_token"`
		RefreshToken Token  `json:"refresh_token"`
		ExpiresIn    int    `json:"expires_in"`
		Scope        string `json:"scope"`
	}
	asked := s.now()
	if err := s.post(ctx, s.Token, form, &answer); err != nil {
		return Credentials{}, err
	}
	scopes, err := authz.ParseScopeSet(answer.Scope)
	if err != nil || answer.AccessToken.IsZero() {
		return Credentials{}, errors.New("the answer is not the one of RFC 6749 §5.1")
	}
	return Credentials{
		Issuer: s.Issuer, AccessToken: answer.AccessToken, RefreshToken: answer.RefreshToken,
		ExpiresAt: asked.Add(time.Duration(answer.ExpiresIn) * time.Second).UTC().Truncate(time.Second), Scopes: scopes,
	}, nil
}

// Revoke ends the sign-in on the server (RFC 7009): the refresh token, and with it
// every token that came from it.
func (s *Server) Revoke(ctx context.Context, c Credentials) error {
	token := c.RefreshToken
	if token.IsZero() {
		token = c.AccessToken
	}
	if err := s.post(ctx, s.Revocation, url.Values{"token": {token.Reveal()}}, nil); err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// Person is what the server tells of who signed in (OpenID Connect Core §5.3).
type Person struct {
	Subject  string `json:"sub"`
	Username string `json:"preferred_username"`
	Name     string `json:"name"`
	Email    string `json:"email"`
}

// WhoAmI asks whose the access token is.
func (s *Server) WhoAmI(ctx context.Context, c Credentials) (Person, error) {
	var p Person
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.UserInfo, nil)
	if err != nil {
		return p, err
	}
	r.Header.Set("Authorization", "Bearer "+c.AccessToken.Reveal())
	if err := s.send(r, &p); err != nil {
		return p, fmt.Errorf("ask who is signed in: %w", err)
	}
	return p, nil
}
