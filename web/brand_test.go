package web_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"testing"

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
