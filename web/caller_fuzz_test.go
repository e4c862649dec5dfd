package web

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// A caller can write to the left of what our proxies write, and nothing there counts.
func FuzzCallerAddress(f *testing.F) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Add("10.0.0.1:1", "203.0.113.9", "198.51.100.7")
	f.Add("203.0.113.9:1", "10.0.0.1", "")
	f.Add("10.0.0.1:1", "203.0.113.9, 10.0.0.2", "::ffff:10.0.0.3")
	f.Add("[fd00::1]:1", "fe80::1%eth0,junk", " , ")
	f.Add("@", "", "")
	f.Fuzz(func(t *testing.T, peer, written, madeUp string) {
		ask := func(forwarded string) netip.Addr {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = peer
			r.Header.Set("X-Forwarded-For", forwarded)
			return callerAddress(r, trusted)
		}
		got := ask(written)
		if got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q behind %q is %v", written, peer, got)
		}
		if !isTrusted(got, trusted) && ask(madeUp+","+written) != got {
			t.Errorf("with %q before %q, %v becomes %v", madeUp, written, got, ask(madeUp+","+written))
		}
		if alone := ask(""); !isTrusted(alone, trusted) && got != alone {
			t.Errorf("%v, whom nobody trusts, passes for %v by %q", alone, got, written)
		}
		if got.IsValid() && !strings.Contains(peer+written, ":") && !strings.Contains(peer+written, ".") {
			t.Errorf("%v comes out of nothing", got)
		}
	})
}
