package directory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
)

func imports(names ...string) []directory.BulkLine {
	var lines []directory.BulkLine
	for i, name := range names {
		lines = append(lines, directory.BulkLine{Line: i + 2, New: directory.CreateUser{Username: name, Email: name + "@example.com", Role: authz.RoleUser}})
	}
	return lines
}

func named(names ...string) []directory.BulkLine {
	var lines []directory.BulkLine
	for i, name := range names {
		lines = append(lines, directory.BulkLine{Line: i + 1, User: name})
	}
	return lines
}

func (v *town) bulk(b directory.Bulk) directory.BulkResult {
	v.Helper()
	r, err := v.ChangeUsers(v.Context(), host, b)
	v.must(err)
	return r
}

// One line that cannot be had takes the others with it, and each refusal is told.
func TestChangeUsers_AllOrNone(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	state := func() string {
		return v.world.Text(`select * from platform.users`) + v.world.Text(`select * from platform.audit_events`) + v.world.Text(`select * from platform.user_group_memberships`)
	}
	before := state()
	lines := imports("bob", "BOB", "carl", "ann", "da vid")
	lines[2].New.Role = "emperor"
	r := v.bulk(directory.Bulk{Action: directory.BulkImport, Lines: lines})
	want := directory.BulkResult{Refused: []directory.BulkRefusal{
		{Line: 3, Field: "username", Problem: "is taken, perhaps in another case"},
		{Line: 4, Field: "role", Problem: r.Refused[1].Problem},
		{Line: 5, Field: "username", Problem: "is taken, perhaps in another case"},
		{Line: 6, Field: "username", Problem: r.Refused[3].Problem},
	}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if state() != before {
		t.Error("a refused bulk left something")
	}
	if r := v.bulk(directory.Bulk{Action: directory.BulkImport, Try: true, Lines: imports("bob", "carl")}); r.Changed != 2 || len(r.Refused) != 0 || state() != before {
		t.Errorf("trying: %+v, or it left something", r)
	}
}

// M8: a bulk writes one event for each user whom it changed, and what was done
// already is left alone when it is resumed.
func TestM8_ChangeUsers_OneEventEach(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	group := v.group("readers", "reports:read")
	events := func() (n int) { v.world.Get(`select count(*) from platform.audit_events`, nil, &n); return n }
	role, everybody := authz.RoleViewer, named("bob", "carl@example.com", "DORA")
	update := named("bob", "carl")
	for i := range update {
		update[i].UserChange = directory.UserChange{Role: &role}
	}
	for _, tt := range []struct {
		bulk               directory.Bulk
		changed, unchanged int
	}{
		{directory.Bulk{Action: directory.BulkImport, Lines: imports("bob", "carl")}, 2, 0},
		{directory.Bulk{Action: directory.BulkImport, Resume: true, Lines: imports("bob", "carl", "dora")}, 1, 2},
		{directory.Bulk{Action: directory.BulkUpdate, Lines: update}, 2, 0},
		{directory.Bulk{Action: directory.BulkUpdate, Lines: update}, 0, 2},
		{directory.Bulk{Action: directory.BulkAddToGroup, Group: group.ID, Lines: named("bob")}, 1, 0},
		{directory.Bulk{Action: directory.BulkAddToGroup, Group: group.ID, Resume: true, Lines: everybody}, 2, 1},
		{directory.Bulk{Action: directory.BulkDisable, Lines: everybody}, 3, 0},
		{directory.Bulk{Action: directory.BulkDisable, Lines: everybody}, 0, 3},
		{directory.Bulk{Action: directory.BulkEnable, Lines: named("bob", "ann")}, 1, 1},
		{directory.Bulk{Action: directory.BulkEnd, Lines: named("bob")}, 1, 0},
		{directory.Bulk{Action: directory.BulkDelete, Lines: named("bob")}, 1, 0},
		{directory.Bulk{Action: directory.BulkDelete, Resume: true, Lines: everybody}, 2, 1},
	} {
		before := events()
		r := v.bulk(tt.bulk)
		if r.Changed != tt.changed || r.Unchanged != tt.unchanged || len(r.Refused) != 0 {
			t.Errorf("%s: %+v; want %d changed and %d unchanged", tt.bulk.Action, r, tt.changed, tt.unchanged)
		}
		if n := events() - before; n != tt.changed {
			t.Errorf("%s wrote %d events for %d changes", tt.bulk.Action, n, tt.changed)
		}
	}
	if n, err := v.CountUsers(ctx, host, directory.UserFilter{}); err != nil || n != 1 {
		t.Errorf("%d users are left, %v", n, err)
	}
}

// M3: a bulk goes no further than its actor would one by one.
func TestM3_ChangeUsers(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	v.user("owner", authz.RoleOwner)
	manager := directory.Actor{Name: "manager", Scopes: authz.ScopeSet{"users:manage", "user"}}
	admin := imports("adam")
	admin[0].New.Role = authz.RoleAdmin
	for _, b := range []directory.Bulk{
		{Action: directory.BulkImport, Lines: admin},
		{Action: directory.BulkDelete, Lines: named("owner")},
		{Action: directory.BulkAddToGroup, Group: v.group("tools", "tools:execute").ID, Lines: named("ann")},
	} {
		r, err := v.ChangeUsers(t.Context(), manager, b)
		if err != nil || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Problem, "may not") {
			t.Errorf("%s: %+v, %v", b.Action, r, err)
		}
	}
}

