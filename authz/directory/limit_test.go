package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// atOnce tries to add fifty things of which there is room for three: three are there
// in the end, and everybody else is told which limit is reached.
func atOnce(t *testing.T, limit, most string, add func(ctx context.Context, i int) error) {
	t.Helper()
	var added atomic.Int64
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			err := add(context.WithoutCancel(t.Context()), i)
			for errors.Is(err, storage.ErrUnavailable) { // too many wait for a connection: it is tried again, as a 503 asks for
				err = add(context.WithoutCancel(t.Context()), i)
			}
			var reached *storage.LimitError
			switch {
			case err == nil:
				added.Add(1)
			case !errors.As(err, &reached) || reached.Limit != limit || reached.Most != most || !errors.Is(err, storage.ErrLimit):
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	group.Wait()
	if added.Load() != 3 {
		t.Errorf("%d were added, want 3", added.Load())
	}
}

func TestMaxUsers_FiftyAtOnce(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	small, err := v.CreateTenant(t.Context(), host, directory.CreateTenant{Slug: "small", MaxUsers: pointer(3)})
	v.must(err)
	atOnce(t, "max_users", "3", func(ctx context.Context, i int) error {
		name := fmt.Sprintf("guest%d", i)
		_, err := v.CreateUser(ctx, host, directory.CreateUser{Username: name, Email: name + "@example.com", Tenant: "small"})
		return err
	})
	members, err := v.CountUsers(t.Context(), host, directory.UserFilter{Tenant: "small"})
	if err != nil || members != 3 {
		t.Errorf("%d members, %v", members, err)
	}
	// Who was refused left nothing behind.
	if all, err := v.CountUsers(t.Context(), host, directory.UserFilter{Search: "guest"}); err != nil || all != 3 {
		t.Errorf("%d accounts, %v", all, err)
	}
	// A member may join more of its groups; a fourth user may join none.
	g, err := v.CreateGroup(t.Context(), host, directory.CreateGroup{Tenant: small.ID, Name: "more"})
	v.must(err)
	page, err := v.Users(t.Context(), host, directory.UserFilter{Tenant: "small"})
	v.must(err)
	v.must(v.AddMember(t.Context(), host, g.ID, page.Items[0].ID))
	if err := v.AddMember(t.Context(), host, g.ID, v.ann.ID); !errors.Is(err, storage.ErrLimit) {
		t.Errorf("a fourth: %v", err)
	}
	// With more booked there is room again.
	_, err = v.UpdateTenant(t.Context(), host, small.ID, directory.TenantChange{MaxUsers: pointer(4)})
	v.must(err)
	_, err = v.CreateUser(t.Context(), host, directory.CreateUser{Username: "late", Email: "late@example.com", Tenant: "small"})
	v.must(err)
	_, err = v.UpdateTenant(t.Context(), host, small.ID, directory.TenantChange{MaxUsers: pointer(-1)})
	v.must(err)
	_, err = v.CreateUser(t.Context(), host, directory.CreateUser{Username: "later", Email: "later@example.com", Tenant: "small"})
	v.must(err)
}

func TestMaxAgents_FiftyAtOnce(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	_, err := v.UpdateTenant(t.Context(), host, v.acme.ID, directory.TenantChange{MaxAgents: pointer(3)})
	v.must(err)
	agent := func(ctx context.Context, i int) error {
		_, _, err := v.CreateClient(ctx, host, directory.CreateClient{
			ID: authz.ClientID(fmt.Sprintf("agent-%d", i)), Name: "Agent", Kind: storage.ClientAgent, Owner: v.ann.ID, Tenant: "acme",
		})
		return err
	}
	atOnce(t, "max_agents", "3", agent)
	// Another kind of client is none, and an agent that is gone makes room.
	_, _, err = v.CreateClient(t.Context(), host, directory.CreateClient{Name: "Service", Kind: storage.ClientService, Tenant: "acme"})
	v.must(err)
	clients, err := v.Clients(t.Context(), host, directory.ClientFilter{})
	v.must(err)
	for _, c := range clients.Items {
		if c.Kind == storage.ClientAgent {
			v.must(v.DeleteClient(t.Context(), host, c.ID, nil))
			break
		}
	}
	v.must(agent(t.Context(), 99))
}

// A gigabyte is full but for three pictures when fifty are uploaded at once.
func TestStorageQuota_FiftyAtOnce(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	_, err := v.UpdateTenant(t.Context(), host, v.acme.ID, directory.TenantChange{StorageQuotaGB: pointer(1)})
	v.must(err)
	const fillers = 64
	var names []string
	for i := range 50 + fillers {
		names = append(names, fmt.Sprintf("person%d", i))
	}
	v.bulk(directory.Bulk{Action: directory.BulkImport, Lines: imports(names...)})
	page, err := v.Users(t.Context(), host, directory.UserFilter{Search: "person", Paging: directory.Paging{Limit: 500}})
	v.must(err)
	people, holders := page.Items[:50], page.Items[50:]

	good := picture(t, "jpeg", 300, 300)
	upload := func(ctx context.Context, u storage.User) error {
		_, err := v.SetAvatar(ctx, directory.Actor{Name: u.Username, User: u.ID}, v.acme.ID, good)
		return err
	}
	v.must(upload(t.Context(), people[0]))
	var size int
	v.world.Get(`select octet_length(content) from platform.files`, nil, &size)
	_, err = v.RemoveAvatar(t.Context(), host, people[0].ID)
	v.must(err)
	// What counts is what a file holds; on this disk it need not be as much.
	v.world.Exec(`alter table platform.files alter column content set storage extended`)
	const part = 1 << 30 / fillers
	fill := `insert into platform.files (id, user_id, tenant_id, purpose, media_type, created_at, content) select $1, $1, $2, 'avatar', 'image/png', now(), `
	for i, u := range holders {
		switch i {
		case 0:
			v.world.Exec(fill+`repeat('x', $3)::bytea`, u.ID, v.acme.ID, part-3*size-size/2)
		case 1:
			v.world.Exec(fill+`repeat('x', $3)::bytea`, u.ID, v.acme.ID, part)
		default:
			v.world.Exec(fill+`content from platform.files where user_id = $3`, u.ID, v.acme.ID, holders[1].ID)
		}
	}

	atOnce(t, "storage_quota_gb", "1", func(ctx context.Context, i int) error { return upload(ctx, people[i]) })
	var kept, shown int
	v.world.Get(`select count(*) from platform.files where octet_length(content) = $1`, []any{size}, &kept)
	v.world.Get(`select count(*) from platform.users where avatar_url <> ''`, nil, &shown)
	if kept != 3 || shown != 3 {
		t.Errorf("%d pictures are kept, and %d users have one; want 3", kept, shown)
	}
	// Whoever has one may have another in its place, and one that is gone makes room.
	have := v.world.Text(`select user_id from platform.files`)
	holds := func(u storage.User) bool { return strings.Contains(have, u.ID.String()) }
	holder := people[slices.IndexFunc(people, holds)]
	other := people[slices.IndexFunc(people, func(u storage.User) bool { return !holds(u) })]
	v.must(upload(t.Context(), holder))
	_, err = v.RemoveAvatar(t.Context(), host, holder.ID)
	v.must(err)
	v.must(upload(t.Context(), other))
}

// Deleting a tenant ends what counted in it, and leaves its people their accounts.
func TestDeleteTenant(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	session, grant := v.session(v.ann.ID)
	for _, wrong := range []string{"", "Acme", "beta"} {
		var refused *directory.InvalidError
		if err := v.DeleteTenant(t.Context(), host, v.acme.ID, wrong, nil); !errors.As(err, &refused) || refused.Field != "confirm" {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	v.must(v.DeleteTenant(t.Context(), host, v.acme.ID, "acme", nil))
	for what, id := range map[string]string{"sid": session.TokenJTI.String(), "grant": grant.ID.String()} {
		if standing, err := v.store.Standing(t.Context(), []string{id}, v.ann.ID); err != nil || !standing.Dead {
			t.Errorf("the %s is dead: %v, %v", what, standing.Dead, err)
		}
	}
	if _, err := v.User(t.Context(), host, v.ann.Username); err != nil {
		t.Errorf("the account is gone too: %v", err)
	}
	if _, err := v.Tenant(t.Context(), host, "acme"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the tenant is there: %v", err)
	}
}
