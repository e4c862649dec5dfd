package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// L6: whoever has us mail a sign-in link to somebody cannot have it lead to a device's code of
// their own, filled in: the code is read from the device.
func TestL6_MailedLinksCarryNoUserCode(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.User("ann")
	post, stranger, b := h.Post(), h.Browser(), h.Browser()
	form := stranger.Get("/login/forgot?flow=device%3AWDJB-MJHT").Form(t, "reset-password", url.Values{"username": {"ann"}, "purpose": {"sign_in"}})
	contains(t, stranger.Post(form.Action, form.Values), http.StatusOK, `id="sent"`)
	p := b.Press(b.Get(post.Latest("ann@example.com").Link), "spend", nil)
	if at := p.Request.URL; p.StatusCode != http.StatusOK || at.Path != "/device" || at.RawQuery != "" {
		t.Errorf("the link led to %s (%d)", at, p.StatusCode)
	}
}
