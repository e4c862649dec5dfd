package authz

import (
	"slices"
	"testing"
)

func TestParseRole(t *testing.T) {
	for _, role := range Roles() {
		if got, err := ParseRole(string(role)); err != nil || got != role {
			t.Errorf("%q: %q, %v", role, got, err)
		}
	}
	for _, text := range []string{"", "Owner", "root", "user "} {
		if got, err := ParseRole(text); err == nil || got != "" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// The table of the design: what a new deployment starts with.
func TestDefaultRoles(t *testing.T) {
	want := map[Role]string{
		RoleViewer: "user agents:read", RoleUser: "user agents:read tools:execute",
		RoleAdmin: "admin *", RoleOwner: "admin * billing users:manage",
	}
	for _, role := range Roles() {
		patterns, err := ParsePatterns(want[role])
		if err != nil || !slices.Equal(patterns, DefaultRoles()[role]) {
			t.Errorf("%s holds %v, want %v (%v)", role, DefaultRoles()[role], patterns, err)
		}
	}
	everything := []Scope{"user", "agents:read", "tools:execute", "anything:else", ScopeAdmin, ScopeBilling, ScopeUsersManage}
	for i, role := range Roles()[1:] {
		for _, scope := range everything {
			below := Roles()[i]
			if AnyMatches(DefaultRoles()[below], scope) && !AnyMatches(DefaultRoles()[role], scope) {
				t.Errorf("%s holds %s, but %s above it does not", below, scope, role)
			}
		}
	}
}

func TestACRSatisfies(t *testing.T) {
	const foreign ACR = "urn:example:gold"
	ranks := append([]ACR{""}, ACRs()...)
	for i, have := range ranks {
		for j, need := range ranks {
			if got := have.Satisfies(need); got != (i >= j) {
				t.Errorf("%q satisfies %q: %v", have, need, got)
			}
		}
		if have.Satisfies(foreign) {
			t.Errorf("%q satisfies a class that nobody knows", have)
		}
		if foreign.Satisfies(have) != (have == "") {
			t.Errorf("an unknown class satisfies %q: %v", have, foreign.Satisfies(have))
		}
	}
	if !foreign.Satisfies(foreign) {
		t.Error("a class does not satisfy itself")
	}
}

func FuzzACRSatisfies(f *testing.F) {
	f.Add("aal1", "aal2")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, have, need string) {
		known := slices.Contains(ACRs(), ACR(have)) && slices.Contains(ACRs(), ACR(need))
		if ACR(have).Satisfies(ACR(need)) && !known && need != "" && have != need {
			t.Errorf("%q satisfies %q", have, need)
		}
	})
}
