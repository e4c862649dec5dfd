package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

// A receiver from its first day to its last. Its secret is shown when it is made.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	held := token(h, "olga", "openid admin")
	made := call(h, held, "POST", "/webhooks", `{"url":"https://hooks.example/in","events":["user.*","client.create"],"tenant":"acme"}`)
	if made.Status != http.StatusCreated || !strings.HasPrefix(made.Text("secret"), "whsec_") || made.Text("tenant_id") != h.Tenant.String() {
		t.Fatalf("made: %d %s", made.Status, made.Raw)
	}
	at := "/webhooks/" + made.Text("id")
	if shown := call(h, held, "GET", at, ""); shown.Status != 200 || strings.Contains(shown.Raw, "whsec_") || strings.Contains(shown.Raw, "sealed") {
		t.Errorf("shown: %d %s", shown.Status, shown.Raw)
	}
	if changed := call(h, held, "PATCH", at, `{"events":["session.revoke"],"disabled":true}`); changed.Status != 200 || changed.Text("url") != "https://hooks.example/in" || changed.JSON["disabled_at"] == nil {
		t.Errorf("changed: %d %s", changed.Status, changed.Raw)
	}
	if tried := call(h, held, "POST", at+"/test", ""); tried.Status != http.StatusBadRequest && tried.Status != http.StatusUnprocessableEntity {
		t.Errorf("tried while it is stopped: %d %s", tried.Status, tried.Raw)
	}
	call(h, held, "PATCH", at, `{"disabled":false}`)
	tried := call(h, held, "POST", at+"/test", "")
	sent := call(h, held, "GET", at+"/deliveries", "")
	if tried.Status != 200 || !strings.Contains(sent.Raw, tried.Text("id")) || !strings.Contains(sent.Raw, `"state":"pending"`) {
		t.Errorf("tried: %d %s, sent: %s", tried.Status, tried.Raw, sent.Raw)
	}
	if again := call(h, held, "POST", at+"/deliveries/"+tried.Text("id")+"/redeliver", ""); again.Status != 200 {
		t.Errorf("sent again: %d %s", again.Status, again.Raw)
	}
	renewed := call(h, held, "POST", at+"/rotate-secret", `{"overlap_seconds":3600}`)
	if renewed.Text("secret") == made.Text("secret") || !strings.HasPrefix(renewed.Text("secret"), "whsec_") {
		t.Errorf("renewed: %d %s", renewed.Status, renewed.Raw)
	}
	set := call(h, held, "POST", "/webhooks", `{"url":"https://app.example/in","protocol":"set","audience":"https://app.example","events":["session-revoked"],"authorization":"Bearer very-secret"}`)
	if set.Status != http.StatusCreated || set.JSON["secret"] != nil || strings.Contains(set.Raw, "very-secret") {
		t.Errorf("a receiver of security event tokens: %d %s", set.Status, set.Raw)
	}
	if list := call(h, held, "GET", "/webhooks?tenant=acme", ""); strings.Contains(list.Raw, set.Text("id")) || !strings.Contains(list.Raw, made.Text("id")) {
		t.Errorf("the tenant's: %s", list.Raw)
	}
	if gone := call(h, held, "DELETE", at, ""); gone.Status != 200 || call(h, held, "GET", at, "").Status != http.StatusNotFound {
		t.Errorf("deleted: %d %s", gone.Status, gone.Raw)
	}
	for name, body := range map[string]string{
		"no events":               `{"url":"https://hooks.example","events":[]}`,
		"an event there is not":   `{"url":"https://hooks.example","events":["user.created"]}`,
		"a family there is not":   `{"url":"https://hooks.example","events":["users.*"]}`,
		"everything":              `{"url":"https://hooks.example","events":["*"]}`,
		"http":                    `{"url":"http://hooks.example","events":["user.*"]}`,
		"a tenant there is not":   `{"url":"https://hooks.example","events":["user.*"],"tenant":"nowhere"}`,
		"an audience":             `{"url":"https://hooks.example","events":["user.*"],"audience":"https://app.example"}`,
		"authorization":           `{"url":"https://hooks.example","events":["user.*"],"authorization":"Bearer x"}`,
		"a client":                `{"url":"https://hooks.example","events":["user.*"],"client":"web"}`,
		"a set without audience":  `{"url":"https://app.example","protocol":"set","events":["session-revoked"]}`,
		"a set of other events":   `{"url":"https://app.example","protocol":"set","audience":"a","events":["user.*"]}`,
		"a set for nobody":        `{"url":"https://app.example","protocol":"set","audience":"a","events":["session-revoked"],"client":"nobody"}`,
		"a header of two lines":   `{"url":"https://app.example","protocol":"set","audience":"a","events":["session-revoked"],"authorization":"Bearer x\r\nX: y"}`,
		"a protocol there is not": `{"url":"https://app.example","protocol":"xml","events":["user.*"]}`,
		"user information":        `{"url":"https://me@hooks.example","events":["user.*"]}`,
		"a receiver with no name": `{"url":"https:///in","events":["user.*"]}`,
	} {
		if a := call(h, held, "POST", "/webhooks", body); a.Status < 400 || a.Status >= 500 {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
}
