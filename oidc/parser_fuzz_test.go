package oidc

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

func FuzzParseAuthorizationCode(f *testing.F) {
	code := authorizationCode{grant: authz.NewID[authz.GrantID](time.Unix(0, 0)), secret: make([]byte, secretSize)}.encode()
	f.Add(code)
	f.Add(code + "=")
	f.Add(code[:len(code)-1] + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		switch code, err := parseAuthorizationCode(text); {
		case err != nil && !errors.Is(err, errMalformed):
			t.Errorf("%q: %v", text, err)
		case err == nil && code.encode() != text:
			t.Errorf("%q is another spelling of %q", text, code.encode())
		}
	})
}

func FuzzParseAuthReqID(f *testing.F) {
	made := &Provider{authReqIDs: bytes.Repeat([]byte{1}, 32)}
	// The same in each process of the fuzzer.
	id := made.authReqID(authz.FirstIDAt[authz.GrantID](time.Unix(1e9, 0)))
	f.Add(id)
	f.Add(id[:len(id)-1] + "\n")
	f.Add(requestPrefix + strings.Repeat("A", len(id)-len(requestPrefix)))
	f.Fuzz(func(t *testing.T, text string) {
		if parsed, err := made.parseAuthReqID(text); err == nil && (made.authReqID(parsed) != text || text != id) {
			t.Errorf("%q is taken for an auth_req_id of ours", text)
		}
	})
}

func FuzzParseRefreshToken(f *testing.F) {
	made := refreshTokens{ratchet: bytes.Repeat([]byte{1}, 32), seal: bytes.Repeat([]byte{2}, 32)}
	token := made.encode(refreshToken{grant: authz.NewID[authz.GrantID](time.Unix(0, 0)), generation: 7, secret: make([]byte, secretSize)})
	f.Add(token)
	f.Add(token[:len(token)-1] + "\n")
	f.Add(refreshPrefix + strings.Repeat("A", len(token)-len(refreshPrefix)))
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := made.parse(text)
		if err == nil && made.encode(parsed) != text {
			t.Errorf("%q is another spelling of %q", text, made.encode(parsed))
		}
		// Without the key of the seal nobody makes one that is read.
		if _, err := (refreshTokens{ratchet: made.ratchet, seal: bytes.Repeat([]byte{3}, 32)}).parse(text); err == nil {
			t.Errorf("%q is sealed by a key that never sealed anything", text)
		}
	})
}

// loopback is RFC 8252 §7.3 in one line: scheme, address literal, port, the rest.
var loopback = regexp.MustCompile(`(?s)^http://(127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?([/?].*|)$`)

// sameButForThePort is what [redirectURIMatches] is held to.
func sameButForThePort(registered, given string) bool {
	r, g := loopback.FindStringSubmatch(registered), loopback.FindStringSubmatch(given)
	if registered == given || r == nil || g == nil {
		return registered == given
	}
	port, err := strconv.ParseUint(g[2], 10, 16)
	return err == nil && port > 0 && r[1] == g[1] && r[3] == g[3]
}

// plain is a path and query that no parser would write in another way.
var plain = regexp.MustCompile(`^http://[^/?]+(/[a-z0-9/._~-]*)?(\?[a-z0-9=&]+)?$`)

