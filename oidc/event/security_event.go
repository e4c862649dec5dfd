package event

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
)

// The addresses that types of event have in a security event token.
const (
	caepEvent         = "https://schemas.openid.net/secevent/caep/event-type/"
	verificationEvent = "https://schemas.openid.net/secevent/ssf/event-type/verification"
)

// eventClaims is a security event token (RFC 8417 §2.2), as the Shared Signals Framework
// narrows it: without sub and exp, so that it passes for no other token.
type eventClaims struct {
	Issuer   string         `json:"iss"`
	ID       string         `json:"jti"`
	IssuedAt int64          `json:"iat"`
	Audience string         `json:"aud"`
	Subject  any            `json:"sub_id"`
	Events   map[string]any `json:"events"`
}

// subject is a subject identifier (RFC 9493).
type subject struct {
	Format string `json:"format"`
	// Issuer and Subject are of the format iss_sub, ID of opaque.
	Issuer  string `json:"iss,omitempty"`
	Subject string `json:"sub,omitempty"`
	ID      string `json:"id,omitempty"`
	// User and Session are of complex (Shared Signals Framework 1.0 §3.3).
	User    *subject `json:"user,omitempty"`
	Session *subject `json:"session,omitempty"`
}

// happened is what the database wrote down for a security event token.
type happened struct {
	User           authz.UserID    `json:"user_id"`
	SID            authz.SessionID `json:"sid"`
	Reason         string          `json:"reason"`
	CredentialType string          `json:"credential_type"`
	ChangeType     string          `json:"change_type"`
	By             string          `json:"initiating_entity"`
}

// securityEvent makes the request that pushes a security event token (RFC 8935 §2.1). A
// token that is sent again says the same.
func (s *Sender) securityEvent(ctx context.Context) func(storage.Webhook, storage.Delivery, time.Time) (http.Header, []byte, error) {
	return func(w storage.Webhook, d storage.Delivery, _ time.Time) (http.Header, []byte, error) {
		c, err := s.eventClaims(ctx, w, d)
		if err != nil {
			return nil, nil, err
		}
		token, err := s.Keys.Sign(keys.RS256, keys.TypeSecurityEvent, c)
		if err != nil {
			return nil, nil, err
		}
		header := http.Header{"Content-Type": {"application/secevent+jwt"}, "Accept": {"application/json"}}
		if w.SecretSealed != nil {
			authorization, err := s.Secrets.open(w.ID, w.SecretSealed)
			if err != nil {
				return nil, nil, err
			}
			header.Set("Authorization", authorization)
		}
		return header, []byte(token), nil
	}
}

func (s *Sender) eventClaims(ctx context.Context, w storage.Webhook, d storage.Delivery) (eventClaims, error) {
	c := eventClaims{Issuer: s.Issuer, ID: d.Event.String(), IssuedAt: d.At.Unix(), Audience: w.Audience}
	if d.Type == "webhook.test" {
		c.Subject, c.Events = subject{Format: "opaque", ID: w.ID.String()}, map[string]any{verificationEvent: struct{}{}}
		return c, nil
	}
	var h happened
	if err := json.Unmarshal(d.Data, &h); err != nil {
		return c, fmt.Errorf("read event: %w", err)
	}
	sub, err := s.Subject(ctx, w.Client, h.User)
	if err != nil {
		return c, err
	}
	user := subject{Format: "iss_sub", Issuer: s.Issuer, Subject: sub}
	told := map[string]any{"event_timestamp": d.At.Unix()}
	switch d.Type {
	case storage.EventSessionRevoked:
		told["reason_admin"] = map[string]string{"en": h.Reason}
		c.Subject = subject{Format: "complex", User: &user, Session: &subject{Format: "opaque", ID: h.SID.String()}}
	case storage.EventCredentialChange:
		told["credential_type"], told["change_type"], told["initiating_entity"] = h.CredentialType, h.ChangeType, h.By
		c.Subject = user
	default:
		return c, fmt.Errorf("tell of %q: no security event token does", d.Type)
	}
	c.Events = map[string]any{caepEvent + d.Type: told}
	return c, nil
}

// lasting is the errors of RFC 8935 §2.4 that no further try can mend; what concerns
// keys and credentials may be put right on the other side.
var lasting = []string{"invalid_request", "invalid_issuer", "invalid_audience"}

// judgeSET: 202 is yes, and so is any other 2xx; 400 with an err is a no with a reason
// (RFC 8935 §2.2, §2.3).
func judgeSET(a outbound.Answer) verdict {
	v := judgeWebhook(a)
	var refusal struct {
		Err string `json:"err"`
	}
	if a.Status == http.StatusBadRequest && json.Unmarshal(a.Body, &refusal) == nil && slices.Contains(refusals, refusal.Err) {
		v.outcome, v.final = "refused: "+refusal.Err, slices.Contains(lasting, refusal.Err)
	}
	return v
}

// refusals is every error of RFC 8935 §2.4.
var refusals = append([]string{"invalid_key", "authentication_failed", "access_denied"}, lasting...)
