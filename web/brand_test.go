package web_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// brand gives the tenant of the house a colour and a logo, a black ring.
func brand(t *testing.T, h *webtest.House, accent string) {
	t.Helper()
	ring := image.NewNRGBA(image.Rect(0, 0, 200, 100))
	for x := range 200 {
		for y := range 100 {
			if d := (x-100)*(x-100) + (y-50)*(y-50); d > 900 && d < 2000 {
				ring.Set(x, y, color.Black)
			}
		}
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, ring); err != nil {
		t.Fatal(err)
	}
	s := directory.New(h.Store, nil, h.Now)
	host := directory.Actor{Name: "host", Host: true}
	if _, err := s.SetTenantLogo(t.Context(), host, h.Tenant, append(picture.Bytes(), "<script>hidden</script>"...)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdateTenant(t.Context(), host, h.Tenant, directory.TenantChange{Accent: &accent}); err != nil {
		t.Fatal(err)
	}
}

// Every page on the way through a sign-in looks like the tenant of the client.
func TestBrand_WholeFlow(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, webtest.AtLocalhost)
	h.User("ann")
	h.Client("web")
	newTelevision(h)
	brand(t, h, "#ffc400")
	post, d := h.Post(), newDevice(h)
	request := webtest.NewProof().Authorization("web", nil)
	branded := func(p *webtest.Page, path string) *webtest.Page {
		t.Helper()
		if body := string(p.Body); p.Request.URL.Path != path || !strings.Contains(body, `href="/brand/ffc400.css"`) || !strings.Contains(body, `src="/logos/`) {
			t.Errorf("want %s in the look of the tenant, got %s:\n%s", path, p.Request.URL, body)
		}
		return p
	}
	b := h.Browser()
	signIn := branded(b.Get(request), "/login")
	flow := signIn.Request.URL.Query().Get("flow")
	form := signIn.Form(t, "sign-in", url.Values{"username": {"ann"}, "password": {"wrong"}, "passkeys": {"on"}})
	branded(b.Post(form.Action, form.Values), "/login")
	forgot := branded(b.Get("/login/forgot?flow="+flow), "/login/forgot")
	branded(b.Press(forgot, "reset-password", url.Values{"username": {"ann"}, "purpose": {"reset_password"}}), "/login/forgot")
	reset := branded(b.Get(post.Latest("ann@example.com").Link), "/link")
	branded(b.Press(reset, "spend", url.Values{"password": {webtest.Password}}), "/link")
	branded(b.Get(invitation(t, h, "new@example.com")), "/link")

	form.Values.Set("password", webtest.Password)
	offer := branded(b.Post(form.Action, form.Values), "/login/passkey/new")
	consent := branded(d.press(b, offer, "create-passkey"), "/consent")
	h.World.Exec(`update platform.scopes set needs_acr = 'phr' where name = 'openid'`)
	b = h.Browser()
	branded(stepUp(t, h, b, request), "/login/verify")
	b.Press(consent, "accept", nil)

	device := h.Call("/oauth2/device_authorization", "tv", "", url.Values{"scope": {"profile"}})
	ask := branded(b.Get("/device"), "/device")
	question := branded(b.Press(ask, "continue", url.Values{"user_code": {device.Text("user_code")}}), "/device")
	branded(b.Press(question, "accept", nil), "/device/confirm")
	leave := branded(b.Get("/oauth2/logout?client_id=web"), "/oauth2/logout")
	branded(b.Press(leave, "confirm-sign-out", nil), "/oauth2/logout")
}

// stepUp signs ann in by password until a scope that needs more is known to.
func stepUp(t *testing.T, h *webtest.House, b *webtest.Browser, request string) *webtest.Page {
	t.Helper()
	p := b.SignIn(b.Get("/login"), "ann")
	for begun := time.Now(); p.Request.URL.Path != "/login/verify" && time.Since(begun) < 30*time.Second; {
		p = b.Get(request)
	}
	return p
}

// Sign-in and consent look like the tenant of the client, from our own origin and under
// the same policy; other pages look like the house.
func TestBrand(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client("web")
	b := h.Browser()
	request := webtest.NewProof().Authorization("web", nil)
	plain := b.Get(request)
	brand(t, h, "#FFC400")
	signIn := b.Get(request)
	consent := b.SignIn(signIn, "ann")
	for name, p := range map[string]*webtest.Page{"/login": signIn, "/consent": consent} {
		body := string(p.Body)
		if p.Request.URL.Path != name || !strings.Contains(body, `href="/brand/ffc400.css"`) || !strings.Contains(body, `src="/logos/`) || !strings.Contains(body, "<bdi>acme</bdi>") {
			t.Errorf("%s at %s has no brand:\n%s", name, p.Request.URL, body)
		}
	}
	if got, want := signIn.Header.Get("Content-Security-Policy"), plain.Header.Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is %s, and was %s", got, want)
	}
	for _, p := range []*webtest.Page{plain, h.Browser().Get("/login"), b.Get("/account")} {
		if strings.Contains(string(p.Body), "/brand/") || strings.Contains(string(p.Body), "/logos/") {
			t.Errorf("%s is branded", p.Request.URL)
		}
	}
	_, rest, _ := strings.Cut(string(signIn.Body), `src="/logos/`)
	id, _, _ := strings.Cut(rest, `"`)
	logo := h.Browser().Get("/logos/" + id)
	shape, format, err := image.DecodeConfig(bytes.NewReader(logo.Body))
	if err != nil || format != "png" || shape.Width != 320 || shape.Height != 80 || bytes.Contains(logo.Body, []byte("hidden")) {
		t.Errorf("the logo is %v, a %s of %d by %d: %v", logo.Header, format, shape.Width, shape.Height, err)
	}
	if style := b.Get("/brand/ffc400.css"); style.StatusCode != http.StatusOK || !strings.Contains(string(style.Body), "--accent: #") {
		t.Errorf("the style is %d %s", style.StatusCode, style.Body)
	}
	for _, none := range []string{"/logos/none", "/logos/" + h.Tenant.String()} {
		if p := b.Get(none); p.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", none, p.StatusCode)
		}
	}
}

// Who belongs to several tenants knows them by their logos.
func TestBrand_ChoiceOfTenant(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.UserOf("both", h.Tenant, h.World.Tenant("globex"))
	brand(t, h, "#ffc400")
	b := h.Browser()
	page := string(b.SignIn(b.Get("/login"), "both").Body)
	_, rest, found := strings.Cut(page, `src="/logos/`)
	logo, _, _ := strings.Cut(rest, `"`)
	if !found || strings.Count(page, "<img") != 1 || !strings.Contains(rest, "acme") {
		t.Fatalf("the choice is:\n%s", page)
	}
	if p := b.Get("/logos/" + logo); p.StatusCode != http.StatusOK || !strings.HasPrefix(p.Header.Get("Content-Type"), "image/") {
		t.Errorf("the logo: %d %s", p.StatusCode, p.Header.Get("Content-Type"))
	}
}
