package spelling_test

import (
	"testing"

	"github.com/gatehouse/gatehouse/authz/spelling"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"agents:read", "agents:write", "reports:read", "ü"}
	for given, want := range map[string]string{
		"agents:read":  "agents:read",
		"agnets:read":  "agents:read",
		"agents:raed":  "agents:read",
		"AGENTS:WRITE": "agents:write",
		"report:read":  "reports:read",
		"moon:land":    "",
		"":             "",
		"é":            "",
	} {
		if got := spelling.Nearest(given, names); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}
