package authn_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
)

func newLinks(t testing.TB, master string) *authn.Links {
	t.Helper()
	l, err := authn.NewLinks("https://id.example", []byte(master))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func linkToken(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Host != "id.example" || u.Path != authn.LinkPath {
		t.Fatalf("link %q, %v", address, err)
	}
	return u.Query().Get("token")
}

// K1: a link cannot be guessed from its id, nor changed into another.
func TestK1_LinkIsSealed(t *testing.T) {
	ours, id := newLinks(t, strings.Repeat("s", 32)), authz.RandomID[authz.LinkID]()
	token := linkToken(t, ours.URL(id))
	if got, err := ours.Open(token); err != nil || got != id {
		t.Fatalf("Open = %v, %v; want %v", got, err, id)
	}
	if ours.URL(id) != ours.URL(id) {
		t.Error("a mail that is sent again carries another link")
	}
	forged := []string{"", "gth_ol_", token[:len(token)-1], token + "A", token + "\n", strings.ToLower(token), strings.TrimPrefix(token, "gth_ol_"),
		linkToken(t, newLinks(t, strings.Repeat("o", 32)).URL(id))}
	for i := len("gth_ol_"); i < len(token); i++ {
		other := byte('A')
		if token[i] == other {
			other = 'B'
		}
		forged = append(forged, token[:i]+string(other)+token[i+1:])
	}
	for _, f := range forged {
		if _, err := ours.Open(f); !errors.Is(err, authn.ErrLink) {
			t.Errorf("Open(%q) = %v", f, err)
		}
	}
}

func FuzzLinkToken(f *testing.F) {
	links := newLinks(f, strings.Repeat("s", 32))
	f.Add(linkToken(f, links.URL(authz.LinkID{7})))
	f.Add("gth_ol_")
	f.Fuzz(func(t *testing.T, token string) {
		id, err := links.Open(token)
		if err == nil && linkToken(t, links.URL(id)) != token {
			t.Errorf("%q was taken for the link %v", token, id)
		}
	})
}
