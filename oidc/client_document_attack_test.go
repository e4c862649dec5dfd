package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// onDevice is the redirect URI of the tests' documents.
var onDevice = url.Values{"redirect_uri": {"http://127.0.0.1:51004/callback"}}

// counted serves a metadata document in order and counts who asks.
func counted(t *testing.T) (id string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=31536000")
		_ = json.NewEncoder(w).Encode(map[string]any{"client_id": id, "client_name": "Notes", "redirect_uris": []string{"http://127.0.0.1/callback"}})
	}))
	t.Cleanup(s.Close)
	id = s.URL + "/client.json"
	return id, asked
}

func TestF12_AddressesThatAreNotAsked(t *testing.T) {
	t.Parallel()
	id, asked := counted(t)
	host := strings.TrimSuffix(strings.TrimPrefix(id, "http://"), "/client.json")
	with := func(d oidc.ClientDocuments, inside bool) webtest.Option {
		return func(c *web.Config, _ *postgres.Options) { c.ClientDocuments, c.InsecureOutbound = d, inside }
	}
	on := oidc.ClientDocuments{Enabled: true}
	for _, house := range []struct {
		name   string
		option webtest.Option
		ids    []string
	}{
		{"switched on", with(on, true), []string{
			id + "#x", id + "#", "http://user@" + host + "/client.json", "http://" + host, "http://" + host + "/",
			"http://" + host + "/a/../client.json", "http://" + host + "/./client.json", "http://" + host + "/%2e%2e/client.json",
			"HTTP://" + host + "/client.json", id + "?" + strings.Repeat("x", 512),
		}},
		{"switched off", with(oidc.ClientDocuments{}, true), []string{id}},
		{"of a blocked host", with(oidc.ClientDocuments{Enabled: true, BlockedHosts: []string{"127.0.0.1"}}, true), []string{id}},
		{"of no named host", with(oidc.ClientDocuments{Enabled: true, Hosts: []string{"agents.example"}}, true), []string{id}},
		{"inside the network", with(on, false), []string{id, "https://" + host + "/client.json", "https://169.254.169.254/latest", "https://[::1]/client.json"}},
	} {
		h := newHouse(t, house.option)
		for _, id := range house.ids {
			p := h.Browser().Get(webtest.NewProof().Authorization(id, onDevice))
			if p.StatusCode != http.StatusBadRequest && p.StatusCode != http.StatusUnauthorized || p.Left != nil {
				t.Errorf("%s: %.80s: %s", house.name, id, shows(p))
			}
		}
	}
	if asked.Load() != 0 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// A document is asked for once in a while, however many want it and whatever it says
// of its own age.
func TestF12_DocumentsAreKeptWithinBounds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	id, asked := counted(t)
	visit := func() string { return shows(h.Browser().Get(webtest.NewProof().Authorization(id, onDevice))) }
	for range 3 {
		if got := visit(); got != "sign-in" {
			t.Fatal(got)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times at once", asked.Load())
	}
	h.Advance(time.Hour + time.Second)
	visit()
	if asked.Load() != 2 {
		t.Errorf("asked %d times after an hour: a year is too long", asked.Load())
	}
}

// Errors, and documents that are of no use, are not kept (draft §5.2), so that a mended
// one counts at once; and nobody is made to fetch them without end.
func TestF12_DocumentsOfNoUseAreNotKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	var asked atomic.Int64
	var id string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=3600")
		document := map[string]any{"client_id": id, "client_name": "Notes", "redirect_uris": []string{"http://127.0.0.1/callback"}}
		switch asked.Add(1) {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			document["client_id"] = id + "/"
		case 3:
			document["redirect_uris"] = []string{"https://evil.example/"}
		}
		_ = json.NewEncoder(w).Encode(document)
	}))
	t.Cleanup(s.Close)
	id = strings.Replace(s.URL, "127.0.0.1", "localhost", 1) + "/client.json"
	visit := func(id string) *webtest.Page {
		return h.Browser().Get(webtest.NewProof().Authorization(id, onDevice))
	}
	for i := range 3 {
		if p := visit(id); p.StatusCode != http.StatusBadRequest {
			t.Errorf("attempt %d: %s", i+1, shows(p))
		}
	}
	if got := shows(visit(id)); got != "sign-in" || asked.Load() != 4 {
		t.Errorf("the mended document: %s after %d requests", got, asked.Load())
	}

	missing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	t.Cleanup(missing.Close)
	asked.Store(0)
	for i := range 40 {
		last := visit(missing.URL + "/" + strings.Repeat("x", i+1)).StatusCode
		if i == 39 && last != http.StatusTooManyRequests {
			t.Errorf("the last of many is answered by %d", last)
		}
	}
	if n := asked.Load(); n < 10 || n > 12 {
		t.Errorf("asked %d times for documents of no use", n)
	}
	if got := shows(visit(id)); got != "sign-in" {
		t.Errorf("a client of another host meanwhile: %s", got)
	}
	h.Advance(time.Minute)
	if p := visit(missing.URL + "/x"); p.StatusCode != http.StatusBadRequest {
		t.Errorf("a minute later: %d", p.StatusCode)
	}
}

