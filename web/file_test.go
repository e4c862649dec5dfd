package web_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// M1: a file is served below its user's own path, and no spelling of another path
// leads to it.
func TestM1_FilesOfUsers(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	ann, eve := h.User("ann"), h.User("eve")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewNRGBA(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	u, err := directory.New(h.Store, nil, h.Now).SetAvatar(t.Context(), directory.Actor{Name: "ann", User: ann}, h.Tenant, picture.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	b := h.Browser()
	p := b.Get(u.AvatarURL)
	if p.StatusCode != http.StatusOK || p.Header.Get("Content-Type") != "image/png" || p.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(p.Header.Get("Content-Security-Policy"), "sandbox") || p.Header.Get("ETag") == "" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	_, id, _ := strings.Cut(strings.TrimPrefix(u.AvatarURL, "/files/"), "/")
	for _, path := range []string{
		"/files/" + eve.String() + "/" + id, "/files/" + id, "/files/" + ann.String() + "/", "/files/" + ann.String(), "/files/",
		"/files/" + eve.String() + "/../" + ann.String() + "/" + id + "x", "/files/" + eve.String() + "/..%2f" + ann.String() + "%2f" + id,
		"/files/" + eve.String() + "/%2e%2e/" + ann.String() + "%2f" + id, "/files/" + eve.String() + "/..%5c" + ann.String() + "%5c" + id,
		"/files/" + strings.ToUpper(eve.String()) + "/" + id, "/files/" + ann.String() + "%00/" + id, "/files/" + ann.String() + "/" + id + "%00",
		"/files/" + ann.String() + "/" + id + ".png", "/files/" + ann.String() + "//" + id + "/x", "/files/../etc/passwd", "/files/%2e%2e/%2e%2e/etc/passwd",
	} {
		if p := b.Get(path); p.StatusCode == http.StatusOK && p.Header.Get("Content-Type") == "image/png" {
			t.Errorf("%s: %d", path, p.StatusCode)
		}
	}
	// The picture claim is an address that other sites can use.
	h.Client("web")
	tokens := h.Tokens("web", "ann", nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.Socket()+"/oauth2/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tokens.Text("access_token"))
	if a := h.Send(r); a.Text("picture") != h.URL+u.AvatarURL {
		t.Errorf("picture is %q", a.Text("picture"))
	}
}
