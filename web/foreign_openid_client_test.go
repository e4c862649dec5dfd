package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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
	p := newPerson(t, h)
	var got struct {
		Claims, UserInfo, Before, After map[string]any
		Rotated                         bool
		EndSession                      string `json:"end_session"`
	}
	p.serve("sign-in.mjs", map[string]any{
		"client_id": "foreign", "post_logout_redirect_uri": "https://app.example/bye", "id_token_alg": alg, "pushed": pushed,
	}, &got)
	if has := parse(t, p.asked[0]).Query().Has("request_uri"); has != pushed {
		t.Errorf("the client asks at %s", p.asked[0])
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
	signsOut(t, p.browser, got.EndSession)
}

// person is ann at her browser: she grants what a script of testdata/openid-client
// wishes for.
type person struct {
	t       *testing.T
	house   *webtest.House
	browser *webtest.Browser
	// asked are the addresses that scripts have sent her to.
	asked []string
}

func newPerson(t *testing.T, h *webtest.House) *person {
	return &person{t: t, house: h, browser: h.Browser()}
}

// serve runs a script to its end and reads what it got.
func (p *person) serve(script string, settings map[string]any, got any) {
	p.t.Helper()
	all := map[string]any{
		"issuer": p.house.URL, "client_secret": webtest.ClientSecret, "redirect_uri": webtest.RedirectURI, "scope": foreignScope,
	}
	for name, value := range settings {
		all[name] = value
	}
	node := startNode(p.t, script, all)
	for {
		var said struct {
			Visit, Connect string
			Approve        bool
			Got            json.RawMessage
		}
		if err := json.Unmarshal([]byte(node.read()), &said); err != nil {
			p.t.Fatal(err)
		}
		switch {
		case said.Visit != "":
			p.asked = append(p.asked, said.Visit)
			node.write(visit(p.t, p.browser, said.Visit).String())
		case said.Connect != "":
			p.connect(said.Connect)
			node.write("")
		case said.Approve:
			p.approve()
			node.write("")
		default:
			if err := json.Unmarshal(said.Got, got); err != nil {
				p.t.Fatal(err)
			}
			return
		}
	}
}

// connect answers a device, from its verification_uri_complete on.
func (p *person) connect(address string) {
	p.t.Helper()
	page := p.browser.SignIn(p.browser.Get(address), "ann")
	page = p.browser.Press(p.browser.Press(page, "continue", nil), "accept", nil)
	if !strings.Contains(string(page.Body), "Your device is connected") {
		p.t.Fatalf("after the yes: %d\n%s", page.StatusCode, page.Body)
	}
}

var flowField = regexp.MustCompile(`name="flow" value="([^"]+)"`)

// approve answers the one application that waits in the account.
func (p *person) approve() {
	p.t.Helper()
	page := p.browser.SignIn(p.browser.Get("/account/requests"), "ann")
	flow := flowField.FindSubmatch(page.Body)
	if flow == nil {
		p.t.Fatalf("nobody is asked: %d\n%s", page.StatusCode, page.Body)
	}
	csrf := page.Form(p.t, "sign-out", nil).Values["csrf"]
	p.browser.Post("/account/requests", url.Values{"csrf": csrf, "flow": {string(flow[1])}, "decision": {"accept"}})
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
