package web_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// inside is words that only the inside of the house uses.
var inside = regexp.MustCompile(`(?i)canary|hunter2|pgx|pgconn|postgres|sqlstate|\bsql\b|db\.internal|\.s\.pgsql|goroutine|runtime error|\.go:\d|platform\.|user_sessions|/dev/shm|panic|dial `)

func showsNothing(t *testing.T, p *webtest.Page) {
	t.Helper()
	for name, values := range p.Header {
		if found := inside.FindString(strings.Join(values, " ")); found != "" {
			t.Errorf("%s: %q", name, found)
		}
	}
	if found := inside.Find(p.Body); found != nil {
		t.Errorf("the answer says %q:\n%s", found, p.Body)
	}
}

func TestP6_DatabaseDown(t *testing.T) {
	t.Parallel()
	network := &webtest.Network{}
	h := webtest.Boot(t, network.Option)
	h.User("ann")
	h.Client("web")
	b := signedIn(h, "ann")
	csrf := csrfOf(t, b)
	flow := flowOf(t, b, "web", nil)
	proof := webtest.NewProof()
	code := b.Authorize(proof, "web", "ann", nil).Get("code")
	network.Cut()
	defer network.Mend()
	for h.Store.Fresh() { // for two seconds what stands in memory may be used
		time.Sleep(10 * time.Millisecond)
	}

	request := func(method, path string, form url.Values) *webtest.Page {
		if method == http.MethodGet {
			return get(b, h.URL+path, nil)
		}
		basic := http.Header{}
		if strings.HasPrefix(path, "/oauth2/") {
			basic.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("web:"+webtest.ClientSecret)))
		}
		return b.PostRaw(path, form, basic)
	}
	for _, test := range []struct{ method, path string }{
		{"GET", "/"}, {"GET", "/account"}, {"GET", "/login"}, {"GET", "/login/tenant"}, {"GET", "/login?flow=" + flow}, {"GET", "/consent?flow=" + flow}, {"GET", "/oauth2/logout"},
		{"GET", webtest.NewProof().Authorization("web", nil)},
		{"POST", "/login"}, {"POST", "/logout"}, {"POST", "/login/switch"}, {"POST", "/login/tenant"}, {"POST", "/consent"}, {"POST", "/account/sessions/revoke"},
		{"POST", "/oauth2/token"}, {"POST", "/oauth2/introspect"}, {"POST", "/oauth2/revoke"}, {"POST", "/oauth2/par"},
	} {
		t.Run(test.method+" "+test.path[:min(len(test.path), 30)], func(t *testing.T) {
			b.T = t
			form := fullForm(h, csrf)
			if strings.HasPrefix(test.path, "/oauth2/") {
				form = url.Values{"token": {"x"}, "grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {webtest.RedirectURI}, "code_verifier": {proof.Verifier}}
			} else {
				form.Set("flow", flow)
			}
			begun := time.Now()
			p := request(test.method, test.path, form)
			if p.StatusCode != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" {
				t.Errorf("%d, Retry-After %q", p.StatusCode, p.Header.Get("Retry-After"))
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the answer took %v", took)
			}
			showsNothing(t, p)
		})
	}
	b.T = t
	if p := request("GET", "/healthz", nil); p.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %d", p.StatusCode)
	}
	if p := request("GET", "/readyz", nil); p.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", p.StatusCode)
	} else {
		showsNothing(t, p)
	}
	network.Mend()
	for deadline := time.Now().Add(time.Minute); !isUp(b, h); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the house does not come back with its database")
		}
	}
	if !isSignedIn(b) {
		t.Error("the session is gone")
	}
}

// A ban holds while the list of bans cannot be read.
func TestI15_BansHoldInTheDark(t *testing.T) {
	t.Parallel()
	network := &webtest.Network{}
	h := webtest.Boot(t, network.Option)
	h.World.Exec(`insert into platform.ip_bans (network, created_at) values ('127.0.0.1/32', now())`)
	b := h.Browser()
	if p := get(b, h.URL+"/.well-known/openid-configuration", nil); p.StatusCode != http.StatusForbidden {
		t.Fatalf("banned: %d", p.StatusCode)
	}
	network.Cut()
	defer network.Mend()
	for _, memory := range []string{"trusted", "not trusted"} {
		if p := get(b, h.URL+"/.well-known/openid-configuration", nil); p.StatusCode != http.StatusForbidden {
			t.Errorf("without a database, while memory is %s: %d", memory, p.StatusCode)
		}
		for h.Store.Fresh() {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func isUp(b *webtest.Browser, h *webtest.House) bool {
	return get(b, h.URL+"/account", nil).StatusCode == http.StatusOK
}

// A fault that nobody has foreseen is a page with a number too.
func TestP6_UnknownFault(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	b := signedIn(h, "ann")
	h.World.Exec(`alter table platform.user_sessions rename column secret_hash to canary_hash`)
	for _, path := range []string{"/", "/account", "/login/tenant", "/oauth2/logout"} {
		p := get(b, h.URL+path, nil)
		isErrorPage(t, p, http.StatusInternalServerError)
		showsNothing(t, p)
		if id := p.Header.Get("X-Request-Id"); !strings.Contains(string(p.Body), id) {
			t.Errorf("%s: the page lacks the request id %s", path, id)
		} else if !strings.Contains(h.Log.String(), id) {
			t.Errorf("%s: the log lacks the request id %s", path, id)
		}
	}
	p := get(b, h.URL+webtest.NewProof().Authorization("web", nil), nil)
	back := parse(t, p.Header.Get("Location"))
	if back.Query().Get("error") != "server_error" || back.Query().Get("iss") != h.URL {
		t.Errorf("the client is told %s", back)
	}
	showsNothing(t, p)
}

func TestPages_Panic(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) {
		now := c.Now
		c.Now = func() time.Time {
			if armed.Load() {
				panic("canary: password=hunter2")
			}
			return now()
		}
	})
	b := h.Browser()
	b.Get("/login")
	armed.Store(true)
	p := get(b, h.URL+"/login", nil)
	armed.Store(false)
	isErrorPage(t, p, http.StatusInternalServerError)
	showsNothing(t, p)
	if id := p.Header.Get("X-Request-Id"); id == "" || !strings.Contains(string(p.Body), id) || !strings.Contains(h.Log.String(), id) {
		t.Errorf("the request id %q does not lead from the page to the log", id)
	}
	if policyOf(t, p)["frame-ancestors"] == nil || p.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", p.Header)
	}
	if p := get(b, h.URL+"/login", nil); p.StatusCode != http.StatusOK {
		t.Errorf("the next request: %d", p.StatusCode)
	}
}
