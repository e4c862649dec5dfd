package guard

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// bare is what every file needs besides routes.
const bare = "upstream: http://localhost:3000\nissuer: https://id.example\naudience: https://api.example\ncheck: signature\n"

func parse(t *testing.T, routes string) table {
	t.Helper()
	c, err := ParseConfig(strings.NewReader(bare + routes))
	if err != nil {
		t.Fatal(err)
	}
	return parseTable(c.Routes, false, &mistakes{})
}

func TestTable_TheMostSpecificPlaceDecides(t *testing.T) {
	routes := parse(t, `
routes:
  - prefix: /
    security: [{}]
  - prefix: /admin
    methods: [GET]
    security: [oauth2: [admin]]
  - prefix: /admin/reports
    security: [oauth2: [reports]]
  - path: /admin/reports/public
    methods: [GET, POST]
    security: [{}]
  - path: /admin/reports/public
    methods: [DELETE]
    security: [oauth2: [admin]]
`)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/", "anybody"}, {"POST", "/x", "anybody"}, {"GET", "/administration", "anybody"}, {"GET", "/adminx/y", "anybody"},
		{"GET", "/admin", "admin"}, {"GET", "/admin/", "admin"}, {"HEAD", "/admin/x", "admin"},
		{"POST", "/admin", "not GET"}, {"POST", "/admin/x", "not GET"}, {"OPTIONS", "/admin", "not GET"},
		{"PUT", "/admin/reports", "reports"}, {"GET", "/admin/reports/7", "reports"},
		{"GET", "/admin/reports/public", "anybody"}, {"DELETE", "/admin/reports/public", "admin"},
		{"PUT", "/admin/reports/public", "not DELETE,GET,POST"}, {"GET", "/admin/reports/public/7", "reports"},
	} {
		need, allow, found := routes.find(c.method, c.path)
		got := "anybody"
		switch {
		case !found:
			got = "not " + strings.Join(allow, ",")
		case strings.Contains(fmt.Sprint(need.requirement), "admin"):
			got = "admin"
		case strings.Contains(fmt.Sprint(need.requirement), "reports"):
			got = "reports"
		}
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
		}
	}
}

// Many a service takes "/Admin" and "/admin/" for "/admin": what it would serve as a more specific
// place than the one that holds the path letter by letter is refused.
func TestTable_NoSpellingLeadsToAWiderPlace(t *testing.T) {
	routes := parse(t, `
routes:
  - prefix: /
    security: [{}]
  - prefix: /admin
    security: [oauth2: [admin]]
  - path: /keys
    security: [oauth2: [admin]]
  - path: /pages/
    security: [oauth2: [admin]]
  - path: /Guide
    security: [{}]
  - path: /guide
    security: [{}]
`)
	for path, passes := range map[string]bool{
		"/": true, "/x": true, "/X/": true, "/Keysx": true, "/keys/x": true, "/administration": true, "/guide": true, "/Guide": true, "/admin/X": true, "/admin/": true, "/keys": true,
		"/Admin": false, "/ADMIN/x": false, "/keys/": false, "/Keys": false, "/KEYS/": false, "/pages": false, "/Pages/": false,
	} {
		if _, allow, found := routes.find("GET", path); found != passes || allow != nil {
			t.Errorf("%s: %v, want %v", path, found, passes)
		}
	}
}

func TestTable_DefaultIsDeny(t *testing.T) {
	routes := parse(t, "routes: [{prefix: /agents, security: [{}]}]")
	for _, path := range []string{"/", "/agent", "/agentsx", "/x/agents"} {
		if _, allow, found := routes.find("GET", path); found || allow != nil {
			t.Errorf("%s passes", path)
		}
	}
}

