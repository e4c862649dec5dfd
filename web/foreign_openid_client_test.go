package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// The same by the client library that most of Node.js uses, with a request in the
// address and with a pushed one.
func TestForeign_OpenIDClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		alg    string
		pushed bool
	}{"in the address": {"RS256", false}, "pushed": {"ES256", true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, ann := newForeignHouse(t, test.alg)
			walkOpenIDClient(t, h, ann, test.alg, test.pushed)
		})
	}
}

func walkOpenIDClient(t *testing.T, h *webtest.House, ann, alg string, pushed bool) {
	node := startNode(t, "sign-in.mjs", map[string]any{
		"issuer": h.URL, "client_id": "foreign", "client_secret": webtest.ClientSecret, "redirect_uri": webtest.RedirectURI,
		"post_logout_redirect_uri": "https://app.example/bye", "scope": foreignScope, "id_token_alg": alg, "pushed": pushed,
	})
	b := h.Browser()
	address := parse(t, node.read())
	if got := address.Query().Has("request_uri"); got != pushed {
		t.Errorf("the client asks at %s", address)
	}
	node.write(visit(t, b, address.String()).String())

	var got struct {
		Claims, UserInfo, Before, After map[string]any
		Rotated                         bool
		EndSession                      string `json:"end_session"`
	}
	if err := json.Unmarshal([]byte(node.read()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Claims["sub"] != ann || got.Claims["aud"] != "foreign" || got.Claims["iss"] != h.URL {
		t.Errorf("claims: %v", got.Claims)
	}
	if got.UserInfo["sub"] != ann || got.UserInfo["email"] != "ann@example.com" {
		t.Errorf("userinfo: %v", got.UserInfo)
	}
	if got.Before["active"] != true || got.After["active"] != false || len(got.After) != 1 || !got.Rotated {
		t.Errorf("introspection before %v and after %v; rotated: %v", got.Before, got.After, got.Rotated)
	}
	signsOut(t, b, got.EndSession)
}

// nodeClient is a script of testdata/openid-client while it runs.
type nodeClient struct {
	t        *testing.T
	lines    *bufio.Scanner
	write    func(string)
	complain bytes.Buffer
}

func startNode(t *testing.T, script string, settings map[string]any) *nodeClient {
	t.Helper()
	folder := filepath.Join("testdata", "openid-client")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "openid-client")); err != nil {
		t.Fatal("the modules of the foreign client are needed: run tools/install-node-modules")
	}
	// The test's own context ends before its cleanup, where the client may still be busy.
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(stop)
	c := exec.CommandContext(ctx, "node", script)
	c.Dir = folder
	n := &nodeClient{t: t}
	c.Stderr = &n.complain
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatalf("start Node.js: %v (tools/install-node-modules installs it)", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("the client: %v\n%s", err, n.complain.String())
		}
	})
	n.lines = bufio.NewScanner(out)
	n.write = func(line string) {
		if _, err := in.Write([]byte(line + "\n")); err != nil {
			t.Fatalf("speak to the client: %v", err)
		}
	}
	document, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	n.write(string(document))
	return n
}

func (n *nodeClient) read() string {
	n.t.Helper()
	if !n.lines.Scan() {
		n.t.Fatal("the client has nothing more to say") // its complaint follows when it has ended
	}
	return n.lines.Text()
}
