package web_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// hostile is every header by which a front end may be told what it is called.
var hostile = http.Header{
	"Host": {"evil.example"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"gopher"}, "X-Forwarded-Port": {"666"}, "X-Forwarded-Prefix": {"/evil.example"},
	"X-Forwarded-Server": {"evil.example"}, "Forwarded": {`for=203.0.113.9;host=evil.example;proto=gopher`}, "X-Original-Url": {"/evil.example"}, "X-Rewrite-Url": {"/evil.example"},
	"X-Host": {"evil.example"}, "X-Original-Host": {"evil.example"}, "X-Real-Ip": {"203.0.113.9"}, "True-Client-Ip": {"203.0.113.9"}, "X-Http-Method-Override": {"DELETE"}, "Via": {"evil.example"},
}

// what changes from one answer to the next by itself.
var changing = regexp.MustCompile(`<code>[0-9a-f-]{36}</code>|name="(csrf|flow)" value="[^"]*"|flow=[A-Za-z0-9_-]+`)

func TestH12_HostileHostChangesNothing(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, behindProxy)
	h.User("ann")
	h.Client("web")
	b := signedIn(h, "ann")
	out := h.Browser()
	out.Get("/login")
	proof := webtest.NewProof()
	for _, path := range []string{
		"/", "/login", "/account", "/nowhere", "/healthz", "/readyz", "/oauth2/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth2/token",
		"/oauth2/authorize?client_id=x", proof.Authorization("web", nil), proof.Authorization("web", url.Values{"prompt": {"none"}}), "/oauth2/logout",
	} {
		for who, browser := range map[string]*webtest.Browser{"signed in": b, "signed out": out} {
			plain, poisoned := get(browser, h.URL+path, nil), get(browser, h.URL+path, hostile)
			if plain.StatusCode != poisoned.StatusCode {
				t.Errorf("%s, %s: %d, then %d", path, who, plain.StatusCode, poisoned.StatusCode)
			}
			same := func(p *webtest.Page) string {
				return changing.ReplaceAllString(p.Header.Get("Location")+"\n"+string(p.Body), "…")
			}
			if a, b := same(plain), same(poisoned); a != b {
				t.Errorf("%s, %s:\n%s\nthen:\n%s", path, who, a, b)
			}
			if all := fmt.Sprint(poisoned.Header) + string(poisoned.Body); strings.Contains(all, "evil.example") || strings.Contains(all, "gopher") {
				t.Errorf("%s, %s: the answer has what the headers say:\n%s", path, who, all)
			}
		}
	}
}

// addressOf is the caller as the log has it.
func addressOf(t *testing.T, h *webtest.House, path string) string {
	t.Helper()
	found := regexp.MustCompile(`path=` + regexp.QuoteMeta(path) + ` .*address="?([^ "]+)`).FindStringSubmatch(h.Log.String())
	if found == nil {
		t.Fatalf("the log has no request for %s", path)
	}
	return found[1]
}

