package storagetest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// World puts rows into a test's database past every door, as its superuser: what
// was there before the test begins.
type World struct {
	t    testing.TB
	conn *pgx.Conn
	// told are those who have learned of a change before the test goes on.
	told []*postgres.Store
}

// Tell makes the store learn of each change that this world makes, before the test
// goes on.
func (w *World) Tell(s *postgres.Store) { w.told = append(w.told, s) }

// NewWorld opens the database of a connection string.
func NewWorld(t testing.TB, dsn string) *World {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &World{t: t, conn: conn}
}

// Exec runs a statement that must succeed.
func (w *World) Exec(statement string, args ...any) {
	w.t.Helper()
	if _, err := w.conn.Exec(context.Background(), statement, args...); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
	for _, s := range w.told {
		s.CatchUp(context.Background())
	}
}

// Get reads one row into the targets.
func (w *World) Get(statement string, args []any, into ...any) {
	w.t.Helper()
	if err := w.conn.QueryRow(context.Background(), statement, args...).Scan(into...); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

// Text is everything that one statement selects, as text: for looking for what
// must not be there.
func (w *World) Text(statement string, args ...any) string {
	w.t.Helper()
	var text *string
	w.Get(`select string_agg(x::text, E'\n') from (`+statement+`) x`, args, &text)
	if text == nil {
		return ""
	}
	return *text
}

// Tenant adds a tenant and the group of its members.
func (w *World) Tenant(slug string) authz.TenantID {
	w.t.Helper()
	id := authz.NewID[authz.TenantID](time.Now())
	w.Exec(`insert into platform.tenants (id, slug, name, created_at) values ($1, $2, $2, now())`, id, slug)
	w.Group(id, storage.MembersGroup)
	return id
}

// Group adds a group of a tenant.
func (w *World) Group(tenant authz.TenantID, name string, scopes ...string) authz.GroupID {
	w.t.Helper()
	id := authz.NewID[authz.GroupID](time.Now())
	w.Exec(`insert into platform.user_groups (id, tenant_id, name, scopes, created_at) values ($1, $2, $3, coalesce($4::text[], '{}'), now())`, id, tenant, name, scopes)
	return id
}

// User adds a user with a password hash, a member of each tenant.
func (w *World) User(username string, role authz.Role, hash string, tenants ...authz.TenantID) authz.UserID {
	w.t.Helper()
	id := authz.NewID[authz.UserID](time.Now())
	email := username + "@example.com"
	w.Exec(`insert into platform.users (id, username, username_folded, email, email_folded, password_hash, role, created_at, authz_changed_at)
		values ($1, $2, $3, $4, $5, $6, $7, now(), now() - interval '1 hour')`,
		id, username, storage.FoldIdentifier(username), email, storage.FoldIdentifier(email), hash, role)
	for i, tenant := range tenants {
		w.Exec(`insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at)
			select $1, $2, $3, id, now() from platform.user_groups where tenant_id = $2 and name = $4`,
			authz.NewID[authz.MembershipID](time.Now()), tenant, id, storage.MembersGroup)
		if i == 0 {
			w.Exec(`insert into platform.user_preferences (user_id, default_tenant_id) values ($1, $2)`, id, tenant)
		}
	}
	return id
}

// Join makes a user a member of a group.
func (w *World) Join(user authz.UserID, tenant authz.TenantID, group authz.GroupID) {
	w.t.Helper()
	w.Exec(`insert into platform.user_group_memberships (id, tenant_id, user_id, user_group_id, created_at) values ($1, $2, $3, $4, now())`,
		authz.NewID[authz.MembershipID](time.Now()), tenant, user, group)
}

// Client adds a client; what is left zero gets a value that works.
func (w *World) Client(c storage.Client) storage.Client {
	w.t.Helper()
	if c.Kind == "" {
		c.Kind = storage.ClientWeb
	}
	if c.Name == "" {
		c.Name = "Client " + string(c.ID)
	}
	if c.AuthMethod == "" {
		c.AuthMethod = storage.AuthMethodBasic
	}
	if c.GrantTypes == nil {
		c.GrantTypes = []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken}
	}
	if c.IDTokenAlg == "" {
		c.IDTokenAlg = "ES256"
	}
	if c.OpenTo == "" {
		switch {
		case c.Kind == storage.ClientService, c.Kind == storage.ClientAgent:
			c.OpenTo = storage.OpenToNobody
		case c.Tenant.IsZero():
			c.OpenTo = storage.OpenToEveryone
		default:
			c.OpenTo = storage.OpenToTenant
		}
	}
	scopes := make([]string, len(c.Scopes))
	for i, s := range c.Scopes {
		scopes[i] = string(s)
	}
	var jwks any
	if c.JWKS != nil {
		jwks = string(c.JWKS)
	}
	w.Exec(`insert into platform.clients (id, tenant_id, kind, name, owner_id, auth_method, secret_hash, jwks, grant_types, scopes, redirect_uris,
			post_logout_redirect_uris, id_token_alg, introspect, first_party, skip_consent, self_registered, id_token_at_refresh, metadata, open_to, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, coalesce($11::text[], '{}'), coalesce($12::text[], '{}'), $13, $14, $15, $16, $17, $18, $19, $20, now())`,
		c.ID, c.Tenant, c.Kind, c.Name, c.Owner, c.AuthMethod, c.SecretHash, jwks, c.GrantTypes, scopes, c.RedirectURIs,
		c.PostLogoutRedirectURIs, c.IDTokenAlg, c.Introspect, c.FirstParty, c.SkipConsent, c.SelfRegistered, c.IDTokenAtRefresh, c.Metadata, c.OpenTo)
	for _, g := range c.Groups {
		w.Exec(`insert into platform.client_groups (client_id, tenant_id, group_id) select $1, tenant_id, id from platform.user_groups where id = $2`, c.ID, g)
	}
	return c
}
