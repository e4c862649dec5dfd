package directory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// atOnce tries to add fifty things that a tenant has booked three of: three are
// there in the end, and everybody else is told which limit is reached.
func atOnce(t *testing.T, limit string, add func(ctx context.Context, i int) error) {
	t.Helper()
	var added atomic.Int64
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			err := add(context.WithoutCancel(t.Context()), i)
			var reached *storage.LimitError
			switch {
			case err == nil:
				added.Add(1)
			case !errors.As(err, &reached) || reached.Limit != limit || reached.Most != "3" || !errors.Is(err, storage.ErrLimit):
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
	atOnce(t, "max_users", func(ctx context.Context, i int) error {
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
	atOnce(t, "max_agents", agent)
	// Another kind of client is none, and an agent that is gone makes room.
	_, _, err = v.CreateClient(t.Context(), host, directory.CreateClient{Name: "Service", Kind: storage.ClientService, Tenant: "acme"})
	v.must(err)
	clients, err := v.Clients(t.Context(), host, directory.Paging{})
	v.must(err)
	for _, c := range clients.Items {
		if c.Kind == storage.ClientAgent {
			v.must(v.DeleteClient(t.Context(), host, c.ID))
			break
		}
	}
	v.must(agent(t.Context(), 99))
}

// Deleting a tenant ends what counted in it, and leaves its people their accounts.
func TestDeleteTenant(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	session, grant := v.session(v.ann.ID)
	for _, wrong := range []string{"", "Acme", "beta"} {
		var refused *directory.InvalidError
		if err := v.DeleteTenant(t.Context(), host, v.acme.ID, wrong); !errors.As(err, &refused) || refused.Field != "confirm" {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	v.must(v.DeleteTenant(t.Context(), host, v.acme.ID, "acme"))
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
