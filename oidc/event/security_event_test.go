package event_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const (
	revoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	changed = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
)

// token is a security event token as a receiver reads it.
type token struct {
	Issuer    string   `json:"iss"`
	ID        string   `json:"jti"`
	IssuedAt  int64    `json:"iat"`
	Audience  string   `json:"aud"`
	Subject   *string  `json:"sub"`
	ExpiresAt *float64 `json:"exp"`
	About     struct {
		Format string `json:"format"`
		ID     string `json:"id"`
		Iss    string `json:"iss"`
		Sub    string `json:"sub"`
		User   struct {
			Iss string `json:"iss"`
			Sub string `json:"sub"`
		} `json:"user"`
		Session struct {
			ID string `json:"id"`
		} `json:"session"`
	} `json:"sub_id"`
	Events map[string]map[string]any `json:"events"`
}

// receive verifies what was pushed by the keys that the issuer publishes.
func receive(t *testing.T, h *webtest.House, one heard) token {
	t.Helper()
	response, err := http.Get(h.URL + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var published jose.JSONWebKeySet
	document, err := io.ReadAll(response.Body)
	if err != nil || json.Unmarshal(document, &published) != nil {
		t.Fatalf("keys: %s, %v", document, err)
	}
	signed, err := jwt.ParseSigned(string(one.body), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatalf("%s: %v", one.body, err)
	}
	var c token
	if err := signed.Claims(published, &c); err != nil {
		t.Fatalf("verify: %v", err)
	}
	if typ := signed.Headers[0].ExtraHeaders[jose.HeaderType]; typ != "secevent+jwt" || one.header.Get("Content-Type") != "application/secevent+jwt" {
		t.Errorf("typ %v, content type %q", typ, one.header.Get("Content-Type"))
	}
	// Shared Signals Framework: it passes for no other token.
	if c.Issuer != h.URL || c.ID == "" || c.IssuedAt == 0 || c.Subject != nil || c.ExpiresAt != nil || len(c.Events) != 1 {
		t.Errorf("the token says %+v", c)
	}
	return c
}

// wait is the next things that a receiver hears from the jobs.
func (r *receiver) wait(t *testing.T, n int) (all []heard) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(all) < n; time.Sleep(10 * time.Millisecond) {
		if all = append(all, r.take()...); time.Now().After(deadline) {
			t.Fatalf("heard %d tokens of %d", len(all), n)
		}
	}
	return all
}

// OpenID CAEP 1.0 §3.1, RFC 8935: whichever way a session ends, its receivers are told, a
// client's own under the subject by which it knows the user.
func TestSessionRevoked(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	ann, bob := v.User("ann"), v.User("bob")
	v.Client("web")
	pairwise := v.Client("pairwise", func(c *storage.Client) { c.Metadata.SubjectType = "pairwise" })
	all, own := newReceiver(t, answer{status: http.StatusAccepted}), newReceiver(t, answer{status: http.StatusAccepted})
	set := storage.Webhook{Protocol: storage.ProtocolSET, URL: all.URL, Audience: "https://app.example", Events: []string{storage.EventSessionRevoked}}
	set.ID = authz.NewID[authz.WebhookID](v.Now())
	set.SecretSealed = v.secrets.Seal(set.ID, "Bearer of-the-receiver")
	if _, err := v.dir.CreateWebhook(t.Context(), host, set, ""); err != nil {
		t.Fatal(err)
	}
	v.hook(storage.Webhook{Protocol: storage.ProtocolSET, URL: own.URL, Audience: "pairwise", Client: pairwise.ID, Events: []string{storage.EventSessionRevoked}}, "acme")
	v.Work()

	proof := webtest.NewProof()
	code := v.Browser().Authorize(proof, "pairwise", "ann", nil).Get("code")
	id := v.Exchange("pairwise", code, proof).Text("id_token")
	known, err := jwt.ParseSigned(id, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Sub string `json:"sub"`
		SID string `json:"sid"`
	}
	if err := known.UnsafeClaimsWithoutVerification(&claims); err != nil {
		t.Fatal(err)
	}
	v.Browser().Authorize(webtest.NewProof(), "web", "bob", nil)
	// One by a password, the other by an operator.
	if err := v.dir.SetPasswordHash(t.Context(), host, ann, "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA"); err != nil {
		t.Fatal(err)
	}
	mine := receive(t, v.House, own.wait(t, 1)[0])
	if mine.Audience != "pairwise" || mine.About.User.Sub != claims.Sub || claims.Sub == ann.String() || mine.About.Session.ID != claims.SID || mine.About.Format != "complex" {
		t.Errorf("its own client hears %+v, and knows %+v", mine, claims)
	}
	if _, err := v.dir.RevokeAllSessions(t.Context(), host, bob); err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, one := range all.wait(t, 2) {
		c := receive(t, v.House, one)
		reason, _ := c.Events[revoked]["reason_admin"].(map[string]any)
		told[c.About.User.Sub], _ = reason["en"].(string)
		if one.header.Get("Authorization") != "Bearer of-the-receiver" || c.Audience != "https://app.example" || c.Events[revoked]["event_timestamp"] == nil || c.About.User.Iss != v.URL {
			t.Errorf("heard %+v with %v", c, one.header)
		}
	}
	if told[ann.String()] != "password changed" || told[bob.String()] != "revoked by an operator" {
		t.Errorf("told %v", told)
	}
	if more := own.take(); len(more) != 0 {
		t.Errorf("a client heard of a session that was none of its own: %s", more[0].body)
	}
}

