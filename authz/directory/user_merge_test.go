package directory_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// duplicates is one person twice: source and target share a group and a consent.
func duplicates(v *town) (source, target storage.User) {
	v.Helper()
	ctx := v.Context()
	source, target = v.user("sam", authz.RoleUser), v.user("samuel", authz.RoleUser)
	other := v.world.Tenant("other")
	v.world.Join(source.ID, other, v.world.Group(other, "writers", "reports:write"))
	shared := v.group("shared", "tools:execute")
	v.must(errors.Join(v.AddMember(ctx, host, shared.ID, source.ID), v.AddMember(ctx, host, shared.ID, target.ID)))
	v.must(v.GrantUserScope(ctx, host, source.ID, v.acme.ID, "reports:read"))
	v.must(v.GrantUserScope(ctx, host, source.ID, authz.TenantID{}, "tools:execute"))
	v.must(v.GrantUserScope(ctx, host, target.ID, authz.TenantID{}, "tools:execute"))
	for _, id := range []string{"one", "two"} {
		v.world.Client(storage.Client{ID: authz.ClientID(id), Kind: storage.ClientAgent, Owner: source.ID, Scopes: []authz.Pattern{"openid"}})
		v.world.Exec(`insert into platform.consents (user_id, client_id, tenant_id, scopes, granted_at) values ($1, $2, $3, '{openid}', now())`, source.ID, id, v.acme.ID)
	}
	v.world.Exec(`insert into platform.consents (user_id, client_id, tenant_id, scopes, granted_at) values ($1, 'one', $2, '{openid,email}', now())`, target.ID, v.acme.ID)
	v.world.Exec(`insert into platform.webauthn_users (user_id, handle) select id, sha512(id::text::bytea) from platform.users where id in ($1, $2)`, source.ID, target.ID)
	v.world.Exec(`insert into platform.webauthn_credentials (id, user_id, credential_id, public_key, name, aaguid, sign_count, backup_eligible, backed_up, created_at)
		values (gen_random_uuid(), $1, sha256('passkey'), '', 'key', gen_random_uuid(), 0, false, false, now())`, source.ID)
	v.world.Exec(`insert into platform.totp_secrets (user_id, secret_sealed, last_step, created_at) values ($1, 'a', 0, now()), ($2, 'b', 0, now())`, source.ID, target.ID)
	v.world.Exec(`update platform.users set phone = '+49301', phone_verified = true, address = '{"country":"Norway"}' where id = $1`, source.ID)
	v.world.Exec(`update platform.users set address = '{"country":"Japan"}' where id = $1`, target.ID)
	v.session(source.ID)
	return source, target
}

func TestMergeUsers(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	source, target := duplicates(v)
	want := directory.Merge{
		Moved: map[string]int{"memberships": 1, "scopes": 1, "consents": 1, "clients": 2, "passkeys": 1, "telephone numbers": 1},
		Kept:  map[string]int{"memberships": 2, "scopes": 1, "consents": 1, "authenticator apps": 1, "addresses": 1},
		Ended: map[string]int{"sessions": 1, "grants": 1},
	}
	everything := func() string {
		return v.world.Text(`select to_jsonb(x) from platform.users x`) + v.world.Text(`select * from platform.user_group_memberships`) +
			v.world.Text(`select * from platform.audit_events`) + v.world.Text(`select * from platform.revoked_tokens`)
	}
	before := everything()
	foreseen, err := v.MergeUsers(ctx, host, source.ID, target.ID, true)
	if diff := cmp.Diff(want, foreseen); diff != "" || err != nil {
		t.Errorf("what a merge would do: %v (-want +got)\n%s", err, diff)
	}
	if everything() != before {
		t.Error("looking at a merge changed something")
	}
	sourceHandle := v.world.Text(`select handle from platform.webauthn_users where user_id = $1`, source.ID)
	done, err := v.MergeUsers(ctx, host, source.ID, target.ID, false)
	if diff := cmp.Diff(want, done); diff != "" || err != nil {
		t.Fatalf("what the merge did: %v (-want +got)\n%s", err, diff)
	}

	p, err := v.Person(ctx, host, target.ID)
	if err != nil || p.Username != "samuel" || len(p.Tenants) != 2 || len(p.Rights.Groups) != 3 || len(p.Rights.Extra) != 2 {
		t.Errorf("the target: %+v, %v", p, err)
	}
	if p.Phone != "+49301" || !p.PhoneVerified || p.Address != (storage.Address{Country: "Japan"}) {
		t.Errorf("the target is reached by %q, verified %v, and at %v", p.Phone, p.PhoneVerified, p.Address)
	}
	if _, err := v.User(ctx, host, source.ID.String()); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the source is there yet: %v", err)
	}
	if scopes := v.world.Text(`select scopes from platform.consents where client_id = 'one'`); scopes != "(\"{openid,email}\")" {
		t.Errorf("the target's consent became %s", scopes)
	}
	// The authenticator names the handle that the passkey was registered under.
	if handle := v.world.Text(`select handle from platform.webauthn_users where user_id = $1`, target.ID); handle != sourceHandle {
		t.Error("the passkey moved without its user handle")
	}
	var dead int
	v.world.Get(`select count(*) from platform.revoked_tokens where user_id is null`, nil, &dead)
	if dead != 2 {
		t.Errorf("%d ids of the source are in the ledger, want its session and its grant", dead)
	}
	if into, err := v.MergedInto(ctx, host, target.ID); err != nil || len(into) != 1 || into[0] != source.ID {
		t.Errorf("MergedInto = %v, %v", into, err)
	}
	if n := v.world.Text(`select action from platform.audit_events where object_id = $1`, source.ID.String()); n == "" {
		t.Error("the source's history is gone")
	}
}

