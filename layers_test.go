// Package gatehouse_test holds the house to ARCHITECTURE.md.
package gatehouse_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gatehouse/gatehouse/"

// floors is the list of packages and the floor that each stands on: it may import
// lower floors alone.
var floors = map[string]int{
	"authz":      0,
	"authz/dpop": 0,
	"migrations": 0,

	"authz/resource": 1,
	"templates":      1,
	"storage":        1,

	"authz/resource/mcp": 2,
	"authz/resource/rpc": 2,
	"storage/postgres":   2,
	"storage/embedded":   2,

	"storage/storagetest": 3,
	"storage/jobs":        3,
	"storage/ledger":      3,
	"oidc/keys":           3,
	"oidc/authn":          3,
	"oidc/outbound":       3,

	"authz/directory": 4,
	"oidc/mail":       4,
	"oidc/event":      4,
	"oidc/recovery":   5,

	"oidc": 5,

	"web/browser": 6,

	"web/login":   7,
	"web/account": 7,
	"web/console": 7,
	"web/api":     7,

	"web": 8,

	"web/webtest":        9,
	"web/webtest/chrome": 9,

	"cmd/internal/config":     9,
	"cmd/internal/config/gen": 10,
	"cmd/internal/output":     9,
	"cmd/internal/client":     9,
	"cmd/internal/records":    9,
	"cmd/internal/remote":     9,
	"cmd/internal/demo":       9,
	"cmd/internal/guard":      9,
	"cmd/gatehouse":           10,
	"tools/processor":         9,
	"tools/page":              9,
	"tools/bench":             10,
	"tools/faults":            10,

	// Applications of others' making: they know nothing of the house.
	"docs/examples":    0,
	"docs/examples/go": 0,
	// A resource server of theirs imports the middleware.
	"docs/examples/mcp": 3,
}

// doors is each heavy dependency and the packages that may import it.
var doors = []struct {
	dependency string
	allowed    []string
	reason     string
}{
	{"github.com/ory/fosite", []string{"oidc"}, "the rest of the house speaks OAuth in its own words"},
	{"github.com/jackc/pgx", []string{"storage/postgres", "storage/storagetest"}, "every query stands in one place"},
	{"github.com/riverqueue/river/riverdriver", []string{"storage/postgres"}, "the job library's way into the database"},
	{"github.com/riverqueue/river", []string{"storage/jobs", "storage/postgres"}, "who does jobs need not know how they are kept"},
	{"github.com/pressly/goose", []string{"storage/postgres"}, "migrations run under one lock"},
	{"github.com/go-jose/go-jose/v3", nil, "fosite's own; ours is v4"},
	{"github.com/go-jose/go-jose/v4", []string{"oidc", "oidc/keys", "authz/resource", "authz/dpop", "cmd/internal/guard"}, "who signs and verifies"},
	{"github.com/alexedwards/argon2id", []string{"oidc/authn"}, "passwords are judged in one place"},
	{"github.com/go-webauthn/webauthn", []string{"oidc/authn"}, "passkeys are judged in one place"},
	{"github.com/pquerna/otp", []string{"oidc/authn"}, "codes are judged in one place"},
	{"github.com/danielgtaylor/huma", []string{"web/api"}, "one description of one API"},
	{"github.com/modelcontextprotocol/go-sdk", []string{"authz/resource/mcp", "docs/examples/mcp"}, "who guards a resource need not know how agents call it"},
	{"google.golang.org/grpc", []string{"authz/resource/rpc"}, "who guards HTTP does not carry gRPC"},
	{"html/template", []string{"templates"}, "pages have one door"},
	{"github.com/spf13/cobra", []string{"cmd/gatehouse"}, "the command line is wiring"},
	{"github.com/wneessen/go-mail", []string{"oidc/mail"}, "mail leaves by one door"},
	{"go.opentelemetry.io/otel/sdk", []string{"cmd/gatehouse"}, "traces are gathered at the edge"},
	{"github.com/chromedp", []string{"web/webtest/chrome"}, "a real browser is a matter of tests"},
	{"github.com/prometheus/client_golang", []string{"cmd/gatehouse"}, "metrics are gathered at the edge"},
}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath != strings.TrimSuffix(module, "/") {
			all = append(all, p)
		}
	}
}

func TestFloors(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		floor, known := floors[name]
		if !known {
			t.Errorf("%s stands on no floor: add it to the list above and to ARCHITECTURE.md", name)
			continue
		}
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module)
			if ours && floors[below] >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d): imports go down", name, floor, below, floors[below])
			}
		}
	}
}

func TestDoors(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, d := range doors {
			if slices.Contains(d.allowed, name) {
				continue
			}
			for _, imported := range p.Imports {
				if imported == d.dependency || strings.HasPrefix(imported, d.dependency+"/") {
					t.Errorf("%s imports %s, whose doors are %q: %s", name, imported, d.allowed, d.reason)
				}
			}
		}
	}
}

// What a resource server imports must stay light, whatever comes in between.
func TestResourceServersStayLight(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"authz/resource" {
			continue
		}
		for _, dependency := range p.Deps {
			for _, heavy := range []string{module + "storage", "github.com/ory/fosite", "github.com/jackc/pgx"} {
				if strings.HasPrefix(dependency, heavy) {
					t.Errorf("authz/resource depends on %s", dependency)
				}
			}
		}
		return
	}
	t.Fatal("authz/resource was not listed")
}
