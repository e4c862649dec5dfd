package gatehouse_test

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

// unsafeBefore is the first version of a module without an attack that is known, or ""
// where there is none.
var unsafeBefore = map[string]struct{ version, attack string }{
	"github.com/go-jose/go-jose/v4":              {"v4.1.4", "CVE-2026-34986: a JWE that ends the process"},
	"github.com/go-jose/go-jose/v3":              {"v3.0.5", "the same, where fosite still has it"},
	"github.com/jackc/pgx/v5":                    {"v5.9.2", "CVE-2026-41889, CVE-2024-27304: SQL by way of the simple protocol"},
	"github.com/golang-jwt/jwt/v5":               {"v5.2.2", "CVE-2025-30204: memory by a header full of dots"},
	"github.com/wneessen/go-mail":                {"v0.7.1", "CVE-2025-59937: an address that names other recipients"},
	"github.com/gogo/protobuf":                   {"v1.3.2", "CVE-2021-3121: an index that ends the process"},
	"google.golang.org/protobuf":                 {"v1.33.0", "CVE-2024-24786: JSON that is read for ever"},
	"google.golang.org/grpc":                     {"v1.82.1", "streams that are reset in floods"},
	"go.opentelemetry.io/otel":                   {"v1.43.0", "baggage that grows without bound"},
	"golang.org/x/crypto":                        {"v0.45.0", "CVE-2025-58181: memory by an ssh request"},
	"golang.org/x/net":                           {"v0.38.0", "CVE-2025-22872: HTML that is parsed otherwise than shown"},
	"golang.org/x/oauth2":                        {"v0.27.0", "CVE-2025-22868: memory by a token full of dots"},
	"github.com/gorilla/csrf":                    {"", "CVE-2025-24358, CVE-2025-47909"},
	"github.com/gorilla/schema":                  {"", "CVE-2024-37298: memory by the index of a list"},
	"github.com/fergusstrange/embedded-postgres": {"", "it wipes a cluster of another major version"},
}

// TestP9_KnownVulnerableVersions: nothing is built from a version with an attack that is
// known. `make vulnerabilities` asks the whole database of such attacks, on the Internet.
func TestP9_KnownVulnerableVersions(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-test", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		known, listed := unsafeBefore[path]
		if !listed || seen[path] {
			continue
		}
		seen[path] = true
		if known.version == "" || semver.Compare(version, known.version) < 0 {
			t.Errorf("%s %s: %s", path, version, known.attack)
		}
	}
	for path, known := range unsafeBefore {
		if known.version != "" && !seen[path] {
			t.Errorf("%s is not used any more: take it from the list", path)
		}
	}
}