// C13: an id that was merged away is nobody's again, and leads to where it went.
func TestC13_MergedIDIsNeverUsedAgain(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	one, two, three := v.user("one", authz.RoleUser), v.user("two", authz.RoleUser), v.user("three", authz.RoleUser)
	for _, pair := range [][2]storage.User{{one, two}, {two, three}} {
		if _, err := v.MergeUsers(ctx, host, pair[0].ID, pair[1].ID, false); err != nil {
			t.Fatal(err)
		}
	}
	if into, err := v.MergedInto(ctx, host, three.ID); err != nil || len(into) != 2 {
		t.Errorf("merged into the last: %v, %v", into, err)
	}
	if again := v.user("one", authz.RoleUser); again.ID == one.ID {
		t.Error("the id was given again")
	}
	if _, err := v.MergeUsers(ctx, host, one.ID, three.ID, false); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("merging who is gone: %v", err)
	}
}

// M3: a merge gives nobody what the one who merges does not hold.
func TestM3_MergeIsNoWayUp(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	owner, bob := v.user("owner", authz.RoleOwner), v.user("bob", authz.RoleUser)
	v.must(v.AddMember(ctx, host, v.group("tools", "tools:execute").ID, bob.ID))
	me := v.user("me", authz.RoleUser)
	manager := directory.Actor{Name: "me", User: me.ID, Scopes: authz.ScopeSet{"users:manage", "user"}}
	for name, tt := range map[string]struct {
		source, target storage.User
		want           error
	}{
		"an owner away":               {owner, v.ann, directory.ErrForbidden},
		"somebody into an owner":      {v.ann, owner, directory.ErrForbidden},
		"a group's scope to oneself":  {bob, me, directory.ErrForbidden},
		"somebody with nothing":       {v.ann, me, nil},
		"into themselves":             {bob, bob, &directory.InvalidError{}},
		"oneself away, and the token": {me, bob, &directory.InvalidError{}},
	} {
		_, err := v.MergeUsers(ctx, manager, tt.source.ID, tt.target.ID, true)
		var wrong *directory.InvalidError
		if invalid, isWrong := tt.want.(*directory.InvalidError); isWrong && invalid != nil {
			if !errors.As(err, &wrong) {
				t.Errorf("%s: %v", name, err)
			}
		} else if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v; want %v", name, err, tt.want)
		}
	}
	if _, err := v.MergeUsers(ctx, host, owner.ID, v.ann.ID, false); !errors.Is(err, directory.ErrLastOwner) {
		t.Errorf("merging the last owner away: %v", err)
	}
}

// The history of a user is also that of everybody who was merged into them, in pages.
func TestAudit_AcrossMerges(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	first, second, third, bystander := v.user("first", authz.RoleUser), v.user("second", authz.RoleUser), v.user("third", authz.RoleUser), v.user("bystander", authz.RoleUser)
	as := func(u storage.User) directory.Actor {
		return directory.Actor{Name: u.Username, User: u.ID, Scopes: authz.ScopeSet{authz.ScopeAdmin}}
	}
	v.must(v.DisableUser(ctx, host, first.ID))
	g, err := v.CreateGroup(ctx, as(first), directory.CreateGroup{Tenant: v.acme.ID, Name: "by the first"})
	v.must(err)
	v.must(v.AddMember(ctx, host, g.ID, first.ID))
	v.must(v.RemoveMember(ctx, host, g.ID, first.ID))
	v.must(v.EnableUser(ctx, as(second), bystander.ID))
	_, err = v.MergeUsers(ctx, host, first.ID, second.ID, false)
	v.must(err)
	_, err = v.MergeUsers(ctx, host, second.ID, third.ID, false)
	v.must(err)

	// The latest first; the merge is an event about the one who stays.
	want := []string{"user.merge", "user.merge", "user.enable", "group.remove-member", "group.add-member", "group.create", "user.disable", "user.create", "user.create", "user.create"}
	slices.Sort(want)
	for _, limit := range []int{1, 3, 500} {
		var got []string
		seen := map[authz.AuditID]bool{}
		for p := (directory.Paging{Limit: limit}); ; {
			page, err := v.Audit(ctx, host, directory.AuditFilter{User: third.ID, Paging: p})
			v.must(err)
			for _, e := range page.Items {
				if got = append(got, e.Action); seen[e.ID] {
					t.Errorf("%s stands there twice", e.Action)
				}
				seen[e.ID] = true
			}
			if p.Cursor = page.Next; p.Cursor == "" {
				break
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d at a time: -want +got\n%s", limit, diff)
		}
	}
	for name, tt := range map[string]struct {
		filter directory.AuditFilter
		want   int
	}{
		"of one action":                 {directory.AuditFilter{User: third.ID, Action: "user.create"}, 3},
		"of one who is gone, by id":     {directory.AuditFilter{User: first.ID}, 5},
		"of a user whom nobody touched": {directory.AuditFilter{User: v.ann.ID}, 1},
		"of a user, in a tenant":        {directory.AuditFilter{User: third.ID, Tenant: "acme", Action: "group.*"}, 3},
		"of a user, by another":         {directory.AuditFilter{User: third.ID, ActorID: first.ID}, 1},
		"of a user who was never there": {directory.AuditFilter{User: anID[authz.UserID]()}, 0},
	} {
		page, err := v.Audit(ctx, host, tt.filter)
		if err != nil || len(page.Items) != tt.want {
			t.Errorf("%s: %d events, %v; want %d", name, len(page.Items), err, tt.want)
		}
	}
}
