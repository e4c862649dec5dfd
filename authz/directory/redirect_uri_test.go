package directory_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// A1, A2, A3: what may be registered as a redirect URI.
func TestA2_RedirectURI(t *testing.T) {
	t.Parallel()
	const web, native = storage.ClientWeb, storage.ClientNative
	allowed := map[storage.ClientKind][]string{
		web: {
			"https://shop.example/callback", "https://shop.example", "https://shop.example:8443/cb?x=1&y=%20", "https://xn--bcher-kva.example/",
			"https://192.0.2.1/cb", "https://[2001:db8::1]/cb", "HTTPS://Shop.Example/",
			"http://localhost/cb", "http://localhost:3000/cb", "http://127.0.0.1/cb", "http://127.0.0.1:8080/cb", "http://[::1]:8080/cb",
			"https://shop.example/a/../b;c=d,e@f",
		},
		native: {
			"com.example.app:/callback", "com.example.app://callback", "https://app.example/callback", "http://127.0.0.1/", "http://[::1]/cb",
		},
	}
	refused := map[storage.ClientKind][]string{
		web: {
			"", "/callback", "callback", "//shop.example/cb", "shop.example/cb", "https:", "https://", "https:///cb", "https:shop.example/cb", "https://:443/cb", "?x",
			// not this machine
			"http://shop.example/cb", "http://127.0.0.2/cb", "http://0.0.0.0/cb", "http://localhost.evil.example/cb", "http://127.0.0.1.evil.example/",
			"http://[::2]/cb", "http://2130706433/", "http://0x7f.1/", "http://LOCALHOST.:80/",
			// userinfo and host confusion (A2)
			"https://shop.example@evil.example/", "https://user:pass@shop.example/", "https://@shop.example/", "http://localhost@evil.example/", "http://localhost:80@evil.example/",
			`https://shop.example\@evil.example/`, `https:\\shop.example\`, `https://shop.example/\`, "https://shop.example%2eevil.example/", "https://shop.example%00.evil.example/",
			"https://evil.example%2f@shop.example/", "https://shop.example。evil.example/", "https://bücher.example/", "https://shop．example/",
			"https://shop_example/", "https://.shop.example/", "https://shop.example./", "https://shop..example/", "https://*.shop.example/cb", "https://shop.example:port/",
			// fragments (RFC 6749 §3.1.2)
			"https://shop.example/cb#", "https://shop.example/cb#x", "http://localhost/#",
			// bytes that parsers disagree about
			"https://shop.example/cb ", " https://shop.example/cb", "https://shop.example/a b", "https://shop.example/\tcb", "https://shop.example/cb\n", "https://shop.example/cb\r\nX: y",
			"https://shop.example/\x00", "https://shop.example/\x7f", "https://shop.example/%00", "https://shop.example/%09", "https://shop.example/%0a", "https://shop.example/%0D%0A", "https://shop.example/%5C",
			"https://shop.example/é", "https://shop.example/<script>", `https://shop.example/"`, "https://shop.example/{x}", "https://shop.example/%zz", "https://shop.example/%",
			// custom schemes are for native applications
			"com.example.app:/cb", "myapp://cb", "ftp://shop.example/", "file:///etc/passwd", "ws://shop.example/",
		},
		native: {
			"myapp:/cb", "myapp://cb", "app:cb", "com.example.app:/cb#x", "com.example.app://user@x/", "com.example.app:/a b", "com.example.app:", ".com:/cb", "com.:/cb", "com..app:/cb", "com.example.app.:/cb", "-:/cb",
		},
	}
	// A6: schemes that run or read something, also dressed up.
	for _, scheme := range []string{"javascript", "JavaScript", "data", "vbscript", "blob", "file", "filesystem", "about", "view-source", "intent", "mailto", "tel", "ms-settings", "chrome"} {
		for _, rest := range []string{":alert(1)", "://x/%0aalert(1)", ":text/html,x", "://shop.example/"} {
			refused[web] = append(refused[web], scheme+rest)
			refused[native] = append(refused[native], scheme+rest)
		}
	}
	for _, kind := range []storage.ClientKind{web, storage.ClientSPA, native} {
		as := web
		if kind == native {
			as = native
		}
		for _, uri := range allowed[as] {
			if err := directory.CheckRedirectURI(uri, kind); err != nil {
				t.Errorf("CheckRedirectURI(%q, %s): %v", uri, kind, err)
			}
		}
		for _, uri := range refused[as] {
			if directory.CheckRedirectURI(uri, kind) == nil {
				t.Errorf("CheckRedirectURI(%q, %s) let it pass", uri, kind)
			}
		}
	}
}

// FuzzCheckRedirectURI: whatever passes is read in one way by everybody.
func FuzzCheckRedirectURI(f *testing.F) {
	for _, seed := range []string{
		"https://shop.example/cb?x=1", "http://[::1]:1/", "com.example.app:/cb", "https://a@b/", "http://localhost%2f@b/", "https://a\\b", "HTTPS://A", "https://a:b@c:1/#",
		"x.y:javascript:alert(1)", "https://[::1%25a]/", "https://a/%2500", "https://%61/", "http://127.0.0.1:99999/",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, uri string, native bool) {
		kind := storage.ClientWeb
		if native {
			kind = storage.ClientNative
		}
		if directory.CheckRedirectURI(uri, kind) != nil {
			return
		}
		for _, c := range []byte(uri) {
			if c <= ' ' || c >= 0x7f || c == '\\' || c == '#' {
				t.Errorf("%q passed with the byte %q", uri, c)
			}
		}
		u, err := url.Parse(uri)
		if err != nil || u.User != nil || u.Fragment != "" || !u.IsAbs() {
			t.Fatalf("%q passed and reads as %+v, %v", uri, u, err)
		}
		switch {
		case u.Scheme == "http":
			if !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
				t.Errorf("%q passed and is http to %q", uri, u.Hostname())
			}
		case u.Scheme == "https":
			if u.Hostname() == "" || strings.ContainsAny(u.Host, "@%_*") {
				t.Errorf("%q passed with the host %q", uri, u.Host)
			}
		case !native || !strings.Contains(strings.Trim(u.Scheme, "."), "."):
			t.Errorf("%q passed with the scheme %q", uri, u.Scheme)
		}
	})
}