func FuzzRedirectURIMatches(f *testing.F) {
	for _, pair := range [][2]string{
		{"https://app.example/callback", "https://app.example/callback"}, {"http://127.0.0.1/callback", "http://127.0.0.1:5000/callback"},
		{"http://127.0.0.1:1/", "http://127.0.0.1:65535/"}, {"http://[::1]/a?b=c", "http://[::1]:80/a?b=c"}, {"http://127.0.0.1", "http://127.0.0.1:8080"},
		{"HTTP://127.0.0.1/a", "http://127.0.0.1:1/a"}, {"http://127.0.0.1/a", "http://127.0.0.1:01/a"}, {"http://127.0.0.1/a", "http://127.0.0.1:1/a#"},
		{"http://127.0.0.1/%7e", "http://127.0.0.1:1/~"}, {"http://127.0.0.1/a", "http://x@127.0.0.1:1/a"}, {"http://127.0.0.1/a", "http://127.0.0.1:1\\@evil/a"},
		{"http://127.0.0.1/a#", "http://127.0.0.1:1/a"}, {"http://127.0.0.1:/a", "http://127.0.0.1:1/a"}, {"http://[::1%25lo]/", "http://[::1%25lo]:1/"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, registered, given string) {
		got, want := redirectURIMatches(registered, given), sameButForThePort(registered, given)
		if got && !want {
			t.Errorf("%q passes for %q", given, registered)
		}
		if want && !got && plain.MatchString(registered) && plain.MatchString(given) {
			t.Errorf("%q does not pass for %q", given, registered)
		}
	})
}

func FuzzBasic(f *testing.F) {
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte("web:secret")))
	f.Add("basic " + base64.StdEncoding.EncodeToString([]byte("a%3Ab+c:%25%2B")))
	f.Add("Bearer x")
	f.Fuzz(func(t *testing.T, header string) {
		id, secret, err := basic([]string{header})
		if err != nil {
			if id != "" || secret != "" {
				t.Errorf("%q is refused and read as %q and %q", header, id, secret)
			}
			return
		}
		again := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
		id2, secret2, err := basic([]string{again})
		if err != nil || id2 != id || secret2 != secret {
			t.Errorf("%q is read as %q and %q, and those as %q and %q (%v)", header, id, secret, id2, secret2, err)
		}
	})
}

func FuzzOnce(f *testing.F) {
	f.Add("a=1&b=2")
	f.Add("a=1&a=1")
	f.Add("a=&b")
	f.Add("a=%00&%ff=1")
	f.Add("resource=&resource=b&audience=")
	f.Fuzz(func(t *testing.T, query string) {
		given, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		values, _ := url.ParseQuery(query)
		clean, err := once(values)
		repeated := false
		for name, all := range given {
			repeated = repeated || len(all) > 1 && !repeatable(name)
			said := slices.DeleteFunc(all, func(value string) bool { return value == "" })
			if err == nil && !slices.Equal(said, clean[name]) {
				t.Errorf("%q: %q is taken as %q", query, name, clean[name])
			}
		}
		if repeated && err == nil {
			t.Errorf("%q repeats a parameter and is taken as %v", query, clean)
		}
		for name, all := range clean {
			if len(all) == 0 || !isText(name) || slices.ContainsFunc(all, func(value string) bool { return !isText(value) }) {
				t.Errorf("%q is taken as %v", query, clean)
			}
		}
	})
}

