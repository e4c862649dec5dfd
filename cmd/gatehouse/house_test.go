package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// Every server of httptest has the same certificate, which stands for one that the
// machine trusts.
func init() {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: trusted}
}

// newHTTPSServer is [newServer] behind TLS, as people on other machines reach it.
func newHTTPSServer(t *testing.T) *webtest.House {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	front.StartTLS()
	t.Cleanup(front.Close)
	issuer, err := url.Parse(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.Issuer = issuer })
	socket, err := url.Parse(h.Socket())
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(socket)
		r.Out.Host = r.In.Host
	}}
	i := &invocation{now: time.Now}
	if err := i.registerCommandLine(t.Context(), &house{store: h.Store}); err != nil {
		t.Fatal(err)
	}
	return h
}

// foreign is tenant beta with what belongs to it: the ids of a session of its user
// bob, of its group btools, and of a signing key.
func foreign(h *webtest.House) *strings.Replacer {
	beta := h.World.Tenant("beta")
	bob := h.UserOf("bob", beta)
	tools := h.World.Group(beta, "btools", "agents:read")
	h.World.Join(bob, beta, tools)
	h.World.Exec(`insert into public.projects (id, tenant_id, name, created_at) values (gen_random_uuid(), $1, 'bproject', now())`, beta)
	h.Machine("bdesk", func(c *storage.Client) { c.Tenant = beta })
	h.World.Exec(`insert into platform.user_scopes (user_id, tenant_id, scope, created_at) values ($1, $2, 'agents:read', now())`, bob, beta)
	h.World.Exec(`insert into platform.ip_bans (network, reason, created_at) values ('198.51.100.0/24', 'bnoise', now())`)
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, name, scopes, created_at) values ('https://bapi.example', $1, 'bapi', '{agents:read}', now())`, beta)
	session := authz.NewID[authz.SessionID](h.Now())
	h.World.Exec(`insert into platform.user_sessions (id, token_jti, user_id, current_tenant_id, secret_hash, created_at, last_seen_at, expires_at, idle_lifetime, user_agent, auth_time, acr, amr)
		values ($1, gen_random_uuid(), $2, $3, decode(repeat('00', 32), 'hex'), now(), now(), now() + interval '1 hour', interval '30 minutes', 'bbrowser', now(), 'aal1', '{pwd}')`, session, bob, beta)
	hook, event := authz.NewID[authz.WebhookID](h.Now()), authz.NewID[authz.AuditID](h.Now())
	h.World.Exec(`insert into platform.webhooks (id, tenant_id, name, protocol, url, events, secret_sealed, created_at)
		values ($1, $2, 'bhook', 'webhook', 'https://bhook.example', '{keys.rotate}', '\x00', now())`, hook, beta)
	h.World.Exec(`insert into platform.webhook_deliveries (webhook_id, event_id, tenant_id, type, at, data, begun_at)
		values ($1, $2, $3, 'webhook.test', now(), '{}', now())`, hook, event, beta)
	var kid string
	h.World.Get(`select kid from platform.signing_keys limit 1`, nil, &kid)
	registration := authz.NewID[authz.RegistrationTokenID](h.Now())
	h.World.Exec(`insert into platform.registration_tokens (id, tenant_id, name, token_hash, policy, uses_left, created_at, expires_at)
		values ($1, $2, 'btoken', '\x00', '{}', 1, now(), now() + interval '1 hour')`, registration, beta)
	issuer := authz.NewID[authz.TrustedIssuerID](h.Now())
	h.World.Exec(`insert into platform.trusted_issuers (id, tenant_id, vouches_for, issuer, jwks_uri, subject, created_at)
		values ($1, $2, 'people', 'https://bidp.example', 'https://bidp.example/jwks', 'email', now())`, issuer, beta)
	return strings.NewReplacer("{issuer}", issuer.String(), "{session}", session.String(), "{group}", tools.String(), "{kid}", kid, "{token}", registration.String(), "{webhook}", hook.String(), "{event}", event.String())
}
