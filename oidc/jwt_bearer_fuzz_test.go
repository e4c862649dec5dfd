package oidc

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
)

// Whatever an issuer signs, it is taken only when it says what it must, and nothing is
// taken that it did not sign.
func FuzzGrantAssertion(f *testing.F) {
	signer, registered := fuzzedKey(f)
	now := time.Unix(1e9, 0)
	p := &Provider{Config: Config{Issuer: "https://id.example", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}}
	for _, payload := range []string{
		`{"iss":"https://idp.example","sub":"ann","aud":"https://id.example","jti":"1","exp":1000000060,"iat":1000000000}`,
		`{"iss":"https://idp.example","sub":"ann","aud":"https://id.example/oauth2/token","jti":"1","exp":1000000300,"nbf":1000000060,"client_id":"taker","scope":"a b","resource":["a"]}`,
		`{"iss":"https://idp.example","sub":"ann","aud":["https://id.example"],"jti":"1","exp":1000000060}`,
		`{"sub":"ann","aud":"https://id.example","jti":"1","exp":1e300}`, `{"sub":"ann","aud":"https://id.example","jti":"1","exp":null}`, `{}`, `[]`, `null`,
	} {
		f.Add(payload)
	}
	issuer := storage.TrustedIssuer{Issuer: "https://idp.example", JWKS: registered}
	f.Fuzz(func(t *testing.T, payload string) {
		if _, err := parseAssertion(payload); err == nil && len(payload) > maxAssertion {
			t.Fatalf("%d bytes are looked at", len(payload))
		}
		if token, err := parseAssertion(payload); err == nil && p.issuedBy(t.Context(), issuer, token, &grantAssertion{}) {
			t.Fatalf("%q passes for signed", payload)
		}
		signed, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		token, err := parseAssertion(text)
		if err != nil {
			if len(text) <= maxAssertion {
				t.Errorf("%q is not read: %v", payload, err)
			}
			return
		}
		v := vouched{provider: p, issuer: issuer, client: &storage.Client{ID: "taker"}}
		if !p.issuedBy(t.Context(), issuer, token, &v.says) {
			return
		}
		if err := v.judge(token.Headers[0]); err != nil {
			if !errors.Is(err, errAssertion) {
				t.Errorf("%q: %v", payload, err)
			}
			return
		}
		s := v.says
		lives := s.ExpiresAt.Time().Sub(now)
		if s.Subject == "" || s.ID == "" || s.Audience != p.Issuer && s.Audience != p.endpoint(TokenPath) || lives <= 0 || lives > maxAssertionLifetime || s.ClientID != "" && s.ClientID != "taker" {
			t.Errorf("%q passes", payload)
		}
	})
}
