package faults

import (
	"strings"
	"testing"
	"time"
)

// kid is the key that a token was signed with.
func kid(token string) string {
	var header struct {
		KID string `json:"kid"`
	}
	read(token, 0, &header)
	return header.KID
}

// TestP4_KeyRevokedEverywhere takes a signing key back by the command line: within a few
// seconds each replica takes its tokens for dead, publishes it no more, and signs with another.
func TestP4_KeyRevokedEverywhere(t *testing.T) {
	h := Open(t, Options{Replicas: 2, People: 1})
	replicas := []*worker{only(t, h, 0), only(t, h, 1)}
	old := replicas[0].machineToken().text("access_token")
	leaked := kid(old)
	for _, w := range replicas {
		if !w.active(t, old) {
			t.Fatal("not active to begin with")
		}
	}
	if _, err := h.Operate(t.Context(), "", "admin", "keys", "revoke", leaked); err != nil {
		t.Fatal(err)
	}
	for i, w := range replicas {
		took := within(t, 5*time.Second, "the key is gone", func() bool {
			return !w.active(t, old) && !strings.Contains(string(w.get("/oauth2/jwks").body), leaked)
		})
		a := w.machineToken()
		if fresh := a.text("access_token"); fresh == "" || kid(fresh) == leaked || !w.active(t, fresh) {
			t.Errorf("replica %d signs with the old key, or its tokens are dead: %s", i, a.String("token"))
		}
		t.Logf("replica %d: after %v", i, took)
	}
}