// Two bulks at once that name the same people make each of them once.
func TestChangeUsers_AtOnce(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("person%d", i))
	}
	results := make(chan directory.BulkResult, 4)
	for range cap(results) {
		go func() {
			r, err := v.ChangeUsers(t.Context(), host, directory.Bulk{Action: directory.BulkImport, Lines: imports(names...)})
			if err != nil {
				t.Error(err)
			}
			results <- r
		}()
	}
	changed := 0
	for range cap(results) {
		changed += (<-results).Changed
	}
	if changed != len(names) {
		t.Errorf("%d were made, want each of %d once", changed, len(names))
	}
}

// The limit of a tenant holds for a whole import: for what its parts name, whichever way
// they name the tenant, and for what the parts before it named.
func TestChangeUsers_LimitOfTheWhole(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	small, err := v.CreateTenant(t.Context(), host, directory.CreateTenant{Slug: "small", MaxUsers: pointer(3)})
	v.must(err)
	part := func(try bool, ahead map[string]int, tenants ...string) directory.BulkResult {
		t.Helper()
		names := []string{"ida", "jim", "kim", "leo"}[:len(tenants)]
		lines := imports(names...)
		for i, tenant := range tenants {
			lines[i].New.Tenant = tenant
		}
		return v.bulk(directory.Bulk{Action: directory.BulkImport, Try: try, Ahead: ahead, Lines: lines})
	}
	full := func(lines ...int) (refused []directory.BulkRefusal) {
		for _, line := range lines {
			refused = append(refused, directory.BulkRefusal{Line: line, Field: "tenant", Problem: "has no room: its max_users is 3"})
		}
		return refused
	}
	first := part(true, nil, "small", "acme", "small")
	if diff := cmp.Diff(directory.BulkResult{Changed: 3, Ahead: map[string]int{"small": 2}}, first); diff != "" {
		t.Errorf("the first part: -want +got\n%s", diff)
	}
	if second := part(true, first.Ahead, "small", "acme", "small"); !cmp.Equal(second.Refused, full(4)) {
		t.Errorf("the second part: %+v", second)
	}
	if r := part(false, nil, "small", small.ID.String(), "small", small.ID.String()); !cmp.Equal(r.Refused, full(5)) {
		t.Errorf("under two names: %+v", r)
	}
	if r := part(false, nil, "small", small.ID.String(), "small"); r.Changed != 3 || len(r.Refused) != 0 {
		t.Errorf("as many as there is room for: %+v", r)
	}
	g, err := v.CreateGroup(t.Context(), host, directory.CreateGroup{Tenant: small.ID, Name: "crew"})
	v.must(err)
	if r := v.bulk(directory.Bulk{Action: directory.BulkAddToGroup, Group: g.ID, Lines: named("ann")}); !cmp.Equal(r.Refused, full(1)) {
		t.Errorf("into a group of a tenant that is full: %+v", r)
	}
}
