package directory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
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

// A bulk of changes is judged before it writes: by the names that others have and that
// the lines before give away, by who was named before, and by who would own the house.
func TestChangeUsers_Judged(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	v.bulk(directory.Bulk{Action: directory.BulkImport, Lines: imports("bob", "carl", "dora")})
	v.user("olga", authz.RoleOwner)
	v.user("otto", authz.RoleOwner)
	renamed := func(user, username, email string) directory.BulkLine {
		l := directory.BulkLine{User: user}
		if username != "" {
			l.Username = &username
		}
		if email != "" {
			l.Email = &email
		}
		return l
	}
	viewer, disabled := authz.RoleViewer, true
	demoted, out := directory.UserChange{Role: &viewer}, directory.UserChange{Disabled: &disabled}
	for name, tt := range map[string]struct {
		action  directory.BulkAction
		lines   []directory.BulkLine
		problem string
	}{
		"a name that is taken":       {directory.BulkUpdate, []directory.BulkLine{renamed("bob", "CARL", "")}, "is taken, perhaps in another case"},
		"a name given twice":         {directory.BulkUpdate, []directory.BulkLine{renamed("bob", "Eve", ""), renamed("carl", "eve", "")}, "is taken, perhaps in another case"},
		"an address that is taken":   {directory.BulkUpdate, []directory.BulkLine{renamed("bob", "", "Carl@example.com")}, "is taken, perhaps in another case"},
		"a role there is not":        {directory.BulkUpdate, []directory.BulkLine{{User: "bob", UserChange: directory.UserChange{Role: new(authz.Role)}}}, `unknown role "" (expected viewer, user, admin or owner)`},
		"one user under two names":   {directory.BulkUpdate, []directory.BulkLine{renamed("bob", "rob", ""), renamed("bob@example.com", "rod", "")}, "is changed by line 1 already"},
		"nobody":                     {directory.BulkDisable, named("carl", "nobody"), `"nobody" does not exist`},
		"a zero byte":                {directory.BulkDisable, named("carl", "bo\x00b"), `"bo\x00b" does not exist`},
		"whom a line before deleted": {directory.BulkDelete, named("bob", "bob@example.com"), `"bob@example.com" does not exist`},
		"the last owner demoted":     {directory.BulkUpdate, []directory.BulkLine{{User: "olga", UserChange: demoted}, {User: "otto", UserChange: out}}, "this is the last owner: make another user an owner first"},
		"the last owner disabled":    {directory.BulkDisable, named("olga", "otto"), "this is the last owner: make another user an owner first"},
		"the last owner deleted":     {directory.BulkDelete, named("otto", "olga"), "this is the last owner: make another user an owner first"},
	} {
		for i := range tt.lines {
			tt.lines[i].Line = i + 1
		}
		before := v.world.Text(`select * from platform.users`) + v.world.Text(`select * from platform.audit_events`)
		r := v.bulk(directory.Bulk{Action: tt.action, Lines: tt.lines})
		if len(r.Refused) != 1 || r.Refused[0].Line != len(tt.lines) || r.Refused[0].Problem != tt.problem {
			t.Errorf("%s: %+v", name, r)
		}
		if v.world.Text(`select * from platform.users`)+v.world.Text(`select * from platform.audit_events`) != before {
			t.Errorf("%s left something", name)
		}
	}
	// Another case of one's own name is nobody else's, and an owner may go once there is another.
	owner := authz.RoleOwner
	if r := v.bulk(directory.Bulk{Action: directory.BulkUpdate, Lines: []directory.BulkLine{
		renamed("bob", "Bob", "BOB@example.com"), {User: "carl", UserChange: directory.UserChange{Role: &owner}},
		{User: "olga", UserChange: demoted}, {User: "otto", UserChange: out},
	}}); r.Changed != 4 || len(r.Refused) != 0 {
		t.Errorf("what may be: %+v", r)
	}
}

// What a bulk changes is as if each were changed alone: rights are older than now, sessions are
// ended, and each event says what was before and what is.
func TestChangeUsers_AsOneByOne(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	role, disabled := authz.RoleViewer, true
	// What a change leaves, the ids and instants of each run aside.
	left := func(user storage.User, do func(name string)) string {
		v.session(user.ID)
		v.clock = v.clock.Add(time.Minute)
		do(user.Username)
		return v.world.Text(`select u.role, u.disabled_at is null, u.authz_changed_at > u.created_at,
				(select count(*) from platform.user_sessions s where s.user_id = u.id and s.revoked_at is null),
				(select count(*) from platform.revoked_tokens r where r.user_id = u.id),
				(select array_agg(r.reason) from platform.revoked_tokens r where r.user_id = u.id)
			from (select $1::uuid as id) x left join platform.users u on u.id = x.id`, user.ID) +
			v.world.Text(`select e.action, e.actor, e.object_kind, e.tenant_id, e.ip_address,
				e.before - '{id,username,email,created_at,authz_changed_at,user_id}'::text[], e.after - '{id,username,email,created_at,authz_changed_at,disabled_at,user_id}'::text[]
			from platform.audit_events e where e.object_id = $1 or e.after ->> 'user_id' = $1 and e.object_kind = 'membership' order by e.id`, user.ID.String())
	}
	group := v.group("readers", "reports:read")
	for i, tt := range []struct {
		bulk directory.Bulk
		line directory.BulkLine
		one  func(authz.UserID) error
	}{
		{directory.Bulk{Action: directory.BulkUpdate}, directory.BulkLine{UserChange: directory.UserChange{Role: &role}}, func(id authz.UserID) error {
			_, err := v.UpdateUser(ctx, host, id, directory.UserChange{Role: &role})
			return err
		}},
		{directory.Bulk{Action: directory.BulkUpdate}, directory.BulkLine{UserChange: directory.UserChange{Disabled: &disabled}}, func(id authz.UserID) error {
			_, err := v.UpdateUser(ctx, host, id, directory.UserChange{Disabled: &disabled})
			return err
		}},
		{directory.Bulk{Action: directory.BulkDisable}, directory.BulkLine{}, func(id authz.UserID) error { return v.DisableUser(ctx, host, id) }},
		{directory.Bulk{Action: directory.BulkDelete}, directory.BulkLine{}, func(id authz.UserID) error { return v.DeleteUser(ctx, host, id, nil) }},
		{directory.Bulk{Action: directory.BulkAddToGroup, Group: group.ID}, directory.BulkLine{}, func(id authz.UserID) error { return v.AddMember(ctx, host, group.ID, id) }},
		{directory.Bulk{Action: directory.BulkEnd}, directory.BulkLine{}, func(id authz.UserID) error {
			_, err := v.RevokeAllSessions(ctx, host, id)
			return err
		}},
	} {
		first, second := v.user(fmt.Sprintf("first%d", i), authz.RoleUser), v.user(fmt.Sprintf("second%d", i), authz.RoleUser)
		alone := left(first, func(string) { v.must(tt.one(first.ID)) })
		inBulk := left(second, func(name string) {
			tt.line.User = name
			tt.bulk.Lines = []directory.BulkLine{tt.line}
			if r := v.bulk(tt.bulk); r.Changed != 1 {
				t.Errorf("%s: %+v", tt.bulk.Action, r)
			}
		})
		if diff := cmp.Diff(alone, inBulk); diff != "" {
			t.Errorf("%s: -alone +in bulk\n%s", tt.bulk.Action, diff)
		}
	}
}
