package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
)

const (
	// logoutEvent is Back-Channel Logout §2.4.
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// logoutTokenLifetime is §4: it is made when it is sent.
	logoutTokenLifetime = 2 * time.Minute
)

// logoutClaims is the content of a logout token (Back-Channel Logout §2.4). It has
// no nonce, by which alone an old client could tell it from an ID token.
type logoutClaims struct {
	Issuer    string              `json:"iss"`
	Subject   string              `json:"sub"`
	Audience  authz.ClientID      `json:"aud"`
	IssuedAt  int64               `json:"iat"`
	ExpiresAt int64               `json:"exp"`
	ID        string              `json:"jti"`
	SID       string              `json:"sid"`
	Events    map[string]struct{} `json:"events"`
}

// SendLogoutToken tells a client that a session ended. An error means that it was
// not told and should be, later; a client that is gone, or wants to hear nothing
// any more, is none.
func (p *Provider) SendLogoutToken(ctx context.Context, n storage.LogoutNotice) error {
	c, err := p.Store.Client(ctx, n.Client)
	if err != nil {
		return ignoreNotFound(err)
	}
	if c.Metadata.BackChannelLogoutURI == "" || !c.Active(p.Now()) {
		return nil
	}
	now := p.Now()
	token, err := p.Keys.Sign(keys.Algorithm(c.IDTokenAlg), keys.TypeLogoutToken, logoutClaims{
		Issuer: p.Issuer, Subject: p.subjects.of(c, n.User), Audience: c.ID, IssuedAt: now.Unix(), ExpiresAt: now.Add(logoutTokenLifetime).Unix(),
		ID: uuid.Must(uuid.NewRandom()).String(), SID: n.SID.String(), Events: map[string]struct{}{logoutEvent: {}},
	})
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	answer, err := p.Outbound.Post(ctx, c.Metadata.BackChannelLogoutURI, header, []byte(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return fmt.Errorf("tell client %s of a logout: %w", c.ID, err)
	}
	if answer.Status != http.StatusOK && answer.Status != http.StatusNoContent {
		return fmt.Errorf("tell client %s of a logout: it answered with status %d", c.ID, answer.Status)
	}
	return nil
}
