package examples_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// A client that describes itself does so by https: this machine trusts the
// certificate of the tests' servers.
func TestMain(m *testing.M) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	file := filepath.Join(os.TempDir(), fmt.Sprintf("gatehouse-examples-%d.pem", os.Getpid()))
	err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600)
	s.Close()
	if err == nil {
		err = os.Setenv("SSL_CERT_FILE", file)
	}
	if err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.Remove(file)
	os.Exit(status)
}

// callback is where the agents of the tests are on their person's machine.
const callback = "http://127.0.0.1:33418/callback"

// agents is the example server, guarded by a house, and a person with an agent.
type agents struct {
	*webtest.House
	ann, endpoint string
	// client is the address of the document by which the agent describes itself.
	client  string
	browser *webtest.Browser
	// asked are the authorization requests that the person was led to.
	asked []url.Values
}

func newAgents(t *testing.T) *agents {
	t.Helper()
	// The documents of the agents stand on this machine; all else is as by default.
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) { c.InsecureOutbound = true })
	a := &agents{House: h, ann: h.User("ann").String(), endpoint: "http://" + freeAddress(t) + "/mcp", browser: h.Browser()}
	h.World.Exec(`insert into platform.resources (identifier, tenant_id, scopes, created_at) values ($1, null, '{agents:read,tools:execute}', now())`, a.endpoint)

	binary := filepath.Join(t.TempDir(), "mcp")
	if out, err := exec.Command("go", "build", "-o", binary, "./mcp").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	start(t, []string{"ISSUER=" + h.URL, "RESOURCE=" + a.endpoint}, binary)
	beginning(t, a.endpoint)

	document := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"client_id": a.client, "client_name": "Agent", "redirect_uris": []string{callback},
			"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "token_endpoint_auth_method": "none",
		})
	}))
	t.Cleanup(document.Close)
	a.client = document.URL + "/agent.json"
	return a
}

// visit is what the person does where their agent leads them: sign in once, and
// say yes. It returns what the agent gets back.
func (a *agents) visit(address string) url.Values {
	a.T.Helper()
	u, err := url.Parse(address)
	if err != nil {
		a.T.Fatal(err)
	}
	a.asked = append(a.asked, u.Query())
	page := a.browser.Get(address)
	if len(a.asked) == 1 {
		page = a.browser.SignIn(page, "ann")
	}
	if page.Left == nil {
		page = a.browser.Press(page, "accept", nil)
	}
	if page.Left == nil {
		a.T.Fatalf("not back at the agent: %d %s", page.StatusCode, page.Body)
	}
	return page.Left.Query()
}

// mustHaveAsked holds the two authorizations to what the protocol demands: by its
// document, with S256, for this server, and the second for more than the first.
func (a *agents) mustHaveAsked() {
	a.T.Helper()
	if len(a.asked) != 2 {
		a.T.Fatalf("asked %d times: %v", len(a.asked), a.asked)
	}
	for i, scopes := range [][]string{{"agents:read"}, {"agents:read", "tools:execute"}} {
		q := a.asked[i]
		got := strings.Fields(q.Get("scope"))
		slices.Sort(got)
		if q.Get("client_id") != a.client || q.Get("code_challenge_method") != "S256" || q.Get("resource") != a.endpoint || !slices.Equal(got, scopes) {
			a.T.Errorf("request %d is %v", i+1, q)
		}
	}
}

func TestMCP_GoSDK(t *testing.T) {
	t.Parallel()
	a := newAgents(t)
	var iss []string
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		ClientIDMetadataDocumentConfig: &auth.ClientIDMetadataDocumentConfig{URL: a.client}, RedirectURL: callback,
		AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			back := a.visit(args.URL)
			iss = append(iss, back.Get("iss"))
			return &auth.AuthorizationResult{Code: back.Get("code"), State: back.Get("state"), Iss: back.Get("iss")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	session, err := sdk.NewClient(&sdk.Implementation{Name: "agent", Version: "1"}, nil).
		Connect(ctx, &sdk.StreamableClientTransport{Endpoint: a.endpoint, OAuthHandler: handler}, nil)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() { _ = session.Close() }()
	for _, call := range [][2]string{{"whoami", "You are " + a.ann}, {"reindex", "Done"}, {"whoami", "You are " + a.ann}} {
		tool, want := call[0], call[1]
		got, err := session.CallTool(ctx, &sdk.CallToolParams{Name: tool})
		if err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
		if said, _ := json.Marshal(got.StructuredContent); !strings.Contains(string(said), want) {
			t.Errorf("%s said %s", tool, said)
		}
	}
	a.mustHaveAsked()
	if !slices.Equal(iss, []string{a.URL, a.URL}) {
		t.Errorf("iss was %q", iss)
	}
	var rows int
	a.World.Get(`select count(*) from platform.clients where id = $1`, []any{a.client}, &rows)
	if rows != 1 {
		t.Errorf("the operator sees %d clients", rows)
	}
}

// An agent that is told no learns from whom (RFC 9207), so that it can tell the
// answers of two servers apart.
func TestMCP_GoSDK_Denied(t *testing.T) {
	t.Parallel()
	a := newAgents(t)
	denied := errors.New("the person said no")
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		ClientIDMetadataDocumentConfig: &auth.ClientIDMetadataDocumentConfig{URL: a.client}, RedirectURL: callback,
		AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			b := a.Browser() // the SDK asks more than once
			page := b.Press(b.SignIn(b.Get(args.URL), "ann"), "deny", nil)
			if page.Left == nil || page.Left.Query().Get("error") != "access_denied" || page.Left.Query().Get("iss") != a.URL {
				t.Errorf("back with %v", page.Left)
			}
			return nil, denied
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sdk.NewClient(&sdk.Implementation{Name: "agent", Version: "1"}, nil).
		Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: a.endpoint, OAuthHandler: handler}, nil)
	if !errors.Is(err, denied) {
		t.Errorf("connected: %v", err)
	}
}
