package resource

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse/gatehouse/authz"
)

func TestParseRequirement(t *testing.T) {
	for text, want := range map[string]Requirement{
		`[{"oauth2":["user"]}]`:                      {anyOf: []authz.ScopeSet{{"user"}}},
		`[{"oauth2":["user","agents:read"]}]`:        {anyOf: []authz.ScopeSet{{"user", "agents:read"}}},
		`[{"oauth2":["user","user"]}]`:               {anyOf: []authz.ScopeSet{{"user"}}},
		`[{"oauth2":["user"]},{"oauth2":["admin"]}]`: {anyOf: []authz.ScopeSet{{"user"}, {"admin"}}},
		`[{"oauth2":[]}]`:                            {anyOf: []authz.ScopeSet{nil}},
		`[{"oauth2":null}]`:                          {anyOf: []authz.ScopeSet{nil}},
		`[{}]`:                                       {anonymous: true},
		`[{},{"oauth2":["user"]}]`:                   {anonymous: true, anyOf: []authz.ScopeSet{{"user"}}},
	} {
		if diff := cmp.Diff(want, requirement(t, text), cmp.AllowUnexported(Requirement{})); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestParseRequirementRefuses(t *testing.T) {
	for _, text := range []string{
		`null`, `[]`,
		`[{"apiKey":[]}]`, `[{"OAuth2":["user"]}]`, `[{"":[]}]`,
		`[{"oauth2":["user"],"apiKey":[]}]`,
		`[{"oauth2":["user"]},{"apiKey":[]}]`,
		`[{"oauth2":["*"]}]`, `[{"oauth2":["agents:*"]}]`,
		`[{"oauth2":[""]}]`, `[{"oauth2":["user agents:read"]}]`, `[{"oauth2":["a\"b"]}]`, `[{"oauth2":["a\r\nb"]}]`,
		`[{"oauth2":["user","offline_access"]}]`,
	} {
		var decoded []map[string][]string
		if err := json.Unmarshal([]byte(text), &decoded); err != nil {
			t.Fatal(err)
		}
		if r, err := ParseRequirement(decoded); err == nil || !r.isZero() {
			t.Errorf("%s: got %+v, %v", text, r, err)
		}
	}
}

func FuzzRequirement(f *testing.F) {
	for _, seed := range []string{`[{"oauth2":["user"]}]`, `[{}]`, `[]`, `[{"oauth2":["a","b"]},{"oauth2":["c"]}]`, `[{"x":[]}]`} {
		f.Add(seed, "user")
	}
	f.Fuzz(func(t *testing.T, text, held string) {
		var decoded []map[string][]string
		if json.Unmarshal([]byte(text), &decoded) != nil {
			return
		}
		r, err := ParseRequirement(decoded)
		if err != nil {
			return
		}
		scopes, err := authz.ParseScopeSet(held)
		if err != nil {
			return
		}
		need := r.Nearest(scopes)
		if need.Has(authz.ScopeOfflineAccess) {
			t.Errorf("%s asks for offline_access", text)
		}
		// Who then asks for what the challenge names is let in.
		for _, scope := range need {
			scopes = scopes.With(scope)
		}
		if !r.opensTo(scopes) {
			t.Errorf("%s is not met by %s", text, scopes)
		}
	})
}
