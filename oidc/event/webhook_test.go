package event_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// verify asks the library that receivers use.
func verify(t *testing.T, secret string, h heard) error {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return w.Verify(h.body, h.header)
}

// What people and operators do reaches whoever asked for it, by jobs, signed so that
// the library of Standard Webhooks takes it, and as who and what alone.
func TestWebhook(t *testing.T) {
	t.Parallel()
	v, r := newTown(t), newReceiver(t, answer{status: http.StatusInternalServerError})
	ann, bob := v.User("ann"), v.User("bob")
	v.Client("web")
	w, secret := v.hook(storage.Webhook{URL: r.URL, Events: []string{"user.sign-in", "consent.*", "user.disable", "client.update", "session.*"}}, "")
	v.Work()
	v.Browser().Authorize(webtest.NewProof(), "web", "ann", nil)
	session := v.World.Text(`select id from platform.user_sessions where user_id = $1`, ann)
	for name, err := range map[string]error{
		"disable":       v.dir.DisableUser(t.Context(), host, bob),
		"revoke":        v.dir.RevokeSession(t.Context(), host, mustParse[authz.SessionID](t, session)),
		"not asked for": v.dir.EnableUser(t.Context(), host, bob),
	} {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if _, err := v.dir.UpdateClient(t.Context(), host, "web", directory.ClientChange{Name: ptr("Shop")}); err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{
		"user.sign-in": {"session", ann.String()}, "consent.give": {"client", ann.String()}, "user.disable": {"user", bob.String()},
		"session.revoke": {"session", ann.String()}, "client.update": {"client", ""},
	}
	var all []heard
	for deadline := time.Now().Add(30 * time.Second); len(all) < len(want)+1; time.Sleep(10 * time.Millisecond) {
		if all = append(all, r.take()...); time.Now().After(deadline) {
			t.Fatalf("heard %v", types(t, all))
		}
	}
	if h := all[slices.IndexFunc(all[1:], func(h heard) bool { return h.header.Get("Webhook-Id") == all[0].header.Get("Webhook-Id") })+1]; string(h.body) != string(all[0].body) {
		t.Errorf("the second try says %s, the first %s", h.body, all[0].body)
	}
	for _, h := range all[1:] {
		m := h.said(t)
		if err := verify(t, secret, h); err != nil {
			t.Errorf("%s: %v", m.Type, err)
		}
		whom := ""
		if m.Data.User != nil {
			whom = *m.Data.User
		}
		if about := [2]string{m.Data.Object.Kind, whom}; about != want[m.Type] {
			t.Errorf("%s is about %v", m.Type, about)
		}
		for _, secret := range []string{"ann@", "127.0.0.1", "username", "before", "after"} {
			if strings.Contains(string(h.body), secret) {
				t.Errorf("%s tells %q: %s", m.Type, secret, h.body)
			}
		}
		h.body = append([]byte(" "), h.body...)
		if verify(t, secret, h) == nil {
			t.Errorf("%s: altered, it passes", m.Type)
		}
	}
	for _, d := range v.deliveries(w) {
		if want[d.Type][0] == "" || d.DeliveredAt.IsZero() && d.Tries < 1 {
			t.Errorf("the log has %+v", d)
		}
	}
}

func mustParse[I ~[16]byte](t *testing.T, text string) I {
	t.Helper()
	id, err := authz.ParseID[I](strings.Trim(text, "()\n"))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return id
}

// A tenant hears what happens in it and to its members, and nothing else.
func TestM1_WebhookHearsItsTenantAlone(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	beta := v.World.Tenant("beta")
	bob, both := v.UserOf("bob", beta), v.UserOf("both", beta, v.Tenant)
	ann := v.User("ann")
	v.Client("web", func(c *storage.Client) { c.Tenant = v.Tenant })
	v.Client("bweb", func(c *storage.Client) { c.Tenant = beta })
	ofA, ofB, ofAll := newReceiver(t), newReceiver(t), newReceiver(t)
	every := []string{"user.*", "session.*", "consent.*", "client.*", "group.*"}
	v.hook(storage.Webhook{URL: ofA.URL, Events: every}, "acme")
	v.hook(storage.Webhook{URL: ofB.URL, Events: every}, "beta")
	v.hook(storage.Webhook{URL: ofAll.URL, Events: every}, "")

	v.Browser().Authorize(webtest.NewProof(), "web", "ann", nil)
	session := mustParse[authz.SessionID](t, v.World.Text(`select id from platform.user_sessions where user_id = $1`, ann))
	g, err := v.dir.CreateGroup(t.Context(), host, directory.CreateGroup{Tenant: beta, Name: "tools"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		v.dir.AddMember(t.Context(), host, g.ID, bob), v.dir.DisableClient(t.Context(), host, "bweb"), v.dir.DisableUser(t.Context(), host, both),
		v.dir.DeleteUser(t.Context(), host, bob, nil), v.dir.RevokeSession(t.Context(), host, session),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if failed := v.deliver(); failed != nil {
		t.Fatal(failed)
	}
	a, b, all := types(t, ofA.take()), ofB.take(), types(t, ofAll.take())
	if want := []string{"user.sign-in", "consent.give", "user.disable", "session.revoke"}; !slices.Equal(a, want) {
		t.Errorf("acme heard %v, want %v", a, want)
	}
	if want := []string{"group.create", "group.add-member", "client.disable", "user.disable", "user.delete"}; !slices.Equal(types(t, b), want) {
		t.Errorf("beta heard %v, want %v", types(t, b), want)
	}
	for _, h := range b {
		if strings.Contains(string(h.body), v.Tenant.String()) || strings.Contains(string(h.body), ann.String()) {
			t.Errorf("beta heard of acme: %s", h.body)
		}
	}
	if len(all) != 8 {
		t.Errorf("the operator heard %v", all)
	}
}

// A change that fails is told to nobody.
func TestWebhook_OfFailures(t *testing.T) {
	t.Parallel()
	v, r := newTown(t), newReceiver(t)
	ann := v.User("ann")
	w, _ := v.hook(storage.Webhook{URL: r.URL, Events: []string{"user.*"}}, "")
	if _, err := v.dir.UpdateUser(t.Context(), host, ann, directory.UserChange{Email: ptr("no address")}); err == nil {
		t.Fatal("the change was made")
	}
	if told := v.deliveries(w); len(told) != 0 {
		t.Errorf("told of %v", told)
	}
}

func ptr[T any](v T) *T { return &v }

// For the overlap a message is signed by the old secret and the new one, then by the
// new one alone.
func TestWebhook_RotatesItsSecret(t *testing.T) {
	t.Parallel()
	v, r := newTown(t), newReceiver(t)
	w, old := v.hook(storage.Webhook{URL: r.URL, Events: []string{"user.*"}}, "")
	renewed := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	if _, err := v.dir.RotateWebhookSecret(t.Context(), host, w.ID, v.secrets.Seal(w.ID, renewed), time.Hour); err != nil {
		t.Fatal(err)
	}
	message := func() heard {
		t.Helper()
		if _, err := v.dir.TestWebhook(t.Context(), host, w.ID); err != nil {
			t.Fatal(err)
		}
		v.deliver()
		all := r.take()
		if len(all) != 1 || all[0].said(t).Type != "webhook.test" {
			t.Fatalf("heard %v", all)
		}
		return all[0]
	}
	during := message()
	if a, b := verify(t, old, during), verify(t, renewed, during); a != nil || b != nil {
		t.Errorf("during the overlap: old %v, new %v", a, b)
	}
	v.Advance(61 * time.Minute)
	after := message()
	if n := len(strings.Fields(after.header.Get("Webhook-Signature"))); n != 1 {
		t.Errorf("after the overlap there are %d signatures", n)
	}
	log := v.World.Text(`select secret_sealed, previous_secret_sealed from platform.webhooks`) + v.World.Text(`select before, after from platform.audit_events`) + v.Log.String()
	for _, secret := range []string{old, renewed} {
		if strings.Contains(log, secret) || strings.Contains(log, secret[6:]) {
			t.Error("a secret is kept, or logged, in the clear")
		}
	}
}

// What is not taken is tried again, given up after a day, and by then the receiver is
// stopped, of which the audit log tells. What was given up can be sent again.
func TestWebhook_GivenUp(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	no := answer{status: http.StatusServiceUnavailable}
	r := newReceiver(t, no, answer{status: http.StatusFound}, no)
	w, secret := v.hook(storage.Webhook{URL: r.URL, Events: []string{"user.*"}}, "")
	ann := v.User("ann")
	if err := v.dir.DisableUser(t.Context(), host, ann); err != nil {
		t.Fatal(err)
	}
	for i, after := range []time.Duration{0, time.Hour, 24 * time.Hour} {
		v.Advance(after)
		if failed := v.deliver(); (len(failed) > 0) != (i < 2) {
			t.Errorf("try %d: %v", i, failed)
		}
		if d := v.deliveries(w)[0]; d.Tries != i+1 || d.GivenUpAt.IsZero() != (i < 2) {
			t.Errorf("try %d: %+v", i, d)
		}
	}
	if n := len(r.take()); n != 3 {
		t.Errorf("heard %d requests: a redirect was followed, or a try left out", n)
	}
	w, err := v.dir.Webhook(t.Context(), host, w.ID)
	if err != nil || w.DisabledAt.IsZero() {
		t.Fatalf("the webhook still hears: %v", err)
	}
	if log := v.World.Text(`select actor, object_id from platform.audit_events where action = 'webhook.fail'`); !strings.Contains(log, w.ID.String()) || !strings.Contains(log, "gatehouse") {
		t.Errorf("the audit log says %q", log)
	}
	// Stopped, it hears of nothing.
	if err := v.dir.EnableUser(t.Context(), host, ann); err != nil {
		t.Fatal(err)
	}
	given := v.deliveries(w)
	if len(given) != 1 {
		t.Fatalf("a stopped webhook has %d messages", len(given))
	}
	if v.dir.Redeliver(t.Context(), host, w.ID, given[0].Event) == nil {
		t.Error("a stopped webhook is sent a message")
	}
	if _, err := v.dir.UpdateWebhook(t.Context(), host, w.ID, directory.WebhookChange{Disabled: ptr(false)}); err != nil {
		t.Fatal(err)
	}
	if err := v.dir.Redeliver(t.Context(), host, w.ID, given[0].Event); err != nil {
		t.Fatal(err)
	}
	if n := v.World.Text(`select 1 from river.river_job where kind = 'webhook' having count(*) = 2`); n == "" {
		t.Error("there is no job for the second time")
	}
	if failed := v.deliver(); failed != nil {
		t.Fatal(failed)
	}
	if all := r.take(); len(all) != 1 || all[0].header.Get("Webhook-Id") != given[0].Event.String() || verify(t, secret, all[0]) != nil && v.Now().Sub(time.Now()) < time.Minute {
		t.Errorf("sent again: %v", all)
	}
	// It runs twice, and is sent once.
	v.deliver()
	if all := r.take(); len(all) != 0 {
		t.Errorf("sent once more: %v", all)
	}
}

// A receiver that hears something is not stopped for one message that it does not take;
// one that says that it is gone is stopped at once.
func TestWebhook_StoppedForCause(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	r, gone := newReceiver(t, answer{status: 500}), newReceiver(t, answer{status: http.StatusGone})
	w, _ := v.hook(storage.Webhook{URL: r.URL, Events: []string{"user.*"}}, "")
	left, _ := v.hook(storage.Webhook{URL: gone.URL, Events: []string{"user.*"}}, "")
	ann := v.User("ann")
	if err := v.dir.DisableUser(t.Context(), host, ann); err != nil {
		t.Fatal(err)
	}
	v.deliver()
	v.Advance(time.Hour)
	if _, err := v.dir.TestWebhook(t.Context(), host, w.ID); err != nil {
		t.Fatal(err)
	}
	v.World.Exec(`update platform.webhook_deliveries set given_up_at = now() where type = 'user.disable'`)
	v.deliver()
	v.World.Exec(`update platform.webhook_deliveries set given_up_at = null where type = 'user.disable' and webhook_id = $1`, w.ID)
	v.Advance(24 * time.Hour)
	r.answers = []answer{{status: 500}}
	v.deliver()
	if w, err := v.dir.Webhook(t.Context(), host, w.ID); err != nil || !w.DisabledAt.IsZero() {
		t.Errorf("stopped for one message: %v %v", w.DisabledAt, err)
	}
	if w, err := v.dir.Webhook(t.Context(), host, left.ID); err != nil || w.DisabledAt.IsZero() {
		t.Errorf("gone, and not stopped: %v", err)
	}
}

// F6: a receiver inside is not reached, and nobody learns what there is.
func TestF6_WebhookStaysOutside(t *testing.T) {
	t.Parallel()
	v, r := newTown(t), newReceiver(t)
	w, _ := v.hook(storage.Webhook{URL: r.URL, Events: []string{"user.*"}}, "")
	if _, err := v.dir.TestWebhook(t.Context(), host, w.ID); err != nil {
		t.Fatal(err)
	}
	v.sender.Outbound = outbound.New(false)
	if failed := v.deliver(); len(failed) != 1 {
		t.Fatal(failed)
	}
	if all := r.take(); len(all) != 0 {
		t.Errorf("an address inside heard %v", all)
	}
	if d := v.deliveries(w)[0]; d.Outcome != "could not be reached" {
		t.Errorf("the log says %q", d.Outcome)
	}
	for _, address := range []string{"http://hooks.example/in", "ftp://hooks.example", "https://user@hooks.example", "https://hooks.example/#in", "hooks.example"} {
		_, err := v.dir.CreateWebhook(t.Context(), host, storage.Webhook{ID: authz.NewID[authz.WebhookID](v.Now()), Protocol: storage.ProtocolWebhook, URL: address, Events: []string{"user.*"}, SecretSealed: []byte{0}}, "")
		if err == nil || !strings.Contains(err.Error(), "url") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
