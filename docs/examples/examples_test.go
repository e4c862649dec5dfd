// Package examples_test runs the applications that the README shows, against the
// whole house.
package examples_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

func TestGoExample(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "example")
	if out, err := exec.Command("go", "build", "-o", binary, "./go").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	signInThrough(t, binary)
}

func TestNodeExample(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("node/node_modules/openid-client"); err != nil {
		t.Fatal("the modules of the Node.js example are missing: run tools/install-node-modules")
	}
	signInThrough(t, "node", "--import", globalCrypto, "node/app.mjs")
}

// globalCrypto is what openid-client expects and Node.js 18, which some
// distributions still ship, keeps in a module.
const globalCrypto = `data:text/javascript,import{webcrypto}from"node:crypto";globalThis.crypto??=webcrypto`

// signInThrough starts an application and signs somebody in to it.
func signInThrough(t *testing.T, command ...string) {
	t.Helper()
	h := webtest.Boot(t)
	ann := h.User("ann")
	address := freeAddress(t)
	redirect := "http://" + address + "/callback"
	h.Client("example", func(c *storage.Client) { c.RedirectURIs = []string{redirect} })

	start(t, []string{"ISSUER=" + h.URL, "CLIENT_ID=example", "CLIENT_SECRET=" + webtest.ClientSecret, "REDIRECT_URI=" + redirect}, command...)

	login := beginning(t, "http://"+address+"/")
	b := h.Browser()
	page := b.Get(login)
	page = b.SignIn(page, "ann")
	page = b.Press(page, "accept", nil)
	if page.Left == nil {
		t.Fatalf("did not come back to the application: status %d\n%s", page.StatusCode, page.Body)
	}
	hello := b.Get(page.Left.String())
	if want := "Hello " + ann.String() + "\n"; string(hello.Body) != want {
		t.Errorf("the application answered %q, want %q", hello.Body, want)
	}
}

// start runs a program until the test ends.
func start(t *testing.T, environment []string, command ...string) {
	t.Helper()
	var said bytes.Buffer
	program := exec.CommandContext(t.Context(), command[0], command[1:]...)
	program.Env = append(os.Environ(), environment...)
	program.Stdout, program.Stderr = &said, &said
	program.WaitDelay = time.Second
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", command, said.String())
		}
	})
}

// beginning waits for the application and returns where it sends people.
func beginning(t *testing.T, home string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		response, err := client.Get(home)
		if err != nil {
			continue
		}
		_ = response.Body.Close()
		return response.Header.Get("Location")
	}
	t.Fatal("the application did not start")
	return ""
}

// freeAddress has the name that applications know their machine by.
func freeAddress(t *testing.T) string {
	t.Helper()
	return strings.Replace(webtest.FreeAddress(t), "127.0.0.1", "localhost", 1)
}

// TestReadmeShowsTheExamples: what people read is what was run.
func TestReadmeShowsTheExamples(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"node/app.mjs"} {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), strings.TrimSpace(string(code))) {
			t.Errorf("README.md does not show %s as it is", file)
		}
	}
	source, err := os.ReadFile("go/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, main, _ := strings.Cut(string(source), "func main() {\n")
	if !strings.Contains(string(readme), strings.TrimSpace(main)) {
		t.Error("README.md does not show func main of go/main.go as it is")
	}
}

// TestMCPPageShowsTheExample: the same for the page about MCP servers.
func TestMCPPageShowsTheExample(t *testing.T) {
	page, err := os.ReadFile("../mcp.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("mcp/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "```go\n")
	shown, _, found := strings.Cut(shown, "```")
	if !found || !strings.Contains(string(source), shown) {
		t.Error("docs/mcp.md shows what is not in mcp/main.go")
	}
}
