package browser

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

func FuzzParseSessionCookie(f *testing.F) {
	id := authz.NewID[authz.SessionID](time.Unix(1_800_000_000, 0))
	value := sessionCookieValue(id, bytes.Repeat([]byte{7}, secretSize))
	for _, seed := range []string{value, value + "=", value + "\n", strings.TrimPrefix(value, sessionPrefix), sessionPrefix, "", strings.ToUpper(value), value[:len(value)-1] + "_"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		id, secret, ok := parseSessionCookie(given)
		if !ok {
			if !id.IsZero() || secret != nil {
				t.Errorf("%q was refused and yet gave %v", given, id)
			}
			return
		}
		// One session has one cookie: no second spelling is the same one.
		if got := sessionCookieValue(id, secret); got != given || len(secret) != secretSize {
			t.Errorf("%q reads as %q", given, got)
		}
	})
}
