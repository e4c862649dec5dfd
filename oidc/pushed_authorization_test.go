package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// push sends an authorization request to the pushed authorization request endpoint.
func push(t testing.TB, h *webtest.House, client, secret string, proof webtest.Proof, change url.Values) webtest.Answer {
	t.Helper()
	request, err := url.Parse(proof.Authorization(client, change))
	noError(t, err)
	return h.Call("/oauth2/par", client, secret, request.Query())
}

// pushedAt is the address of the authorization endpoint for what was pushed.
func pushedAt(client, requestURI string, more url.Values) string {
	values := url.Values{"client_id": {client}, "request_uri": {requestURI}}
	for name, v := range more {
		values[name] = v
	}
	return "/oauth2/authorize?" + values.Encode()
}

func TestF2_PushedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	proof := webtest.NewProof()
	a := push(t, h, "web", webtest.ClientSecret, proof, url.Values{"state": {"pushed"}, "scope": {"openid"}})
	uri := a.Text("request_uri")
	if a.Status != http.StatusCreated || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") || a.JSON["expires_in"] != 60.0 || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	// Another client's attempt does not spend it.
	if p := b.Get(pushedAt("other", uri, nil)); p.StatusCode != http.StatusBadRequest || p.Left != nil {
		t.Errorf("another client: %d %v", p.StatusCode, p.Left)
	}
	if p := b.Get("/oauth2/authorize?" + url.Values{"request_uri": {uri}}.Encode()); p.StatusCode != http.StatusBadRequest || p.Left != nil {
		t.Errorf("without client_id: %d %v", p.StatusCode, p.Left)
	}
	// F3: what stands inside wins, and nothing is added to it.
	p := b.Get(pushedAt("web", uri, url.Values{"state": {"outside"}, "scope": {"openid user"}, "prompt": {"login"}, "redirect_uri": {"https://evil.example/"},
		"response_mode": {"form_post"}, "code_challenge": {"x"}, "nonce": {"outside"}}))
	if p.Left == nil || p.Left.Query().Get("state") != "pushed" || !strings.HasPrefix(p.Left.String(), webtest.RedirectURI+"?") {
		t.Fatalf("used: %d %v", p.StatusCode, p.Left)
	}
	tokens := mustGrant(t, "exchange", h.Exchange("web", p.Left.Query().Get("code"), proof))
	if tokens.Text("scope") != "openid" || claimsOf(t, tokens.Text("id_token"))["nonce"] != "nonce-1" {
		t.Errorf("what stood outside counted: %s", tokens.Raw)
	}
	if p := b.Get(pushedAt("web", uri, nil)); p.StatusCode != http.StatusBadRequest || p.Left != nil {
		t.Errorf("used twice: %d %v", p.StatusCode, p.Left)
	}
}

func TestF2_PushedExpires(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := signedIn(h, "web", "ann", nil)
	uri := push(t, h, "web", webtest.ClientSecret, webtest.NewProof(), nil).Text("request_uri")
	h.Advance(time.Minute)
	if p := b.Get(pushedAt("web", uri, nil)); p.StatusCode != http.StatusBadRequest || p.Left != nil {
		t.Errorf("after a minute: %d %v", p.StatusCode, p.Left)
	}
	for name, uri := range map[string]string{
		"unknown": "urn:ietf:params:oauth:request_uri:01890000-0000-7000-8000-000000000000", "malformed": "urn:ietf:params:oauth:request_uri:x",
		"empty": "urn:ietf:params:oauth:request_uri:", "nobody's": "urn:ietf:params:oauth:request_uri:00000000-0000-0000-0000-000000000000",
	} {
		p := b.Get(pushedAt("web", uri, nil))
		if p.StatusCode != http.StatusBadRequest || p.Left != nil || !strings.Contains(string(p.Body), "invalid_request_uri") {
			t.Errorf("%s: %d %v", name, p.StatusCode, p.Left)
		}
	}
}