// OpenID CAEP 1.0 §3.3: another password; and the framework's verification event.
func TestCredentialChange(t *testing.T) {
	t.Parallel()
	v, r, elsewhere := newTown(t), newReceiver(t), newReceiver(t)
	v.World.Tenant("beta")
	ann := v.User("ann")
	set := storage.Webhook{Protocol: storage.ProtocolSET, URL: r.URL, Audience: "app", Events: []string{storage.EventCredentialChange}}
	w, _ := v.hook(set, "acme")
	set.URL = elsewhere.URL
	v.hook(set, "beta")
	if err := v.dir.SetPasswordHash(t.Context(), host, ann, "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA"); err != nil {
		t.Fatal(err)
	}
	if failed := v.deliver(); failed != nil {
		t.Fatal(failed)
	}
	heard := r.take()
	if len(heard) != 1 || len(elsewhere.take()) != 0 {
		t.Fatalf("heard %d tokens, another tenant some", len(heard))
	}
	c := receive(t, v.House, heard[0])
	if e := c.Events[changed]; e["credential_type"] != "password" || e["change_type"] != "update" || e["initiating_entity"] != "admin" || c.About.Format != "iss_sub" || c.About.Sub != ann.String() || c.About.Iss != v.URL {
		t.Errorf("heard %+v", c)
	}
	if _, err := v.dir.TestWebhook(t.Context(), host, w.ID); err != nil {
		t.Fatal(err)
	}
	v.deliver()
	for _, one := range r.take() {
		if c := receive(t, v.House, one); c.Events["https://schemas.openid.net/secevent/ssf/event-type/verification"] == nil || c.About.ID != w.ID.String() {
			t.Errorf("the test says %+v", c)
		}
	}
}

// RFC 8935 §2.3, §2.4: a refusal that no further try can mend is the end of that token
// alone; anything else is tried again, as the same token.
func TestSecurityEventRefused(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	refuse := func(code string) answer {
		return answer{http.StatusBadRequest, `{"err":"` + code + `","description":"no"}`}
	}
	for _, tt := range []struct {
		answer  answer
		outcome string
		final   bool
	}{
		{refuse("invalid_request"), "refused: invalid_request", true},
		{refuse("invalid_issuer"), "refused: invalid_issuer", true},
		{refuse("invalid_audience"), "refused: invalid_audience", true},
		{refuse("invalid_key"), "refused: invalid_key", false},
		{refuse("authentication_failed"), "refused: authentication_failed", false},
		{refuse("access_denied"), "refused: access_denied", false},
		{refuse("<script>"), "answered with status 400", false},
		{answer{http.StatusBadRequest, strings.Repeat("x", 100)}, "answered with status 400", false},
		{answer{status: http.StatusServiceUnavailable}, "answered with status 503", false},
	} {
		r := newReceiver(t, tt.answer)
		w, _ := v.hook(storage.Webhook{Protocol: storage.ProtocolSET, URL: r.URL, Audience: "app", Events: []string{storage.EventSessionRevoked}}, "")
		if _, err := v.dir.TestWebhook(t.Context(), host, w.ID); err != nil {
			t.Fatal(err)
		}
		failed := v.deliver()
		d := v.deliveries(w)[0]
		if d.Outcome != tt.outcome || d.GivenUpAt.IsZero() == tt.final || (failed == nil) != tt.final {
			t.Errorf("%v: %+v, %v", tt.answer, d, failed)
		}
		first := receive(t, v.House, r.take()[0])
		v.deliver()
		if again := r.take(); tt.final != (len(again) == 0) {
			t.Errorf("%v: tried %d times more", tt.answer, len(again))
		} else if !tt.final {
			if c := receive(t, v.House, again[0]); c.ID != first.ID || c.IssuedAt != first.IssuedAt {
				t.Errorf("the second token is another one: %+v, %+v", first, c)
			}
		}
		if w, err := v.dir.Webhook(t.Context(), host, w.ID); err != nil || !w.DisabledAt.IsZero() {
			t.Errorf("%v stops the receiver (%v)", tt.answer, err)
		}
		if _, err := v.dir.UpdateWebhook(t.Context(), host, w.ID, directory.WebhookChange{Disabled: ptr(true)}); err != nil {
			t.Fatal(err)
		}
	}
}
