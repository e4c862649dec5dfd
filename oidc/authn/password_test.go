package authn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestP1_PasswordsPrintAsRedacted(t *testing.T) {
	const canary = "canary-password"
	p := NewPassword(canary)
	type form struct {
		Public Password
		hidden Password
	}
	f := form{p, p}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+" "+verb+" "+verb+"\n", p, &p, f, &f, []Password{p})
	}
	fmt.Fprintln(&out, p, p.String(), errors.New(p.String()), fmt.Errorf("sign in %v", p), map[string]Password{"p": p})
	for _, logger := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), slog.New(slog.NewTextHandler(&out, nil))} {
		logger.Info("sign-in", "password", p, "form", f, "pointer", &f)
	}
	for _, v := range []any{p, &p, f, map[string]any{"p": p}} {
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	printed := out.String()
	for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary))[1:20]} {
		if strings.Contains(printed, leak) {
			t.Errorf("%q was printed:\n%s", leak, printed)
		}
	}
	if n := strings.Count(printed, redacted); n < 40 {
		t.Errorf("redacted %d times:\n%s", n, printed)
	}
	if p.reveal() != canary || (Password{}).reveal() != "" {
		t.Error("the password itself is lost")
	}
}
