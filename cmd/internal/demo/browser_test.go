package demo

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/templates"
)

// start serves the application for an issuer that need not be there yet.
func start(t *testing.T, issuer string, change ...func(*Config)) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	c := Config{
		Issuer: issuer, BaseURL: "http://" + server.Listener.Addr().String(),
		Client: Credentials{"demo", "client secret+/"}, API: Credentials{"demo-api", "API secret"},
		Accounts: []templates.DemoAccount{{Username: "ada", Role: "user"}},
		Log:      slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	app, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = app.Handler()
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func startWith(t *testing.T, change ...func(*Config)) (*issuerStub, *visitor) {
	t.Helper()
	stub := newIssuerStub(t)
	server := start(t, stub.URL, change...)
	stub.audience = server.URL + APIPath
	return stub, newVisitor(t, server)
}

// visitor is a browser that follows no redirect by itself.
type visitor struct {
	t      *testing.T
	client *http.Client
	base   string
}

func newVisitor(t *testing.T, server *httptest.Server) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{
		Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, server.URL}
}

type seen struct {
	status   int
	location string
	header   http.Header
	body     string
}

func (v *visitor) do(r *http.Request, err error) seen {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	response, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return seen{response.StatusCode, response.Header.Get("Location"), response.Header, string(body)}
}

func (v *visitor) get(path string) seen {
	v.t.Helper()
	return v.do(http.NewRequest(http.MethodGet, v.base+path, nil))
}

func (v *visitor) post(path string, form url.Values, header ...string) seen {
	v.t.Helper()
	r, err := http.NewRequest(http.MethodPost, v.base+path, strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
	}
	return v.do(r, err)
}

// form is what the page sends back, with the token of the page that is shown now.
func (v *visitor) form(fields ...string) url.Values {
	v.t.Helper()
	found := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(v.get("/").body)
	if found == nil {
		v.t.Fatal("the page has no form token")
	}
	form := url.Values{"csrf": {found[1]}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form
}

func (v *visitor) call(which string) string {
	v.t.Helper()
	if got := v.post("/call", v.form("call", which)); got.status != http.StatusSeeOther || got.location != "/#answer" {
		v.t.Fatalf("call %s: %d to %q\n%s", which, got.status, got.location, got.body)
	}
	return v.get("/").body
}

func (v *visitor) signIn(stub *issuerStub) {
	v.t.Helper()
	got := v.get("/callback?" + stub.authorize(v.t, v.get("/sign-in").location).Encode())
	if got.status != http.StatusSeeOther || got.location != "/" {
		v.t.Fatalf("callback: %d to %q\n%s", got.status, got.location, got.body)
	}
}

func (v *visitor) cookie() string {
	u, _ := url.Parse(v.base)
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == cookieName {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) signedIn() bool {
	v.t.Helper()
	return strings.Contains(v.get("/").body, `id="sign-out"`)
}

func mustContain(t *testing.T, body string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in\n%s", want, body)
		}
	}
}
