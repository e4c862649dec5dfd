package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// everything is a digest of each table, but for the counters of attempts.
func everything(t testing.TB, h *webtest.House) map[string]string {
	t.Helper()
	var tables []string
	h.World.Get(`select array_agg(format('%I.%I', schemaname, tablename)) from pg_tables where schemaname in ('platform', 'public', 'river')
		and tablename <> 'rate_counters'`, nil, &tables)
	digests := map[string]string{}
	for _, table := range tables {
		var digest string
		h.World.Get(`select md5(coalesce(string_agg(t::text, '' order by t::text), '')) from `+table+` t`, nil, &digest)
		digests[table] = digest
	}
	return digests
}

// mustTouchNothing fails when something has changed since before was taken.
func mustTouchNothing(t testing.TB, h *webtest.House, before map[string]string) {
	t.Helper()
	for table, now := range everything(t, h) {
		if before[table] != now {
			t.Errorf("%s was written to", table)
		}
	}
}

// badTokens are JWTs of every kind that no parser should take, made of one that is in
// order but for its claims. Each claim of another type than it should have is one more.
func badTokens(t testing.TB, k *assertionKey, claims map[string]any) map[string]string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	part := func(s string) string { return encode([]byte(s)) }
	good := strings.Split(k.sign(t, claims), ".")
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	bad := map[string]string{
		"nothing":              "",
		"no parts":             "junk",
		"dots":                 strings.Repeat(".", 10_000),
		"not base64":           "%%%.%%%.%%%",
		"header no JSON":       part("junk") + "." + good[1] + "." + good[2],
		"header a list":        part(`["ES256"]`) + "." + good[1] + "." + good[2],
		"alg a number":         part(`{"alg":7}`) + "." + good[1] + "." + good[2],
		"alg twice":            part(`{"alg":"none","alg":"ES256"}`) + "." + good[1] + "." + good[2],
		"header nested":        part(`{"alg":"ES256","x":`+nested(2000)+`}`) + "." + good[1] + "." + good[2],
		"payload cut":          good[0] + "." + good[1][:len(good[1])-4] + "." + good[2],
		"signature cut":        good[0] + "." + good[1] + "." + good[2][:20],
		"signature zero":       good[0] + "." + good[1] + "." + encode(make([]byte, 64)),
		"five parts":           part(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`) + "." + strings.Repeat("AAAA.", 3) + "AAAA",
		"PBES2 without end":    part(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}`) + ".AAAA.AAAA.AAAA.AAAA",
		"compressed":           part(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`) + "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
		"JSON serialization":   `{"payload":"` + good[1] + `","signatures":[{"protected":"` + good[0] + `","signature":"` + good[2] + `"}]}`,
		"not UTF-8":            "\xff\xfe." + good[1] + "." + good[2],
		"signed, no object":    k.sign(t, "text"),
		"signed, a list":       k.sign(t, []int{1}),
		"signed, null":         k.sign(t, nil),
		"longer than 16 KiB":   k.sign(t, mergeClaims(claims, "padding", strings.Repeat("x", 20<<10))),
		"signed, deeply":       k.sign(t, mergeClaims(claims, "iss", json.RawMessage(nested(2000)))),
		"signed, times huge":   k.sign(t, mergeClaims(mergeClaims(mergeClaims(claims, "exp", 1e300), "nbf", 1e300), "iat", 1e300)),
		"signed, exp overflow": k.sign(t, mergeClaims(mergeClaims(claims, "exp", json.RawMessage("9223372036854775808")), "iat", json.RawMessage("9223372036854775808"))),
	}
	for name := range claims {
		for kind, value := range map[string]any{"an object": map[string]any{}, "a list of lists": [][]int{{1}}, "true": true} {
			bad[name+" "+kind] = k.sign(t, mergeClaims(claims, name, value))
		}
	}
	return bad
}

func mergeClaims(claims map[string]any, name string, value any) map[string]any {
	merged := maps.Clone(claims)
	merged[name] = value
	return merged
}

// Whatever comes in the place of an assertion, of a proof, of a request object or of a
// hint is answered by the error for it, at once, and leaves no trace.
func TestBadInput_Tokens(t *testing.T) {
	t.Parallel()
	h, k := withSigner(t)
	h.Machine("robot", func(c *storage.Client) { c.AuthMethod, c.JWKS = storage.AuthMethodPrivateKeyJWT, k.jwks(t) })
	now := h.Now()
	assertion := map[string]any{"iss": "robot", "sub": "robot", "aud": h.URL, "jti": "a", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	object := objectClaims(h, "signer", webtest.NewProof(), nil)
	// What these say of the request is judged as any request is.
	objectOnly := map[string]any{}
	for _, name := range []string{"iss", "aud", "nbf", "exp", "client_id"} {
		objectOnly[name] = object[name]
	}
	proof := map[string]any{"jti": "p", "htm": "POST", "htu": h.URL + "/oauth2/token", "iat": now.Unix()}
	hint := map[string]any{"iss": h.URL, "aud": "web", "sub": "x", "exp": now.Unix()}
	before := everything(t, h)
	for kind, test := range map[string]struct {
		bad    map[string]string
		send   func(text string) (status int, code string)
		status int
		code   string
	}{
		"assertion": {badTokens(t, k, assertion), func(text string) (int, string) {
			a := asserted(t, h, text)
			return a.Status, a.Text("error")
		}, http.StatusUnauthorized, "invalid_client"},
		"DPoP proof": {badTokens(t, k, proof), func(text string) (int, string) {
			if text == "" || strings.ContainsAny(text, "\xff") {
				return http.StatusBadRequest, "invalid_dpop_proof" // no header, or none that can be sent
			}
			a := newHolder(t, h).token("rs", webtest.ClientSecret, text, url.Values{"grant_type": {"client_credentials"}})
			return a.Status, a.Text("error")
		}, http.StatusBadRequest, "invalid_dpop_proof"},
		"request object": {badTokens(t, k, objectOnly), func(text string) (int, string) {
			if text == "" {
				return http.StatusBadRequest, "invalid_request_object" // an empty parameter is none (RFC 6749 §3.1)
			}
			a := h.Call("/oauth2/par", "signer", webtest.ClientSecret, url.Values{"request": {text}})
			return a.Status, a.Text("error")
		}, http.StatusBadRequest, "invalid_request_object"},
		"id_token_hint": {badTokens(t, k, hint), func(text string) (int, string) {
			if text == "" {
				return http.StatusBadRequest, "invalid_request"
			}
			a := push(t, h, "web", webtest.ClientSecret, webtest.NewProof(), url.Values{"id_token_hint": {text}})
			return a.Status, a.Text("error")
		}, http.StatusBadRequest, "invalid_request"},
	} {
		for name, text := range test.bad {
			var status int
			var code string
			took := quickest(time.Second, func() { status, code = test.send(text) })
			// Text that is none is refused before anybody looks at what it stands for.
			if status != test.status || code != test.code {
				if !strings.Contains(text, "\xff") || status != http.StatusBadRequest || code != "invalid_request" {
					t.Errorf("%s, %s: %d %s, want %d %s", kind, name, status, code, test.status, test.code)
				}
			}
			if took > time.Second {
				t.Errorf("%s, %s: it took %v", kind, name, took)
			}
		}
	}
	mustTouchNothing(t, h, before)
}

// quickest is how long it takes to do something: the least of a few times where the first
// took longer than most, since a busy machine is not what is judged.
func quickest(most time.Duration, do func()) time.Duration {
	least := most
	for n := 0; n == 0 || n < 5 && least > most; n++ {
		begun := time.Now()
		do()
		if took := time.Since(begun); n == 0 || took < least {
			least = took
		}
	}
	return least
}

// servers answer as no client should.
func badServers(t *testing.T) (addresses map[string]string, inside *atomic.Int64) {
	t.Helper()
	inside = &atomic.Int64{}
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	t.Cleanup(private.Close)
	addresses = map[string]string{}
	for name, answer := range map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for part := []byte(strings.Repeat("[", 4096)); r.Context().Err() == nil; {
				if _, err := w.Write(part); err != nil {
					return
				}
			}
		},
		"nested": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(`{"keys":`, 500) + "1" + strings.Repeat("}", 500)))
		},
		"redirecting": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, private.URL, http.StatusFound) },
		"HTML":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"nothing":     func(http.ResponseWriter, *http.Request) {},
		"not found":   func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"types": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":{},"client_id":[],"client_name":7}`))
		},
		"a number": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`7`)) },
		"a broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{`))
		},
		"half compressed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte(`{`))
		},
	} {
		s := httptest.NewServer(answer)
		t.Cleanup(s.Close)
		addresses[name] = s.URL + "/document.json"
	}
	slow := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-slow:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(slow) })
	addresses["slow"] = s.URL + "/document.json"
	addresses["closed"] = "http://127.0.0.1:1/document.json"
	return addresses, inside
}