func TestF2_PushedInParallel(t *testing.T) {
	t.Parallel()
	h := newHouse(t, webtest.Wide)
	replicas := h.Three()
	b, _ := signedIn(h, "web", "ann", nil)
	for range webtest.Rounds(t, 3) {
		uri := push(t, h, "web", webtest.ClientSecret, webtest.NewProof(), nil).Text("request_uri")
		var codes atomic.Int64
		atOnce(100, func(i int) webtest.Answer {
			if p := b.Before(replicas[i%3]).Get(pushedAt("web", uri, nil)); p.Left != nil {
				codes.Add(1)
			} else if p.StatusCode != http.StatusBadRequest {
				t.Errorf("loser: %d", p.StatusCode)
			}
			return webtest.Answer{}
		})
		if codes.Load() != 1 {
			t.Errorf("one pushed request gave %d codes", codes.Load())
		}
	}
}

func TestF1_F3_F4_PushedRequestIsJudged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Client("spa", func(c *storage.Client) { c.Kind, c.AuthMethod = storage.ClientSPA, storage.AuthMethodNone })
	proof := webtest.NewProof()
	for _, c := range []struct {
		name   string
		change url.Values
		code   string
	}{
		{"F3: request_uri of ours", url.Values{"request_uri": {"urn:ietf:params:oauth:request_uri:x"}}, "invalid_request"},
		{"F3: request_uri of theirs", url.Values{"request_uri": {"https://app.example/r"}}, "invalid_request"},
		{"F4: unsigned request object", url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}}, "invalid_request_object"},
		{"redirect URI not registered", url.Values{"redirect_uri": {"https://evil.example/"}}, "invalid_request"},
		{"no redirect URI", url.Values{"redirect_uri": nil}, "invalid_request"},
		{"no challenge", url.Values{"code_challenge": nil}, "invalid_request"},
		{"plain", url.Values{"code_challenge_method": {"plain"}}, "invalid_request"},
		{"response type", url.Values{"response_type": {"token"}}, "unsupported_response_type"},
		{"scope", url.Values{"scope": {`"`}}, "invalid_scope"},
		{"prompt", url.Values{"prompt": {"none login"}}, "invalid_request"},
		{"hint", url.Values{"id_token_hint": {"x"}}, "invalid_request"},
		{"another client", url.Values{"client_id": {"other"}}, "invalid_request"},
	} {
		mustRefuse(t, c.name, push(t, h, "web", webtest.ClientSecret, proof, c.change), http.StatusBadRequest, c.code)
	}
	mustRefuse(t, "no secret", push(t, h, "web", "", proof, nil), http.StatusUnauthorized, "invalid_client")
	mustRefuse(t, "wrong secret", push(t, h, "web", "wrong", proof, nil), http.StatusUnauthorized, "invalid_client")
	if a := push(t, h, "spa", "", proof, nil); a.Status != http.StatusCreated {
		t.Errorf("a public client: %d %s", a.Status, a.Raw)
	}
	b, _ := signedIn(h, "web", "ann", nil)
	a := push(t, h, "web", webtest.ClientSecret, proof, url.Values{"client_id": nil})
	if got := shows(b.Get(pushedAt("web", a.Text("request_uri"), nil))); got != "code" {
		t.Errorf("pushed by a client that named itself in the header alone: %s", got)
	}
	var rows int
	h.World.Get(`select count(*) from platform.pushed_requests`, nil, &rows)
	if rows != 1 {
		t.Errorf("refused requests were kept: %d rows", rows)
	}
}

func TestF1_NothingIsFetched(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var hits atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer canary.Close()
	b, _ := signedIn(h, "web", "ann", nil)
	for _, name := range []string{"request_uri", "request", "registration", "id_token_hint", "login_hint", "claims", "resource"} {
		b.Get(webtest.NewProof().Authorization("web", url.Values{name: {canary.URL + "/" + name}}))
		push(t, h, "web", webtest.ClientSecret, webtest.NewProof(), url.Values{name: {canary.URL + "/" + name}})
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests went out", hits.Load())
	}
}
