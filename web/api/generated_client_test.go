package api_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
)

// A client that tools of others generate from our document, and that their compiler
// checks against it, does what the document says.
func TestGeneratedClient(t *testing.T) {
	t.Parallel()
	h := house(t)
	h.User("olga", authz.RoleOwner)
	source, err := filepath.Abs("testdata/typescript")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(source, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"drive.ts", "tsconfig.json", "package.json"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
	write(t, filepath.Join(dir, "openapi.json"), call(h, "", "GET", "/openapi.json", "").Raw)
	run := func(in string, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "node", args...)
		command.Dir, command.Stdin = dir, strings.NewReader(in)
		var errs strings.Builder
		command.Stderr = &errs
		out, err := command.Output()
		if err != nil {
			t.Fatalf("node %v: %v (run tools/install-node-modules)\n%s%s", args, err, out, errs.String())
		}
		return string(out)
	}
	run("", "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "--output", "schema.ts")
	run("", "node_modules/typescript/bin/tsc", "--project", ".")
	in, err := json.Marshal(map[string]string{"base": h.URL + "/api/v1", "token": token(h, "olga", "openid admin")})
	if err != nil {
		t.Fatal(err)
	}
	var saw struct {
		ID, Name, Refused string
		Names             []string
		Missing           int
	}
	if err := json.Unmarshal([]byte(run(string(in), "drive.js")), &saw); err != nil {
		t.Fatal(err)
	}
	made := call(h, token(h, "olga", "openid admin"), "GET", "/users/gen", "")
	if saw.ID != made.Text("id") || saw.Name != "Gen" || strings.Join(saw.Names, " ") != "olga gen" || saw.Missing != 404 || saw.Refused != "redirect_uri" {
		t.Errorf("%+v", saw)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
