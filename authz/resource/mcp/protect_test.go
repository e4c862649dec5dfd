package mcp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

const endpoint = "https://agents.example/mcp"

// book is an authenticator that knows some tokens by heart.
type book map[string]authz.ScopeSet

func (b book) Authenticate(_ context.Context, token string) (*resource.Principal, error) {
	scopes, known := b[token]
	if !known {
		return nil, resource.ErrInvalidToken
	}
	return &resource.Principal{Subject: token, ClientID: "agent", Scopes: scopes, ExpiresAt: time.Now().Add(time.Minute), ACR: authz.ACRSingleFactor}, nil
}

type nothing struct{}

// served is a protected server and how often its tool reindex has run.
type served struct {
	t *testing.T
	http.Handler
	ran atomic.Int64
}

func newServed(t *testing.T) *served {
	s := &served{t: t}
	server := sdk.NewServer(&sdk.Implementation{Name: "agents", Version: "1"}, nil)
	sdk.AddTool(server, &sdk.Tool{Name: "whoami"}, func(_ context.Context, call *sdk.CallToolRequest, _ nothing) (*sdk.CallToolResult, any, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: Principal(call.Extra.TokenInfo).Subject}}}, nil, nil
	})
	sdk.AddTool(server, &sdk.Tool{Name: "reindex"}, func(context.Context, *sdk.CallToolRequest, nothing) (*sdk.CallToolResult, any, error) {
		s.ran.Add(1)
		return &sdk.CallToolResult{}, nil, nil
	})
	sdk.AddTool(server, &sdk.Tool{Name: "wipe"}, func(context.Context, *sdk.CallToolRequest, nothing) (*sdk.CallToolResult, any, error) {
		return &sdk.CallToolResult{}, nil, nil
	})
	streamable := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, &sdk.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	var err error
	s.Handler, err = Protect(streamable, book{"reader": {"agents:read"}, "runner": {"agents:read", "tools:execute"}, "other": {"user"}}, Config{
		Resource: endpoint, Issuer: "https://id.example", Scopes: []authz.Scope{"agents:read"},
		Tools: map[string]Need{
			"reindex": {Scopes: []authz.Scope{"tools:execute"}},
			"wipe":    {SignIn: &resource.SignIn{ACR: []authz.ACR{authz.ACRPhishingResistant}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *served) post(token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, endpoint, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func call(parameters string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + parameters + `}`
}

func TestProtect(t *testing.T) {
	s := newServed(t)
	const tail = `, resource_metadata="https://agents.example/.well-known/oauth-protected-resource/mcp"`
	for name, test := range map[string]struct {
		token, body string
		status      int
		challenge   string
	}{
		"no token":             {"", call(`{"name":"whoami"}`), 401, `Bearer realm="resource", scope="agents:read"` + tail},
		"a bad token":          {"forged", call(`{"name":"whoami"}`), 401, `Bearer realm="resource", error="invalid_token", scope="agents:read"` + tail},
		"without the scope":    {"other", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 403, `Bearer realm="resource", error="insufficient_scope", scope="agents:read"` + tail},
		"of an ordinary tool":  {"reader", call(`{"name":"whoami"}`), 200, ""},
		"of a tool with more":  {"reader", call(`{"name":"reindex","arguments":{}}`), 403, `Bearer realm="resource", error="insufficient_scope", scope="agents:read tools:execute"` + tail},
		"with more":            {"runner", call(`{"name":"reindex","arguments":{}}`), 200, ""},
		"of a careful tool":    {"runner", call(`{"name":"wipe"}`), 401, `Bearer realm="resource", error="insufficient_user_authentication", scope="agents:read", acr_values="phr"` + tail},
		"the list of tools":    {"reader", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 200, ""},
		"a batch":              {"reader", `[` + call(`{"name":"reindex"}`) + `]`, 400, ""},
		"not JSON":             {"reader", `{`, 400, ""},
		"a name of no kind":    {"reader", call(`{"name":["reindex"]}`), 400, ""},
		"parameters in a list": {"reader", call(`["reindex"]`), 400, ""},
		"too long":             {"reader", call(`{"name":"` + strings.Repeat("x", maxMessage) + `"}`), 413, ""},
	} {
		w := s.post(test.token, test.body)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != test.status || got != test.challenge {
			t.Errorf("%s: %d %s\n got %s\nwant %s", name, w.Code, w.Body, got, test.challenge)
		}
	}
	if w := s.post("reader", call(`{"name":"whoami"}`)); !strings.Contains(w.Body.String(), `"text":"reader"`) {
		t.Errorf("the tool was told %s", w.Body)
	}
	if s.ran.Load() != 1 {
		t.Errorf("the tool ran %d times", s.ran.Load())
	}
}

// What the guard reads of a message and what the server does must not differ.
func TestProtect_MessagesWithTwoReadings(t *testing.T) {
	s := newServed(t)
	for _, body := range []string{
		call(`{"name":"whoami","name":"reindex","arguments":{}}`),
		call(`{"name":"reindex","name":"whoami","arguments":{}}`),
		call(`{"Name":"whoami","name":"reindex","arguments":{}}`),
		call(`{"name":"whoami","Name":"reindex","arguments":{}}`),
		call(`{"name":"whoami","name\u0000":"reindex","arguments":{}}`),
		call(`{"n\u0061me":"reindex","arguments":{}}`),
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"reindex","arguments":{}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call","params":{"name":"reindex","arguments":{}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"},"params":{"name":"reindex","arguments":{}}}`,
		call(`{"name":"whoami","arguments":{}}`) + call(`{"name":"reindex","arguments":{}}`),
	} {
		s.post("reader", body)
		if s.ran.Load() != 0 {
			t.Fatalf("%s ran the tool", body)
		}
	}
}

func TestProtect_Metadata(t *testing.T) {
	s := newServed(t)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://agents.example/.well-known/oauth-protected-resource/mcp", nil))
	var m struct {
		Resource string
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || m.Resource != endpoint || len(m.Servers) != 1 || strings.Join(m.Scopes, " ") != "agents:read tools:execute" {
		t.Errorf("%v: %s", err, w.Body)
	}
	for name, c := range map[string]Config{
		"no address":     {Issuer: "https://id.example"},
		"plain http":     {Issuer: "https://id.example", Resource: "http://agents.example/mcp"},
		"no issuer":      {Resource: endpoint},
		"a bad scope":    {Issuer: "https://id.example", Resource: endpoint, Scopes: []authz.Scope{"*"}},
		"a bad tool":     {Issuer: "https://id.example", Resource: endpoint, Tools: map[string]Need{"x": {Scopes: []authz.Scope{"a b"}}}},
		"an odd refusal": {Issuer: "https://id.example", Resource: endpoint, Scopes: []authz.Scope{"offline_access"}},
	} {
		if _, err := Protect(s, book{}, c); err == nil {
			t.Errorf("%s: protected", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "{", "[]", call(`{"name":"x"}`), call(`{"name":"x","name":"y","arguments":{"a":1e400}}`), `{"jsonrpc":"2.0","result":{},"id":"a"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tool, message, err := read(body)
		if err != nil {
			return
		}
		// A message that the SDK refuses as it is written anew does nothing.
		if again, _, err := read(message); err == nil && again != tool {
			t.Errorf("%q is read as %q, and written anew as %q", body, tool, again)
		}
	})
}