// Whatever stands at an address that others chose is no key set, no request object and
// no client, within the three seconds that an answer may take, and leaves no trace.
func TestBadInput_Documents(t *testing.T) {
	t.Parallel()
	addresses, inside := badServers(t)
	h := newHouse(t, func(c *web.Config, _ *postgres.Options) { c.InsecureOutbound, c.FetchRequestURIs = true, true })
	k := newAssertionKey(t)
	names := slices.Sorted(maps.Keys(addresses))
	for i, name := range names {
		h.Machine(fmt.Sprintf("keys-%d", i), func(c *storage.Client) {
			c.AuthMethod, c.Metadata.JWKSURI = storage.AuthMethodPrivateKeyJWT, addresses[name]
		})
		h.Client(fmt.Sprintf("object-%d", i), func(c *storage.Client) {
			c.JWKS, c.Metadata.RequestURIs = k.jwks(t), []string{addresses[name]}
		})
	}
	before := everything(t, h)
	for i, name := range names {
		keysOf, objectOf := fmt.Sprintf("keys-%d", i), fmt.Sprintf("object-%d", i)
		most := time.Second
		if name == "slow" {
			most = 4 * time.Second
		}
		for kind, test := range map[string]struct {
			send func() string
			code string
		}{
			"key set": {func() string { return asserted(t, h, k.assertion(t, h, keysOf, nil)).Text("error") }, "invalid_client"},
			"request object": {func() string {
				p := h.Browser().Get(webtest.NewProof().Authorization(objectOf, url.Values{"request_uri": {addresses[name]}}))
				return strings.Replace(shows(p), "invalid_request_object", "invalid_request_uri", 1)
			}, "invalid_request_uri"},
			"client": {func() string {
				p := h.Browser().Get(webtest.NewProof().Authorization(addresses[name], onDevice))
				return string(shownCode.Find(p.Body))
			}, "invalid_client"},
		} {
			took := quickest(most, func() {
				h.Advance(time.Minute) // documents of no use are fetched so often, and then no more
				if got := test.send(); got != test.code {
					t.Errorf("%s, %s: %s, want %s", kind, name, got, test.code)
				}
			})
			if took > most {
				t.Errorf("%s, %s: it took %v", kind, name, took)
			}
		}
	}
	mustTouchNothing(t, h, before)
	if inside.Load() != 0 {
		t.Errorf("a redirect was followed %d times", inside.Load())
	}
}

