package oidc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
)

// sessionState is by what a client notices that the session changed (OpenID Connect
// Session Management 1.0 §3): templates/static/check-session.js makes the same. It is ""
// for a request that is not OpenID Connect's, and for a client without a web origin.
func sessionState(a *authorization, b Browser) string {
	at := webOrigin(a.redirect)
	if at == "" || !a.requested.Has(authz.ScopeOpenID) {
		return ""
	}
	salt := rand.Text()
	sum := sha256.Sum256([]byte(string(a.client.ID) + " " + at + " " + b.State(a.in.Session.TokenJTI) + " " + salt))
	return base64.RawURLEncoding.EncodeToString(sum[:]) + "." + salt
}

// webOrigin is the origin of an URL as browsers write it (HTML §7.1.1); "" when it
// has none.
func webOrigin(u *url.URL) string {
	port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
	if port == "" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(strings.TrimSuffix(u.Host, port))
}