func TestH14_CallerAddress(t *testing.T) {
	t.Parallel()
	proxies := func(networks ...string) webtest.Option {
		return func(c *web.Config, _ *postgres.Options) {
			for _, n := range networks {
				c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix(n))
			}
		}
	}
	nobody, one, chain := webtest.Boot(t), webtest.Boot(t, proxies("127.0.0.0/8")), webtest.Boot(t, proxies("127.0.0.0/8", "10.0.0.0/8", "fd00::/8"))
	for i, test := range []struct {
		house *webtest.House
		given []string
		want  string
	}{
		{nobody, []string{"203.0.113.9"}, "127.0.0.1"},
		{nobody, []string{"127.0.0.1"}, "127.0.0.1"},
		{one, nil, "127.0.0.1"},
		{one, []string{"203.0.113.9"}, "203.0.113.9"},
		{one, []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{one, []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{one, []string{"203.0.113.9, 10.0.0.1"}, "10.0.0.1"},
		{one, []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{one, []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{one, []string{"2001:db8::1%eth0"}, "2001:db8::1"},
		{one, []string{"2001:0DB8:0:0::0001"}, "2001:db8::1"},
		{one, []string{"203.0.113.9, "}, "127.0.0.1"},
		{one, []string{"203.0.113.9, unknown"}, "127.0.0.1"},
		{one, []string{"203.0.113.9, 198.51.100.300"}, "127.0.0.1"},
		{chain, []string{"198.51.100.1, 203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{chain, []string{"198.51.100.1, 203.0.113.9, 10.1.2.3, fd00::7"}, "203.0.113.9"},
		{chain, []string{"203.0.113.9, ::ffff:10.1.2.3"}, "203.0.113.9"},
		{chain, []string{"203.0.113.9, junk, 10.1.2.3"}, "10.1.2.3"},
		{chain, []string{"10.9.9.9, 10.1.2.3"}, "10.9.9.9"},
		{chain, []string{strings.Repeat("10.1.2.3, ", 500) + "10.1.2.3"}, "10.1.2.3"},
	} {
		path := fmt.Sprintf("/caller-%d", i)
		get(test.house.Browser(), test.house.URL+path, http.Header{"X-Forwarded-For": test.given})
		if got := addressOf(t, test.house, path); got != test.want {
			t.Errorf("X-Forwarded-For %.80q: %s, want %s", test.given, got, test.want)
		}
	}
}

// A caller who makes addresses up is still one caller.
func TestH14_SpoofedAddressesShareOneCounter(t *testing.T) {
	t.Parallel()
	for name, spoof := range map[string]func(int) string{
		"what stands left is made up": func(i int) string { return fmt.Sprintf("198.51.100.%d, 203.0.113.9", i) },
		"one /64":                     func(i int) string { return fmt.Sprintf("2001:db8:1:2:%x::%x", i+1, i) },
		"v4 and v4-mapped": func(i int) string {
			return []string{"203.0.113.9", "::ffff:203.0.113.9", "::ffff:cb00:7109"}[i%3]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := webtest.Boot(t, behindProxy, stopClock)
			h.User("ann")
			b := h.Browser()
			form := b.Get("/login").Form(t, "sign-in", url.Values{"username": {"ann"}, "password": {"wrong"}}).Values
			for i := range 6 {
				p := b.PostRaw("/login", form, from(spoof(i)))
				want := http.StatusUnauthorized
				if i == 5 {
					want = http.StatusTooManyRequests
				}
				if p.StatusCode != want {
					t.Errorf("attempt %d from %s: %d, want %d", i+1, spoof(i), p.StatusCode, want)
				}
			}
		})
	}
}

func TestI15_BannedEverywhere(t *testing.T) {
	t.Parallel()
	h, config := bootWithConfig(t, behindProxy)
	h.User("ann")
	h.World.Exec(`insert into platform.ip_bans (network, reason, created_at, expires_at) values
		('203.0.113.0/24', 'test', now(), null), ('2001:db8:bad::/48', 'test', now(), null), ('198.51.100.7/32', 'test', now(), now() + interval '1 hour')`)
	b := h.Browser()
	status := func(address string) int { return get(b, h.URL+"/login", from(address)).StatusCode }
	for deadline := time.Now().Add(2 * time.Second); status("203.0.113.9") != http.StatusForbidden; {
		if time.Now().After(deadline) {
			t.Fatal("the ban is not known after two seconds")
		}
	}
	paths, err := web.Paths(*config)
	if err != nil {
		t.Fatal(err)
	}
	csrf := csrfOf(t, b)
	for _, route := range append(paths, "GET /nowhere", "PUT /login", "OPTIONS /oauth2/token") {
		method, path, _ := strings.Cut(route, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, h.URL+strings.TrimSuffix(path, "{$}"), strings.NewReader(fullForm(h, csrf).Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", h.URL)
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		if p := b.Do(r); p.StatusCode != http.StatusForbidden || p.Header.Get("Location") != "" {
			t.Errorf("%s: %d", route, p.StatusCode)
		}
	}
	for address, want := range map[string]int{
		"203.0.113.255": 403, "::ffff:203.0.113.1": 403, "2001:db8:bad:ffff::1": 403, "198.51.100.7": 403,
		"203.0.112.255": 200, "203.0.114.0": 200, "2001:db8:bae::1": 200, "198.51.100.8": 200,
	} {
		if got := status(address); got != want {
			t.Errorf("from %s: %d, want %d", address, got, want)
		}
	}
	// Nothing is computed for who is banned: no password is hashed, nothing is counted.
	before := h.World.Text(`select count(*) from platform.rate_counters`)
	d := knock(t, h)
	var took []time.Duration
	for range 50 {
		begun := time.Now()
		if p := d.try("ann", webtest.Password, "203.0.113.9"); p.StatusCode != http.StatusForbidden {
			t.Fatalf("a sign-in: %d", p.StatusCode)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	if took[len(took)/2] > 5*time.Millisecond && took[0] > 2*time.Millisecond {
		t.Errorf("to refuse a banned address takes %v, %v at the least", took[len(took)/2], took[0])
	}
	if after := h.World.Text(`select count(*) from platform.rate_counters`); after != before {
		t.Errorf("%s counters before, %s after", before, after)
	}
	h.Advance(2 * time.Hour)
	if got := status("198.51.100.7"); got != http.StatusOK {
		t.Errorf("after the end of the ban: %d", got)
	}
}

// A ban that is made on one replica holds on all of them within a second.
func TestI15_BansReachEveryReplica(t *testing.T) {
	t.Parallel()
	h := webtest.Boot(t, behindProxy)
	replicas := []*webtest.House{h, h.Replica(behindProxy), h.Replica(behindProxy)}
	d := directory.New(h.Store, nil, h.Now)
	for i := range webtest.Rounds(t, 5) {
		address := netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
		network := netip.PrefixFrom(address, 32)
		if _, err := d.AddBan(t.Context(), directory.Actor{Host: true, Name: "test"}, storage.Ban{Network: network, Reason: "noise"}); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for n, replica := range replicas {
			b := replica.Browser()
			for asked := begun; get(b, replica.Socket()+"/login", from(address.String())).StatusCode != http.StatusForbidden; asked = time.Now() {
				if asked.Sub(begun) > time.Second {
					t.Fatalf("the ban is not held on replica %d after a second", n+1)
				}
			}
		}
		t.Logf("held on all after %v", time.Since(begun))
	}
}
