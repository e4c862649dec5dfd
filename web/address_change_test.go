package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// K9: somebody with another's session changes the address, and changes it again so that
// the link in the owner's mailbox is made void by the second one.
func TestK9_ASecondChangeLeavesTheFirstToBeTakenBack(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	id := h.User("ann")
	post, thief, b := h.Post(), signedIn(h, "ann"), h.Browser()
	change := func(to string) *webtest.Page {
		return thief.Press(thief.Get("/account/email"), "change-email", url.Values{"email": {to}})
	}
	contains(t, change("thief@example.net"), http.StatusOK, "We sent a letter")
	contains(t, b.Press(b.Get(post.Latest("thief@example.net").Link), "spend", nil), http.StatusOK, "Your address was changed")
	undo := post.Latest("ann@example.com").Link
	contains(t, change("thief@example.org"), http.StatusConflict, "can be taken back")
	contains(t, b.Press(b.Get(undo), "spend", nil), http.StatusOK, "The change was taken back")
	if u, err := h.Store.ForUser(id).User(t.Context()); err != nil || u.Email != "ann@example.com" {
		t.Errorf("the address is %s, %v", u.Email, err)
	}
}

// K9, K1: what somebody asked for with another's session ends with the session, when its owner
// chooses a new password or signs everybody else out.
func TestK9_LinksEndWithWhoAskedForThem(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	post := h.Post()
	for username, end := range map[string]func(b *webtest.Browser){
		"ann": func(b *webtest.Browser) {
			ask(b, "reset_password", "ann")
			contains(t, b.Press(b.Get(post.Latest("ann@example.com").Link), "spend", url.Values{"password": {anotherPassword}}), http.StatusOK, "Your new password is set")
		},
		"bob": func(*webtest.Browser) {
			bob := signedIn(h, "bob")
			contains(t, bob.Press(bob.Get("/account"), "revoke-others", nil), http.StatusOK, "")
		},
	} {
		id, b := h.User(username), h.Browser()
		thief, to := signedIn(h, username), username+"@example.net"
		contains(t, thief.Press(thief.Get("/account/email"), "change-email", url.Values{"email": {to}}), http.StatusOK, "We sent a letter")
		link := post.Latest(to).Link
		end(b)
		if p := b.Get(link); p.StatusCode != http.StatusGone {
			p = b.Press(p, "spend", nil)
			u, err := h.Store.ForUser(id).User(t.Context())
			t.Errorf("%s: the link works on: %d, and the address is %s, %v", username, p.StatusCode, u.Email, err)
		}
	}
}
