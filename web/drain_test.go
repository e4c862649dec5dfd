package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestDrain: while it drains a server answers everything, and what it holds back is given
// at the end.
func TestDrain(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	cursor := news(h, nil).Text("cursor")
	held := make(chan webtest.Answer)
	go func() { held <- news(h, url.Values{"cursor": {cursor}, "wait": {"25"}}) }()
	if err := h.Server().Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	drained, begun := make(chan struct{}), time.Now()
	go func() {
		h.Server().Drain(t.Context(), time.Second)
		close(drained)
	}()
	for h.Server().Ready(t.Context()) == nil {
		time.Sleep(time.Millisecond)
	}
	if a := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}); a.Status != http.StatusOK {
		t.Errorf("a token while it drains: %d %s", a.Status, a.Raw)
	}
	select {
	case a := <-held:
		if time.Since(begun) < time.Second {
			t.Errorf("answered before the end: %d %s", a.Status, a.Raw)
		}
		if a.Status != http.StatusOK || a.Text("cursor") == "" {
			t.Errorf("held back: %d %s", a.Status, a.Raw)
		}
	case <-time.After(30 * time.Second):
		t.Error("an answer is held back after the server drained")
	}
	<-drained
}

// news asks for revocations, as the client rs.
func news(h *webtest.House, query url.Values) webtest.Answer {
	h.T.Helper()
	r, err := http.NewRequestWithContext(h.T.Context(), http.MethodGet, h.Socket()+"/oauth2/revocations?"+query.Encode(), nil)
	if err != nil {
		h.T.Fatal(err)
	}
	r.SetBasicAuth("rs", webtest.ClientSecret)
	return h.Send(r)
}
