package guard

import (
	"bufio"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
)

// request reads a request line as the server does.
func request(line string) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + line + " HTTP/1.1\r\nHost: x\r\n\r\n")))
}

// What a service could take for another path than the one that was judged.
var unclean = []string{
	"/public/../admin", "/public/..", "/public/./admin", "/.", "/..", "//admin", "/public//admin", "/admin//", "//evil.example/admin",
	"/public/%2e%2e/admin", "/public/%2E%2E/admin", "/public/.%2e/admin", "/public/%2e./admin", "/%2e/admin", "/public/..%2fadmin", "/public%2f..%2fadmin",
	"/public/..%5cadmin", "/public/..\\admin", "/public\\..\\admin", "/%61dmin", "/adm%69n", "/admin%2f", "/public%2fadmin",
	"/public/..;/admin", "/public;x=1/admin", "/admin;", "/public/..%3b/admin", "/%252e%252e/admin", "/public/%25%32%65", "/admin%00", "/admin%0a", "/admin%7f",
	"/public/%c0%ae%c0%ae/admin", "/admin%ff", "/admin%3fx", "/admin%23x",
	"http://other.example/admin", "*",
}

func TestTarget_RefusesWhatCanBeReadTwice(t *testing.T) {
	for _, line := range unclean {
		r, err := request(line)
		if err != nil {
			continue // the server itself refuses it
		}
		if p, err := target(r); err == nil {
			t.Errorf("%s is taken for %q", line, p)
		}
	}
}

func TestTarget_PlainPaths(t *testing.T) {
	for line, want := range map[string]string{
		"/": "/", "/agents": "/agents", "/agents/": "/agents/", "/a/b.c/~d_e-f": "/a/b.c/~d_e-f", "/agents?x=../y": "/agents",
		"/gr%C3%BC%C3%9Fe": "/grüße", "/two%20words": "/two words", "/a:b@c": "/a:b@c", "/...": "/...", "/a/..b": "/a/..b",
	} {
		r, err := request(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got, err := target(r); err != nil || got != want {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
}

// However often a reader decodes, cleans and folds separators, an accepted path
// stays what it is.
func FuzzTarget(f *testing.F) {
	for _, line := range unclean {
		f.Add(line)
	}
	f.Add("/agents/7?x=1")
	f.Fuzz(func(t *testing.T, line string) {
		r, err := request(line)
		if err != nil {
			return
		}
		p, err := target(r)
		if err != nil {
			return
		}
		again, err := url.PathUnescape(p)
		if err != nil || again != p {
			t.Errorf("%q: decoded again it is %q (%v)", line, again, err)
		}
		read := strings.ReplaceAll(p, `\`, "/")
		read, _, _ = strings.Cut(read, ";")
		if cleaned := path.Clean(read); cleaned != strings.TrimSuffix(p, "/") && p != "/" {
			t.Errorf("%q: %q can be read as %q", line, p, cleaned)
		}
	})
}