// What a document says is text: it becomes neither markup nor a picture that the
// browser fetches, and a link only to https.
func TestF13_MarkupInADocument(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	id := describes(t, func(_ string, d map[string]any) {
		d["client_name"] = `<script>alert(1)</script>"><img src=x onerror=alert(1)>`
		d["logo_uri"], d["tos_uri"], d["policy_uri"] = "https://tracker.example/logo.png", "javascript:alert(1)", `https://x.example/"onmouseover="alert(1)`
	})
	b := h.Browser()
	p := b.SignIn(b.Get(webtest.NewProof().Authorization(id, onDevice)), "ann")
	body := string(p.Body)
	if shows(p) != "consent" || !strings.Contains(body, "&lt;script&gt;alert(1)") {
		t.Fatalf("%s: %s", shows(p), body)
	}
	for _, bad := range []string{"<script>alert", "<img", "javascript:", `"onmouseover=`} {
		if strings.Contains(body, bad) {
			t.Errorf("%s stands on the page: %s", bad, body)
		}
	}
}

// Such a client may push its requests as soon as somebody has let it in: before that
// nothing is written for it. It proves itself by the keys of its document.
func TestF12_PushedByAClientThatDescribesItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t, insecureOutbound)
	key := newAssertionKey(t)
	public := describes(t, func(string, map[string]any) {})
	proven := describes(t, func(_ string, d map[string]any) {
		d["token_endpoint_auth_method"], d["jwks"] = "private_key_jwt", json.RawMessage(key.jwks(t))
	})
	for name, test := range map[string]struct {
		id    string
		prove func() url.Values
	}{
		"public": {public, func() url.Values { return url.Values{"client_id": {public}} }},
		"proven": {proven, func() url.Values {
			return url.Values{"client_id": {proven}, "client_assertion_type": {jwtBearer}, "client_assertion": {key.assertion(t, h, proven, nil)}}
		}},
	} {
		verifier := webtest.NewProof()
		request, err := url.Parse(verifier.Authorization(test.id, onDevice))
		noError(t, err)
		form := func(more url.Values) url.Values {
			all := test.prove()
			for parameter, values := range more {
				all[parameter] = values
			}
			return all
		}
		mustRefuse(t, name+" before anybody let it in", h.Call("/oauth2/par", "", "", form(request.Query())), http.StatusBadRequest, "unauthorized_client")
		b := h.Browser()
		if p := b.Press(b.SignIn(b.Get("/oauth2/authorize?"+request.RawQuery), "ann"), "accept", nil); shows(p) != "code" {
			t.Errorf("%s: let in: %s", name, shows(p))
			continue
		}
		pushed := h.Call("/oauth2/par", "", "", form(request.Query()))
		if pushed.Status != http.StatusCreated {
			t.Errorf("%s: push: %d %s", name, pushed.Status, pushed.Raw)
			continue
		}
		p := b.Press(b.Get(pushedAt(test.id, pushed.Text("request_uri"), nil)), "accept", nil)
		if shows(p) != "code" {
			t.Errorf("%s: %s", name, shows(p))
			continue
		}
		mustGrant(t, name, h.Call("/oauth2/token", "", "", form(url.Values{
			"grant_type": {"authorization_code"}, "code": {p.Left.Query().Get("code")}, "redirect_uri": onDevice["redirect_uri"], "code_verifier": {verifier.Verifier},
		})))
	}
	// A document without proof of its key is nobody.
	request, err := url.Parse(webtest.NewProof().Authorization(proven, onDevice))
	noError(t, err)
	if a := h.Call("/oauth2/par", "", "", request.Query()); a.Status != http.StatusUnauthorized {
		t.Errorf("without proof: %d %s", a.Status, a.Raw)
	}
}
