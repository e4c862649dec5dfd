package main

import (
	"fmt"
	"slices"
	"testing"
)

// What narrows a list, and what continues it, arrives where the list is read.
func TestLists_FiltersAndParts(t *testing.T) {
	t.Parallel()
	h, _ := deployment(t)
	h.must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com")
	agent := h.document("admin", "clients", "create", "--name", "Helper", "--kind", "agent", "--owner", "ann")["client_id"]
	service := h.document("admin", "clients", "create", "--name", "Service", "--kind", "service")["client_id"]
	h.must("admin", "clients", "disable", fmt.Sprint(service))
	for _, tt := range []struct {
		want any
		args []string
	}{
		{agent, []string{"--kind", "agent"}}, {agent, []string{"--owner", "ann"}}, {agent, []string{"--status", "active"}},
		{service, []string{"--status", "disabled", "--tenant", "default"}},
	} {
		if got := items(h.document(append([]string{"admin", "clients", "list"}, tt.args...)...), "client_id"); !slices.Equal(got, []string{fmt.Sprint(tt.want)}) {
			t.Errorf("%v: %v, want %v", tt.args, got, tt.want)
		}
	}
	h.fails(exitFailure, "kind", "admin", "clients", "list", "--kind", "teapot")
	h.fails(exitFailure, "user: does not exist", "admin", "clients", "list", "--owner", "nobody")

	for _, name := range []string{"one", "two", "three"} {
		h.must("admin", "groups", "create", "--name", name)
		h.must("admin", "projects", "create", name)
	}
	for list, want := range map[string][]string{"groups": {"members", "one", "two", "three"}, "projects": {"one", "two", "three"}} {
		var got []string
		for after := ""; ; {
			d := h.document("admin", list, "list", "--limit", "2", "--after", after)
			got = append(got, items(d, "name")...)
			next, more := d["next"].(string)
			if !more {
				break
			}
			after = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", list, got, want)
		}
	}
}
