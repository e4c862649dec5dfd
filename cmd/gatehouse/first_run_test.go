package main

import (
	"net"
	"regexp"
	"testing"
)

// Who starts for the first time on a port that is taken learns the password all the same:
// the owner is there from then on, and it is told at no later start.
func TestFirstRun_PortTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	h := newHost(t)
	for start, want := range []int{1, 0} {
		r := h.call("serve", "--listen", taken.Addr().String(), "--issuer", "http://"+taken.Addr().String(), "--admin-listen", "127.0.0.1:0")
		told := regexp.MustCompile(`username  owner\n      password  [a-z2-7]{20}\n`).FindAllString(r.errs, -1)
		if r.code != exitFailure || len(told) != want || !regexp.MustCompile(`choose with --listen`).MatchString(r.errs) {
			t.Errorf("start %d: exit %d, the password is told %d times, want %d:\n%s", start+1, r.code, len(told), want, r.errs)
		}
	}
}
