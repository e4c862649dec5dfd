package web_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"mime/multipart"
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

// The picture is chosen on the profile page, by a plain form.
func TestAvatarOnTheProfilePage(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	b := h.Browser()
	b.SignIn(b.Get("/account"), "ann")
	send := func(what string, content []byte) *webtest.Page {
		page := b.Get("/account/profile")
		f := page.Form(t, what, nil)
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for name, values := range f.Values {
			if name != "picture" {
				_ = form.WriteField(name, values[0])
			}
		}
		part, err := form.CreateFormFile("picture", "me.png")
		if err == nil {
			_, err = part.Write(content)
		}
		if err = errors.Join(err, form.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Socket()+f.Action, &body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Header.Set("Origin", h.URL)
		return b.Do(r)
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewNRGBA(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	if p := send("save-picture", []byte("<svg/>")); p.StatusCode != http.StatusBadRequest || !strings.Contains(string(p.Body), "cannot be used") {
		t.Errorf("no picture: %d", p.StatusCode)
	}
	if p := send("save-picture", picture.Bytes()); p.StatusCode != http.StatusSeeOther {
		t.Errorf("a picture: %d %s", p.StatusCode, p.Body)
	}
	if p := b.Get("/account/profile"); !strings.Contains(string(p.Body), `src="/files/`) {
		t.Error("the page does not show it")
	}
	// O1: far too much is refused while it arrives.
	if p := send("save-picture", make([]byte, 6<<20)); p.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("6 MiB: %d", p.StatusCode)
	}
	if p := send("remove-picture", nil); p.StatusCode != http.StatusSeeOther {
		t.Errorf("removal: %d", p.StatusCode)
	}
	if p := b.Get("/account/profile"); strings.Contains(string(p.Body), `src="/files/`) {
		t.Error("it is still shown")
	}
}