func FuzzFlowOpen(f *testing.F) {
	// Of this process alone: what another one of the fuzzer sealed is not ours.
	sealer, err := newFlowSealer(newSecret())
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	sealed, err := sealer.seal(toAuthorize, flow{Parameters: url.Values{"state": {"x"}}, RequestedAt: now, Browser: digest([]byte("browser"))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, "browser", string(toAuthorize), int64(0))
	f.Add(sealed, "another", string(toAuthorize), int64(0))
	f.Add(sealed, "browser", string(toSignOut), int64(0))
	f.Add(sealed, "browser", string(toAuthorize), int64(flowLifetime+1))
	f.Add(sealed+"A", "browser", string(toAuthorize), int64(0))
	f.Add("", "", "", int64(0))
	f.Fuzz(func(t *testing.T, text, browser, asked string, after int64) {
		opened, err := sealer.open(question(asked), text, browser, now.Add(time.Duration(after)))
		ours := text == sealed && browser == "browser" && asked == string(toAuthorize) && after <= int64(flowLifetime)
		switch {
		case ours && (err != nil || opened.Parameters.Get("state") != "x"):
			t.Errorf("what was sealed does not open: %v", err)
		case !ours && err == nil:
			t.Errorf("%q opens for %q in %q after %d", text, asked, browser, after)
		case !ours && (!errors.Is(err, errFlow) || opened.Parameters != nil):
			t.Errorf("%q: %v, %v", text, err, opened)
		}
	})
}

// Whatever is sent, a judged detail says what its type allows and covers itself.
func FuzzParseDetails(f *testing.F) {
	kind := storage.DetailType{Name: "payment", Fields: []storage.DetailField{
		{Name: "actions", Kind: "strings", Values: []string{"initiate", "status"}}, {Name: "amount", Kind: "number"}, {Name: "to", Kind: "string", Required: true},
		{Name: "account", Kind: "object", Fields: []storage.DetailField{{Name: "iban", Kind: "string"}}}, {Name: "parts", Kind: "objects", Fields: []storage.DetailField{{Name: "n", Kind: "number"}}},
	}}
	f.Add(`[{"type":"payment","to":"Bob","actions":["status"],"amount":1}]`)
	f.Add(`[{"type":"payment","to":"Bob","to":{"a":[1]}}]`)
	f.Add(`[{"type":"payment","to":"Bob","account":{"iban":"x"},"parts":[{"n":1},{"n":2}]}]`)
	f.Add(`[[{}]]`)
	f.Fuzz(func(t *testing.T, text string) {
		details, err := parseDetails(text)
		for _, d := range details {
			covers(d, d)
			if judgeDetail(d, kind) != nil {
				continue
			}
			if _, isText := d["to"].(string); !isText || len(d) > 6 || !covers(d, d) {
				t.Errorf("%q passes as %v", text, d)
			}
			if shown := describedMembers(nil, "", d); len(shown) < len(d)-1 {
				t.Errorf("of %q is shown %v", text, shown)
			}
		}
		if err == nil && (len(details) == 0 || len(details) > maxDetails) {
			t.Errorf("%q has %d details", text, len(details))
		}
	})
}

// TestO5_KeySetsAreReadQuickly: what costs a check of its size is thrown away before it
// is checked, private members included, whose primes nobody has to try.
func TestO5_KeySetsAreReadQuickly(t *testing.T) {
	number := func(bits int) string {
		return base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, bits/8))
	}
	public := func(bits int) string { return `{"kty":"RSA","kid":"k","e":"AQAB","n":"` + number(bits) + `"}` }
	private := func(bits int) string {
		return strings.TrimSuffix(public(bits), "}") + `,"d":"` + number(bits) + `","p":"` + number(bits/2) + `","q":"` + number(bits/2) + `"}`
	}
	for name, document := range map[string]string{
		"RSA 16k":           `{"keys":[` + public(16384) + `]}`,
		"RSA 300k":          `{"keys":[` + public(300000) + `]}`,
		"RSA 16k, private":  `{"keys":[` + private(16384) + `]}`,
		"RSA 4096, private": `{"keys":[` + strings.TrimSuffix(strings.Repeat(private(4096)+",", 32), ",") + `]}`,
		"deep":              `{"keys":[` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `]}`,
		"chains":            `{"keys":[{"kty":"RSA","e":"AQAB","n":"` + number(2048) + `","x5c":["` + strings.Repeat("A", 40000) + `"]}]}`,
	} {
		// The least of three, and of more while others use the machine: that does not count as work.
		least := time.Hour
		for n := 0; n < 3 || n < 50 && least > 50*time.Millisecond; n++ {
			begun := time.Now()
			if set, err := parseKeySet([]byte(document)); err == nil && len(set.Keys) > 0 {
				t.Errorf("%s: %d keys are of use", name, len(set.Keys))
			}
			least = min(least, time.Since(begun))
		}
		if least > 50*time.Millisecond {
			t.Errorf("%s: read for %v", name, least)
		}
	}
}
