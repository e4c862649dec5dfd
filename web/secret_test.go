package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage/storagetest"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// refusal keeps an answer with an error in it: pages apart from what programs read.
type refusal struct {
	http.ResponseWriter
	pages, rest *webtest.Log
	into        io.Writer
}

func (r *refusal) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		r.into = r.rest
		_ = r.Header().Write(r.into)
		if strings.HasPrefix(r.Header().Get("Content-Type"), "text/html") {
			r.into = r.pages
		}
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *refusal) Write(p []byte) (int, error) {
	if r.into != nil {
		_, _ = r.into.Write(p)
	}
	return r.ResponseWriter.Write(p)
}

func (r *refusal) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// What is secret is in no log, in no answer that refuses and, however it is spelt, in no
// dump of the database.
func TestD8_E9_P1_P2_NoSecretIsToldOrStored(t *testing.T) {
	t.Parallel()
	h, pages, rest := webtest.Boot(t, webtest.TakingRegistrations), &webtest.Log{}, &webtest.Log{}
	h.Surround(func(made http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			made.ServeHTTP(&refusal{ResponseWriter: w, pages: pages, rest: rest}, r)
		})
	})
	all := h.WalkOfSecrets(h.Post())
	for _, c := range []struct {
		what, text string
		secrets    webtest.Secrets
		looked     []string
	}{
		{"the log", h.Log.String(), all, []string{"/oauth2/token", "/api/v1/", "sign-in refused", "access token refused"}},
		{"a refusal", rest.String(), all, []string{"invalid_grant", "invalid_client", "invalid_token", "authorization_pending", "Www-Authenticate", "application/problem+json"}},
		// A form that is shown again has what it must send again, and the name that was typed.
		{"a page that refuses", pages.String(), all.Without("csrf token", "paused request", "link of reset", "password typed as user name",
			"authenticator app", "authenticator app as shown", "authenticator app's sealed state"), []string{`id="sign-in"`, `id="set-up-app"`, `id="spend"`, `id="change-password"`, `id="use-recovery-code"`}},
		// Whoever holds the database cannot use what stays out: it is not ours, sealed and bound to a
		// browser's cookie, an id that only its client may name, or what a person reads off a screen.
		{"the dump", storagetest.Dump(t, h.DSN), all.Without("nonce", "paused request of reset_password", "paused request of sign_in", "pushed: request_uri", "waiting device: user_code"),
			[]string{"COPY platform.totp_secrets", "COPY river.river_job"}},
	} {
		for _, want := range c.looked {
			if !strings.Contains(c.text, want) {
				t.Errorf("%s does not have %s: little was looked at", c.what, want)
			}
		}
		for _, name := range c.secrets.ToldBy(c.text) {
			t.Errorf("%s has the %s: %q", c.what, name, all[name])
		}
	}
	for _, table := range strings.Fields("clients device_codes grants idempotency_keys one_time_links recovery_codes registration_tokens totp_secrets user_sessions webhooks") {
		var rows int
		if h.World.Get(`select count(*) from platform.`+table, nil, &rows); rows == 0 {
			t.Errorf("%s is empty: little was looked at", table)
		}
	}
}