// F7: what stands behind an address that somebody chose cannot be told from the answer:
// an open port, a closed one and a server of whatever kind read alike.
func TestF7_NothingIsLearntOfAnAddress(t *testing.T) {
	t.Parallel()
	addresses, _ := badServers(t)
	delete(addresses, "slow") // told by its time alone, which is the deadline of all
	h := newHouse(t, func(c *web.Config, _ *postgres.Options) { c.InsecureOutbound, c.FetchRequestURIs = true, true })
	k := newAssertionKey(t)
	keySets, documents := map[string]bool{}, map[string]bool{}
	for i, name := range slices.Sorted(maps.Keys(addresses)) {
		id := fmt.Sprintf("keys-%d", i)
		h.Advance(time.Minute) // documents of no use are fetched so often, and then no more
		h.Machine(id, func(c *storage.Client) {
			c.AuthMethod, c.Metadata.JWKSURI = storage.AuthMethodPrivateKeyJWT, addresses[name]
		})
		a := asserted(t, h, k.assertion(t, h, id, nil))
		keySets[fmt.Sprint(a.Status, a.Raw)] = true
		p := h.Browser().Get(webtest.NewProof().Authorization(addresses[name], onDevice))
		_, said, _ := strings.Cut(string(p.Body), "<h1")
		said, _, _ = strings.Cut(said, "<code>") // the id of the request
		documents[fmt.Sprint(p.StatusCode, said)] = true
	}
	if len(keySets) != 1 || len(documents) != 1 {
		t.Errorf("the answers differ: %v\n%v", slices.Sorted(maps.Keys(keySets)), slices.Sorted(maps.Keys(documents)))
	}
}

// F8: clients whose keys come in drips wait for one another, and nobody waits for them.
func TestF8_SlowKeysHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	addresses, _ := badServers(t)
	h := newHouse(t, webtest.Wide, insecureOutbound)
	k := newAssertionKey(t)
	const slow = 40 // more than may be under way at once
	for i := range slow {
		h.Machine(fmt.Sprintf("slow-%d", i), func(c *storage.Client) {
			c.AuthMethod, c.Metadata.JWKSURI = storage.AuthMethodPrivateKeyJWT, fmt.Sprintf("%s?%d", addresses["slow"], i)
		})
	}
	ended := make(chan []webtest.Answer)
	begun := time.Now()
	go func() {
		ended <- atOnce(slow, func(i int) webtest.Answer { return asserted(t, h, k.assertion(t, h, fmt.Sprintf("slow-%d", i), nil)) })
	}()
	var took []time.Duration
	for time.Since(begun) < 2*time.Second {
		one := time.Now()
		mustGrant(t, "meanwhile", h.Token("rs", url.Values{"grant_type": {"client_credentials"}}))
		took = append(took, time.Since(one))
	}
	// Who is kept waiting waits for seconds; one in ten may be late on a busy machine.
	slices.Sort(took)
	if late := took[len(took)*9/10]; late > 500*time.Millisecond {
		t.Errorf("meanwhile %d others were answered, one in ten after more than %v", len(took), late)
	}
	for _, a := range <-ended {
		mustRefuse(t, "slow", a, http.StatusUnauthorized, "invalid_client")
	}
	if all := time.Since(begun); all > 8*time.Second {
		t.Errorf("the slow ones took %v", all)
	}
	// What failed is remembered: nobody is kept waiting for the same again.
	begun = time.Now()
	mustRefuse(t, "again", asserted(t, h, k.assertion(t, h, "slow-0", nil)), http.StatusUnauthorized, "invalid_client")
	if again := time.Since(begun); again > time.Second {
		t.Errorf("the same address once more took %v", again)
	}
}
