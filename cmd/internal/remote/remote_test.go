package remote_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/cmd/internal/remote"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// newHouse knows the command line, and "ann".
func newHouse(t *testing.T) (*webtest.House, *remote.Server) {
	t.Helper()
	h := webtest.Boot(t)
	h.User("ann")
	h.Client(string(remote.ClientID), func(c *storage.Client) {
		c.Kind, c.AuthMethod, c.RedirectURIs = storage.ClientNative, storage.AuthMethodNone, nil
		c.GrantTypes = []string{storage.GrantDeviceCode, storage.GrantRefreshToken}
		c.Scopes = nil
		for _, scope := range remote.Scopes {
			c.Scopes = append(c.Scopes, authz.Pattern(scope))
		}
	})
	s, err := remote.Discover(t.Context(), h.URL, h.Now)
	if err != nil {
		t.Fatal(err)
	}
	return h, s
}

func begin(t *testing.T, s *remote.Server) remote.Pending {
	t.Helper()
	p, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func answer(h *webtest.House, p remote.Pending, button string) {
	b := h.Browser()
	b.Press(b.Press(b.SignIn(b.Get(p.VerificationURIComplete), "ann"), "continue", nil), button, nil)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t)
	file := remote.File{Path: filepath.Join(t.TempDir(), "gatehouse", "credentials.json")}
	if _, _, err := file.WhoAmI(t.Context(), h.Now); !errors.Is(err, remote.ErrNotSignedIn) {
		t.Errorf("before the sign-in: %v", err)
	}
	p := begin(t, s)
	answer(h, p, "accept")
	given, err := s.Wait(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Save(given); err != nil {
		t.Fatal(err)
	}
	c, person, err := file.WhoAmI(t.Context(), h.Now)
	if err != nil || person.Username != "ann" || person.Email != "ann@example.com" || c.AccessToken.Reveal() != given.AccessToken.Reveal() {
		t.Errorf("%+v, %v", person, err)
	}
	if got := c.Scopes.String(); got != "openid profile email offline_access user agents:read tools:execute" {
		t.Errorf("scopes: %s", got)
	}

	// The role changes and the access token runs out: the renewed one tells both.
	h.Advance(11 * time.Minute)
	h.World.Exec(`update platform.users set role = 'viewer', authz_changed_at = now() where username = 'ann'`)
	renewed, person, err := file.WhoAmI(t.Context(), h.Now)
	if err != nil || person.Username != "ann" || renewed.AccessToken.Reveal() == given.AccessToken.Reveal() || renewed.Scopes.Has("tools:execute") {
		t.Fatalf("renewed: %+v, %v", renewed, err)
	}
	if kept, err := file.Load(); err != nil || kept.RefreshToken.Reveal() != renewed.RefreshToken.Reveal() {
		t.Errorf("the renewed sign-in was not kept: %v", err)
	}

	if _, err := file.SignOut(t.Context(), h.Now); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Load(); !errors.Is(err, remote.ErrNotSignedIn) {
		t.Errorf("after the sign-out: %v", err)
	}
	if _, err := s.Refresh(t.Context(), renewed); !errors.Is(err, remote.ErrRefused) {
		t.Errorf("the refresh token lives on: %v", err)
	}
	if _, err := s.WhoAmI(t.Context(), renewed); !errors.Is(err, remote.ErrRefused) {
		t.Errorf("the access token lives on: %v", err)
	}
}

func TestSignIn_Refused(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t)
	denied := begin(t, s)
	answer(h, denied, "deny")
	if _, err := s.Wait(t.Context(), denied); !errors.Is(err, remote.ErrRefused) || !strings.Contains(err.Error(), "access_denied") {
		t.Errorf("denied: %v", err)
	}
	late := begin(t, s)
	late.Interval = 1
	h.Advance(11 * time.Minute)
	if _, err := s.Wait(t.Context(), late); !errors.Is(err, remote.ErrRefused) || !strings.Contains(err.Error(), "expired_token") {
		t.Errorf("late: %v", err)
	}
}

