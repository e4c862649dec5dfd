package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/storagetest"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// A sign-in that is under way when the password changes fails as with a wrong password.
func TestH9_SignInUnderWayWhenThePasswordChanges(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	user := h.User("ann")
	contains(t, signInWhilePasswordChanges(h, h.Browser(), user, "ann"), http.StatusUnauthorized, "That did not match")
	if left := h.World.Text(`select id from platform.user_sessions`); left != "" {
		t.Errorf("there is a session: %s", left)
	}
	if told := h.World.Text(`select action from platform.audit_events where object_id = $1`, user.String()); told != "(user.password)\n(user.sign-in-failed)" {
		t.Errorf("written down: %s", told)
	}
}

// The second factor stands beside the password that was typed, not beside the one that has
// taken its place since.
func TestH9_SecondFactorAfterThePasswordChanged(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	user := h.User("ann")
	withApp(t, h, signedIn(h, "ann"))
	b := h.Browser()
	asked := signInWhilePasswordChanges(h, b, user, "ann")
	if p := b.Get(asked.Header.Get("Location")); p.Request.URL.Path != "/login" {
		t.Errorf("the former password leads to %s", p.Request.URL)
	}
}

// signInWhilePasswordChanges types the former password: by the time that it is judged, there
// is another one.
func signInWhilePasswordChanges(h *webtest.House, b *webtest.Browser, user authz.UserID, username string) *webtest.Page {
	h.T.Helper()
	form := b.Get("/login").Form(h.T, "sign-in", url.Values{"username": {username}, "password": {webtest.Password}})
	holds := storagetest.NewWorld(h.T, h.DSN)
	holds.Exec(`begin`)
	holds.Exec(`lock table platform.rate_counters in share mode`) // a guess is counted before it is judged
	answer := make(chan *webtest.Page, 1)
	go func() { answer <- b.PostRaw(form.Action, form.Values, nil) }()
	for waits := 0; waits == 0; time.Sleep(5 * time.Millisecond) {
		h.World.Get(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`, nil, &waits)
		if len(answer) > 0 {
			h.T.Fatal("the sign-in did not wait")
		}
	}
	now := h.Now()
	err := h.Store.ForOperator().SetPasswordHash(h.T.Context(), user, "$argon2id$new", now.Add(time.Hour), storage.AuditEvent{
		ID: authz.NewID[authz.AuditID](now), At: now, Actor: "test", Action: "user.password",
	})
	if err != nil {
		h.T.Fatal(err)
	}
	holds.Exec(`rollback`)
	return <-answer
}
