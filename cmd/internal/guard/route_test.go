package guard

import (
	"fmt"
	"strings"
	"testing"
)

func parse(t *testing.T, routes string) table {
	t.Helper()
	c, err := ParseConfig(strings.NewReader(routes))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parseTable(c.Routes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
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
		{"PUT", "/admin/reports/public", "not DELETE,GET,POST"}, {"GET", "/admin/reports/public/", "reports"},
	} {
		need, allow, found := routes.find(c.method, c.path)
		got := "anybody"
		switch {
		case !found:
			got = "not " + strings.Join(allow, ",")
		case strings.Contains(fmt.Sprint(need), "admin"):
			got = "admin"
		case strings.Contains(fmt.Sprint(need), "reports"):
			got = "reports"
		}
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
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
	for routes, want := range map[string]string{
		"":                                    "EOF",
		"upstream: x\n---\nupstream: y":       "second document",
		"upstraem: x":                         "field upstraem not found",
		"routes: []":                          "nothing would be let through",
		"routes: [{path: /a}]":                "security: no alternatives",
		"routes: [{path: /a, securty: [{}]}]": "field securty not found",
		"routes: [{path: /a, security: [{apikey: [x]}]}]":                                   "unknown scheme",
		"routes: [{path: /a, security: [{oauth2: ['*']}]}]":                                 "wildcard",
		"routes: [{security: [{}]}]":                                                        "either path or prefix",
		"routes: [{path: /a, prefix: /b, security: [{}]}]":                                  "either path or prefix",
		"routes: [{path: a, security: [{}]}]":                                               "not a plain path",
		"routes: [{path: /a/../b, security: [{}]}]":                                         "not a plain path",
		"routes: [{path: /a%2fb, security: [{}]}]":                                          "not a plain path",
		"routes: [{prefix: //a, security: [{}]}]":                                           "not a plain path",
		"routes: [{prefix: '/a/*', security: [{}]}]":                                        "wildcard",
		"routes: [{path: '/a/{id}', security: [{}]}]":                                       "wildcard",
		"routes: [{prefix: /a/, security: [{}]}]":                                           "leave out the slash",
		"routes: [{path: /a, methods: [get], security: [{}]}]":                              "capital letters",
		"routes: [{path: /a, methods: [''], security: [{}]}]":                               "capital letters",
		"routes: [{path: /a, security: [{}]}, {path: /a, security: [{oauth2: [admin]}]}]":   "named twice",
		"routes: [{path: /a, methods: [GET, GET], security: [{}]}]":                         "named twice",
		"routes: [{path: /a, security: [{}]}, {prefix: /a, security: [{oauth2: [admin]}]}]": "",
	} {
		c, err := ParseConfig(strings.NewReader(routes))
		if err == nil {
			_, err = parseTable(c.Routes)
		}
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", routes, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", routes, err, want)
		}
	}
}
