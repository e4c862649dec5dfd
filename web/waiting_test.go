package web_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// TestWaiting_Feed: whoever waits for news takes no place, and needs one to ask.
func TestWaiting_Feed(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t)
	h.Machine("rs", func(c *storage.Client) { c.Introspect = true })
	h.Server().SetPlaces(1)
	cursor := news(h, nil).Text("cursor")
	held := make(chan webtest.Answer, 1)
	go func() { held <- news(h, url.Values{"cursor": {cursor}, "wait": {"20"}}) }()
	time.Sleep(100 * time.Millisecond) // on its way in
	for begun := time.Now(); h.Server().Inside() > 0; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it keeps its place while it waits")
		}
	}
	if a := h.Token("rs", url.Values{"grant_type": {"client_credentials"}}); a.Status != http.StatusOK {
		t.Errorf("a token beside one who waits: %d %s", a.Status, a.Raw)
	} else if a := h.Call("/oauth2/revoke", "rs", webtest.ClientSecret, url.Values{"token": {a.Text("access_token")}}); a.Status != http.StatusOK {
		t.Errorf("a revocation beside one who waits: %d %s", a.Status, a.Raw)
	}
	if a := <-held; a.Status != http.StatusOK {
		t.Errorf("who waited: %d %s", a.Status, a.Raw)
	}

	h.Server().SetPlaces(0)
	b := h.Browser()
	for path, want := range map[string]int{"/oauth2/revocations": 503, "/login": 503, "/healthz": 200, "/readyz": 200} {
		if p := get(b, h.Socket()+path, nil); p.StatusCode != want {
			t.Errorf("%s while the gate is shut: %d", path, p.StatusCode)
		}
	}
	if p := b.PostRaw(h.Socket()+"/login", url.Values{"username": {"ann"}, "password": {"x"}}, nil); p.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a sign-in while the gate is shut: %d", p.StatusCode)
	}
}

// TestWaiting_SignIns: whoever waits for a password's hash takes no place.
func TestWaiting_SignIns(t *testing.T) { // alone: it compares how far others are
	h := webtest.Boot(t, behindProxy)
	people := 8 * runtime.GOMAXPROCS(0)
	h.Server().SetPlaces(int64(people)) // none is turned away before its hash
	var wg sync.WaitGroup
	var unanswered atomic.Int64
	start := make(chan struct{})
	for i := range people {
		name := fmt.Sprintf("person-%d", i)
		h.User(name)
		b := h.Browser()
		form := b.Get("/login").Form(t, "sign-in", url.Values{"username": {name}, "password": {webtest.Password}})
		unanswered.Add(1)
		wg.Go(func() {
			<-start
			b.PostRaw(form.Action, form.Values, from(fmt.Sprintf("192.0.2.%d", i)))
			unanswered.Add(-1)
		})
	}
	close(start)
	most := int64(0)
	for ; unanswered.Load() > 0; time.Sleep(time.Millisecond) {
		most = max(most, unanswered.Load()-h.Server().Inside())
	}
	wg.Wait()
	if most < int64(people)/2 {
		t.Errorf("of %d sign-ins at most %d were outside while they waited", people, most)
	}
	if n := h.Server().Refused(); n > 0 {
		t.Errorf("%d were turned away, for slow hashes", n)
	}
}

// TestReady_Shared: however often it is asked, the database is asked twice a second; what is
// remembered is forgotten by then, and never hides that the server is about to end.
func TestReady_Shared(t *testing.T) {
	t.Parallel()
	network := &webtest.Network{}
	var pings atomic.Int64
	h := webtest.Boot(t, network.Option, func(_ *web.Config, o *postgres.Options) {
		dial := o.DialFunc
		o.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return &pinged{conn, &pings}, err
		}
	})
	b, begun, before := h.Browser(), time.Now(), pings.Load()
	for range 200 {
		if p := get(b, h.Socket()+"/readyz", nil); p.StatusCode != http.StatusOK {
			t.Fatalf("/readyz: %d", p.StatusCode)
		}
	}
	// The pool itself asks a connection that was idle for a second.
	if asked, want := pings.Load()-before, 4+4*time.Since(begun).Milliseconds()/500; asked > want {
		t.Errorf("the database was asked %d times, want %d", asked, want)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	time.Sleep(600 * time.Millisecond)
	if err := h.Server().Ready(gone); err != nil {
		t.Errorf("because who asked has gone by: %v", err)
	}
	network.Cut()
	cut := time.Now()
	for h.Server().Ready(t.Context()) == nil {
		if time.Sleep(10 * time.Millisecond); time.Since(cut) > 10*time.Second {
			t.Fatal("ready without a database")
		}
	}
	network.Mend()
	for h.Server().Ready(t.Context()) != nil {
		if time.Sleep(10 * time.Millisecond); time.Since(cut) > time.Minute {
			t.Fatal("not ready with a database")
		}
	}
	h.Server().Drain(gone, time.Minute)
	if h.Server().Ready(t.Context()) == nil {
		t.Error("ready at the end")
	}
}

// pinged counts the signs of life that are asked of the database.
type pinged struct {
	net.Conn
	count *atomic.Int64
}

func (p *pinged) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("-- ping")) {
		p.count.Add(1)
	}
	return p.Conn.Write(b)
}
