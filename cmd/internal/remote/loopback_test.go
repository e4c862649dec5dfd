package remote_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/cmd/internal/remote"
)

// Only the answer to this very sign-in is taken: its state, the issuer that was asked,
// on the address that it listens on, once.
func TestLoopback_TakesItsOwnAnswerAlone(t *testing.T) {
	t.Parallel()
	s := &remote.Server{Issuer: "https://id.example", Authorization: "https://id.example/oauth2/authorize"}
	l, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	address, err := url.Parse(l.Address)
	if err != nil {
		t.Fatal(err)
	}
	asked := address.Query()
	callback, err := url.Parse(asked.Get("redirect_uri"))
	if err != nil || callback.Hostname() != "127.0.0.1" || callback.Port() == "" || callback.Path != "/callback" {
		t.Fatalf("redirect_uri %v: %v", callback, err)
	}
	if asked.Get("code_challenge_method") != "S256" || len(asked.Get("code_challenge")) != 43 || len(asked.Get("state")) < 22 || asked.Get("response_type") != "code" {
		t.Errorf("asked: %v", asked)
	}
	good := func() url.Values {
		return url.Values{"state": {asked.Get("state")}, "iss": {s.Issuer}, "error": {"access_denied"}}
	}
	give := func(method, host, path string, answer url.Values) int {
		r := httptest.NewRequest(method, "http://"+host+path+"?"+answer.Encode(), nil)
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		if w.Header().Get("Cache-Control") != "no-store" || strings.Contains(w.Body.String(), asked.Get("state")) {
			t.Errorf("answer: %v %s", w.Header(), w.Body)
		}
		return w.Code
	}
	with := func(name, value string) url.Values { v := good(); v.Set(name, value); return v }
	for name, c := range map[string]struct {
		method, host, path string
		answer             url.Values
		status             int
	}{
		"another state":  {"GET", callback.Host, "/callback", with("state", "guess"), http.StatusBadRequest},
		"no state":       {"GET", callback.Host, "/callback", with("state", ""), http.StatusBadRequest},
		"another issuer": {"GET", callback.Host, "/callback", with("iss", "https://evil.example"), http.StatusBadRequest},
		"neither":        {"GET", callback.Host, "/callback", with("error", ""), http.StatusBadRequest},
		"another name":   {"GET", "evil.example:" + callback.Port(), "/callback", good(), http.StatusNotFound},
		"another path":   {"GET", callback.Host, "/favicon.ico", good(), http.StatusNotFound},
		"another method": {"POST", callback.Host, "/callback", good(), http.StatusNotFound},
	} {
		if status := give(c.method, c.host, c.path, c.answer); status != c.status {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := give("GET", callback.Host, "/callback", good()); status != http.StatusOK {
		t.Errorf("the answer: %d", status)
	}
	if status := give("GET", callback.Host, "/callback", good()); status != http.StatusConflict {
		t.Errorf("a second answer: %d", status)
	}
	if _, err := l.Wait(t.Context()); !errors.Is(err, remote.ErrRefused) {
		t.Errorf("denied: %v", err)
	}
}