func TestConfig_Mistakes(t *testing.T) {
	const open = "routes: [{path: /, security: [{}]}]\n"
	signIn := "client: {id: x, secret_file: y}\nsign_in: {base_url: 'https://a.example', cookie_keys_file: z}\n" + strings.Replace(bare, "check: signature\n", "", 1)
	for text, want := range map[string]string{
		"":                              "the file is empty",
		"upstream: x\n---\nupstream: y": "second document",
		"a: [":                          "line 1",
		bare + "upstraem: x":            "line 5: the key upstraem is not known here",
		bare + "listen: [x]":            "line 5: cannot unmarshal",
		bare + "routes: []":             "line 5: routes: there are none",
		bare:                            "line 1: routes: there are none",
		bare + "routes: [{path: /a}]":   "line 5: routes[0]: security: no alternatives",
		bare + "routes:\n  - path: /a\n    securty: [{}]":                                          "line 7: the key securty is not known here",
		bare + "routes: [{path: /a, security: [{apikey: [x]}]}]":                                   "unknown scheme",
		bare + "routes: [{path: /a, security: [{oauth2: ['*']}]}]":                                 "wildcard",
		bare + "routes: [{security: [{}]}]":                                                        "either path or prefix",
		bare + "routes: [{path: /a, prefix: /b, security: [{}]}]":                                  "either path or prefix",
		bare + "routes: [{path: a, security: [{}]}]":                                               "not a plain path",
		bare + "routes: [{path: /a/../b, security: [{}]}]":                                         "not a plain path",
		bare + "routes: [{path: /a%2fb, security: [{}]}]":                                          "not a plain path",
		bare + "routes: [{prefix: //a, security: [{}]}]":                                           "not a plain path",
		bare + "routes: [{prefix: '/a/*', security: [{}]}]":                                        "wildcard",
		bare + "routes: [{path: '/a/{id}', security: [{}]}]":                                       "wildcard",
		bare + "routes: [{prefix: /a/, security: [{}]}]":                                           "leave out the slash",
		bare + "routes: [{prefix: /.gatehouse, security: [{}]}]":                                   "the guard's own",
		bare + "routes: [{path: /.gatehouse/callback, security: [{}]}]":                            "the guard's own",
		bare + "routes: [{path: /a, methods: [get], security: [{}]}]":                              "capital letters",
		bare + "routes: [{path: /a, methods: [''], security: [{}]}]":                               "capital letters",
		bare + "routes:\n- {path: /a, security: [{}]}\n- {path: /a, security: [{oauth2: [x]}]}":    "line 7: routes[1]: every method of /a is named twice",
		bare + "routes: [{path: /a, methods: [GET, GET], security: [{}]}]":                         "named twice",
		bare + "routes: [{path: /a, security: [{}], acr_values: [strong]}]":                        "acr_values",
		bare + "routes: [{path: /a, security: [{}], max_age: 1500ms}]":                             "whole seconds",
		bare + "routes: [{path: /a, security: [{}], sign_in: true}]":                               "line 5: routes[0].sign_in: there is no sign_in",
		bare + "routes: [{path: /a, security: [{}]}, {prefix: /a, security: [{oauth2: [admin]}]}]": "",
		bare + open:                          "",
		bare + "forward_auth: true\n" + open: "line 5: forward_auth: ",
		strings.Replace(bare, "http://", "ftp://", 1) + open:                          "line 1: upstream: ",
		strings.Replace(bare, "https://id", "http://id", 1) + open:                    "line 2: issuer: ",
		strings.Replace(bare, "audience: https://api.example\n", "", 1) + open:        "audience: expected",
		strings.Replace(bare, "check: signature", "check: never", 1) + open:           "line 4: check: expected offline",
		strings.Replace(bare, "check: signature\n", "", 1) + open:                     "client: a client that may introspect is needed",
		bare + open + "client: {secret_file: x}":                                      "client.id: expected",
		bare + open + "client: {id: x}":                                               "line 6: client: expected exactly one of",
		bare + open + "client: {id: x, secret_file: a, key_file: b}":                  "expected exactly one of",
		bare + open + "sign_in: {base_url: 'https://a.example', cookie_keys_file: z}": "people sign in through a client",
		signIn + open:                        "",
		signIn + "check: signature\n" + open: "a session that was ended",
		strings.Replace(signIn, "https://a.example", "https://a.example/app", 1) + open:                                       "line 2: sign_in.base_url",
		strings.Replace(signIn, "https://a.example", "http://a.example", 1) + open:                                            "sign_in.base_url",
		strings.Replace(signIn, ", cookie_keys_file: z", "", 1) + open:                                                        "sign_in.cookie_keys_file",
		strings.Replace(signIn, "file: z}", "file: z, after_sign_out: //evil}", 1) + open:                                     "sign_in.after_sign_out",
		bare + "assertion: {}\n" + open:                                                                                       "assertion.key_files",
		strings.Replace(bare, "upstream: http://localhost:3000", "forward_auth: true\nassertion: {key_files: [a]}", 1) + open: "line 2: assertion.audience",
	} {
		_, err := ParseConfig(strings.NewReader(text))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	// Every mistake is told at once.
	_, err := ParseConfig(strings.NewReader("issuer: x\nupstream: y\nroutes: [{path: a, security: [{}]}]\nlisten: localhost:1\n"))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 5 {
		t.Errorf("not every mistake: %v", err)
	}
}

// The file that the documentation shows is one, and names every key.
func TestConfig_Documented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/resource-servers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, _, found := strings.Cut(rest, "```\n")
	c, err := ParseConfig(strings.NewReader(text))
	if !found || err != nil || len(c.Routes) != 3 {
		t.Fatalf("%v, %d routes", err, len(c.Routes))
	}
	var names func(of reflect.Type)
	names = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || of.PkgPath() != reflect.TypeFor[Config]().PkgPath() {
			return
		}
		for i := range of.NumField() {
			if name := of.Field(i).Tag.Get("yaml"); !strings.Contains(text, name+":") {
				t.Errorf("%s is not shown", name)
			}
			names(of.Field(i).Type)
		}
	}
	names(reflect.TypeFor[Config]())
}

// The file may be anybody's: no text makes the judgement of it fall over.
func FuzzParseConfig(f *testing.F) {
	f.Add(bare + "routes: [{path: /a, security: [{}]}]")
	f.Add("routes: &a [*a]")
	f.Add("- a\n- b")
	f.Add("sign_in: 7\nclient: []\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = ParseConfig(strings.NewReader(text))
	})
}
