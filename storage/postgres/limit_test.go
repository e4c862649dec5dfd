package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// Of fifty who come at once, as many are added as the tenant has booked.
func TestLimits_FiftyAtOnce(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	tenant, other := w.Tenant("acme"), w.Tenant("beta")
	owner := w.User("ann", authz.RoleUser, storage.UnusablePassword, tenant)
	group := w.Group(tenant, "readers")
	w.Exec(`update platform.tenants set max_agents = 5, max_users = 4 where id = $1`, tenant)
	newcomers := make([]authz.UserID, 50)
	for i := range newcomers {
		newcomers[i] = w.User(fmt.Sprintf("u%d", i), authz.RoleUser, storage.UnusablePassword, other)
	}
	event := func(action string) storage.AuditEvent {
		return storage.AuditEvent{ID: authz.NewID[authz.AuditID](now), At: now, Actor: "host", Action: action, Tenant: tenant}
	}
	agents := rush(t, dsn, 50, storage.ErrLimit, func(s *postgres.Store, i int) error {
		return s.ForOperator().InsertClient(context.Background(), storage.Client{
			ID: authz.ClientID(fmt.Sprintf("agent-%d", i)), Tenant: tenant, Kind: storage.ClientAgent, Name: "Agent", Owner: owner,
			AuthMethod: storage.AuthMethodBasic, SecretHash: []byte("hash"), GrantTypes: []string{storage.GrantClientCredentials},
			Scopes: []authz.Pattern{"tools:execute"}, IDTokenAlg: "ES256", OpenTo: storage.OpenToNobody, CreatedAt: now,
		}, event("client.create"))
	})
	members := rush(t, dsn, 50, storage.ErrLimit, func(s *postgres.Store, i int) error {
		return s.ForOperator().InsertMemberships(context.Background(), []storage.Membership{{ID: authz.NewID[authz.MembershipID](now), CreatedAt: now, User: newcomers[i], Group: group, Tenant: tenant}}, event("group.add-member"))
	})
	if agents != 5 || members != 3 {
		t.Errorf("%d agents of 5 and %d members of the 3 that are free were added", agents, members)
	}
	var events int
	w.Get(`select count(*) from platform.audit_events where tenant_id = $1`, []any{tenant}, &events)
	if events != 8 {
		t.Errorf("%d events of 8 additions", events)
	}
}
