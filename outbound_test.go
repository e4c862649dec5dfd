package gatehouse_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// outward is where programs connect to addresses, and why that is no way into our
// network for those who register an address (F6): each of these goes to one that the
// operator chose.
var outward = []struct{ folder, reason string }{
	{"oidc/outbound", "the one way out to addresses that others choose"},
	{"authz/resource", "a resource server asks its authorization server"},
	{"storage/embedded", "the socket of the private PostgreSQL"},
	{"cmd", "programs of the operator's own, and the guard to the application behind it"},
	{"web/webtest", "tests"},
	{"tools", "measurements"},
	{"docs/examples", "applications of others' making"},
}

// TestF6_OneWayOut: nothing of the server opens a connection but [outbound], so that an
// address that a client registers is judged wherever it is used.
func TestF6_OneWayOut(t *testing.T) {
	dials := regexp.MustCompile(`http\.(Client|Transport)\{|http\.Default(Client|Transport)|http\.(Get|Head|Post|PostForm)\(|net\.(Dial|Dialer|Lookup)\w*[({]|net\.Dialer\b|tls\.Dial`)
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		for _, o := range outward {
			if strings.HasPrefix(name, o.folder+"/") {
				return nil
			}
		}
		source, err := os.ReadFile(name)
		if found := dials.Find(source); found != nil {
			t.Errorf("%s has %s: go out by oidc/outbound", name, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outward {
		if entries, err := os.ReadDir(o.folder); err != nil || !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.IsDir() || strings.HasSuffix(e.Name(), ".go") }) {
			t.Errorf("%s (%s): %v", o.folder, o.reason, err)
		}
	}
}