// TestSignOut_Unreachable: what is still worth something is not forgotten.
func TestSignOut_Unreachable(t *testing.T) {
	t.Parallel()
	file := remote.File{Path: filepath.Join(t.TempDir(), "credentials.json")}
	if err := file.Save(remote.Credentials{Issuer: "http://127.0.0.1:1", AccessToken: remote.NewToken("a")}); err != nil {
		t.Fatal(err)
	}
	if _, err := file.SignOut(t.Context(), time.Now); err == nil || !strings.Contains(err.Error(), file.Path) {
		t.Errorf("%v", err)
	}
	if _, err := file.Load(); err != nil {
		t.Errorf("forgotten: %v", err)
	}
}

func TestDiscover_Refuses(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{"", "id.example.com", "http://id.example.com", "http://10.0.0.1", "ftp://localhost", "https://a@id.example.com", "http://localhost.example.com"} {
		if _, err := remote.Discover(t.Context(), issuer, time.Now); err == nil {
			t.Errorf("%q was taken", issuer)
		}
	}
	for name, document := range map[string]string{
		"another issuer":         `{"issuer":"https://other.example"}`,
		"endpoints in the clear": `{"issuer":"ISSUER","token_endpoint":"http://evil.example/t","device_authorization_endpoint":"ISSUER/d","revocation_endpoint":"ISSUER/r","userinfo_endpoint":"ISSUER/u"}`,
		"no device grant":        `{"issuer":"ISSUER","token_endpoint":"ISSUER/t","revocation_endpoint":"ISSUER/r","userinfo_endpoint":"ISSUER/u"}`,
		"no document":            `<html>`,
	} {
		var server *httptest.Server
		server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, strings.ReplaceAll(document, "ISSUER", server.URL))
		}))
		if _, err := remote.Discover(t.Context(), server.URL, time.Now); err == nil {
			t.Errorf("%s: taken", name)
		}
		server.Close()
	}
	elsewhere := httptest.NewServer(http.RedirectHandler("https://evil.example/", http.StatusFound))
	defer elsewhere.Close()
	if _, err := remote.Discover(t.Context(), elsewhere.URL, time.Now); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("a redirect: %v", err)
	}
}

func TestFile_Modes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gatehouse")
	file := remote.File{Path: filepath.Join(dir, "credentials.json")}
	c := remote.Credentials{Issuer: "https://id.example.com", AccessToken: remote.NewToken("access-secret"), RefreshToken: remote.NewToken("refresh-secret"), Scopes: authz.ScopeSet{"openid"}}
	if err := file.Save(c); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: os.ModeDir | 0o700, file.Path: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if got, err := file.Load(); err != nil || got.RefreshToken.Reveal() != "refresh-secret" || !got.Scopes.Has("openid") {
		t.Errorf("%+v, %v", got, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("beside the file: %v, %v", left, err)
	}
	refused := func(what string) {
		t.Helper()
		if _, err := file.Load(); err == nil || errors.Is(err, remote.ErrNotSignedIn) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, mode := range []os.FileMode{0o644, 0o640, 0o620, 0o602} {
		if err := os.Chmod(file.Path, mode); err != nil {
			t.Fatal(err)
		}
		refused(fmt.Sprintf("a file of mode %o", mode))
	}
	if err := errors.Join(os.Chmod(file.Path, 0o600), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	refused("a directory that others write to")
	if err := file.Save(c); err == nil {
		t.Error("saved where others can write")
	}
	if err := errors.Join(os.Chmod(dir, 0o700), os.WriteFile(file.Path, []byte(`{"issuer":"x","access_token":secret`), 0o600)); err != nil {
		t.Fatal(err)
	}
	refused("a damaged file")
}

// TestM11_TokensPrintAsRedacted: not by any verb, alone or inside.
func TestM11_TokensPrintAsRedacted(t *testing.T) {
	t.Parallel()
	c := remote.Credentials{AccessToken: remote.NewToken("hidden-a"), RefreshToken: remote.NewToken("hidden-r")}
	var inside any = struct{ c remote.Credentials }{c}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{c, &c, c.AccessToken, inside, []remote.Token{c.RefreshToken}} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "hidden") || strings.Contains(text, "68696464656e") {
				t.Errorf("%s: %s", verb, text)
			}
		}
	}
	err := (&remote.Error{Code: "invalid_grant", Description: url.QueryEscape("x y")}).Error()
	if err != "the server refused: invalid_grant: x+y" {
		t.Error(err)
	}
}
