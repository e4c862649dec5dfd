package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// now is the instant at which these tests happen: whole microseconds, as the
// database keeps them.
var now = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// estate is one customer with one person, and a row of theirs in every table that
// row-level security guards.
type estate struct {
	tenant  authz.TenantID
	project authz.ProjectID
	group   authz.GroupID
	user    authz.UserID
	session storage.Session
	grant   storage.Grant
}

func newEstate(t *testing.T, w *storagetest.World, s *postgres.Store, name string) estate {
	t.Helper()
	e := estate{tenant: w.Tenant(name), project: authz.NewID[authz.ProjectID](now)}
	e.user = w.User("user-of-"+name, authz.RoleUser, storage.UnusablePassword, e.tenant)
	w.Exec(`insert into public.projects (id, tenant_id, name, created_at) values ($1, $2, 'project', now())`, e.project, e.tenant)
	e.group = w.Group(e.tenant, "operators", "tools:execute")
	w.Join(e.user, e.tenant, e.group)
	w.Exec(`insert into platform.user_scopes (user_id, tenant_id, scope, created_at) values ($1, $2, 'reports:read', now())`, e.user, e.tenant)
	w.Exec(`insert into platform.audit_events (id, at, actor, actor_id, action, object_kind, object_id, tenant_id)
		values ($1, now(), $2, $3, 'test', 'user', $2, $4)`, authz.NewID[authz.AuditID](now), name, e.user, e.tenant)
	w.Exec(`insert into platform.revoked_tokens (jti, user_id, tenant_id, reason, revoked_at, expires_at)
		values ('dead-token-of-' || $1::text, $2, $3, 'test', now(), now())`, name, e.user, e.tenant)

	w.Exec(`insert into platform.tenant_logos (id, tenant_id, media_type, content, created_at) values (gen_random_uuid(), $1, 'image/png', '\x00', now())`, e.tenant)
	w.Exec(`insert into platform.files (id, user_id, tenant_id, purpose, media_type, content, created_at) values (gen_random_uuid(), $1, $2, 'avatar', 'image/png', '\x00', now())`, e.user, e.tenant)
	w.Exec(`insert into platform.registration_tokens (id, tenant_id, name, token_hash, policy, uses_left, created_at, expires_at)
		values (gen_random_uuid(), $1, 'x', uuid_send($1), '{}', 1, now(), now() + interval '1 day')`, e.tenant)
	w.Exec(`insert into platform.trusted_issuers (id, tenant_id, vouches_for, issuer, jwks_uri, subject, created_at)
		values (gen_random_uuid(), $1, 'people', 'https://idp.example', 'https://idp.example/jwks', 'email', now())`, e.tenant)
	w.Exec(`insert into platform.idempotency_keys (actor, key, request_hash, created_at, expires_at) values ($1, 'key', '\x00', now(), now() + interval '1 day')`, e.user.String())
	w.Exec(`insert into platform.merged_users (source_id, target_id, merged_at) values (gen_random_uuid(), $1, now())`, e.user)

	hook := authz.NewID[authz.WebhookID](now)
	w.Exec(`insert into platform.webhooks (id, tenant_id, name, protocol, url, events, secret_sealed, created_at)
		values ($1, $2, 'test', 'webhook', 'https://hooks.example', '{keys.rotate}', '\x00', now())`, hook, e.tenant)
	w.Exec(`insert into platform.webhook_deliveries (webhook_id, event_id, tenant_id, type, at, data, begun_at)
		values ($1, $2, $3, 'webhook.test', now(), '{}', now())`, hook, authz.NewID[authz.AuditID](now), e.tenant)

	e.session = storage.Session{
		ID: authz.RandomID[authz.SessionID](), TokenJTI: authz.RandomID[authz.SessionID](), User: e.user, Tenant: e.tenant,
		SecretHash: []byte("digest"), CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(12 * time.Hour), IdleLifetime: 30 * time.Minute,
		UserAgent: "test", AuthTime: now, ACR: authz.ACRSingleFactor, AMR: []string{"pwd"},
	}
	if err := s.ForUser(e.user).InsertSession(t.Context(), e.session, storage.Evidence{}, "", authz.SessionID{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	newAuthenticators(t, w, s, e, name)
	newLink(t, s, e, storage.LinkVerifyEmail)
	client := w.Client(storage.Client{ID: authz.ClientID("client-of-" + name), Tenant: e.tenant, Scopes: []authz.Pattern{"openid"}})
	w.Exec(`insert into platform.client_groups (client_id, tenant_id, group_id) values ($1, $2, $3)`, client.ID, e.tenant, e.group)
	err := s.InsertDeviceCode(t.Context(), storage.DeviceCode{
		ID: authz.RandomID[authz.GrantID](), Hash: []byte("digest"), UserCode: "code-of-" + name, Client: client.ID, Requested: authz.ScopeSet{"openid"},
		RequestedAt: now, ExpiresAt: now.Add(10 * time.Minute), Interval: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.ForUser(e.user).InsertBackchannelRequest(t.Context(), storage.BackchannelRequest{
		ID: authz.RandomID[authz.GrantID](), Client: client.ID, Requested: authz.ScopeSet{"openid"}, RequestedAt: now, ExpiresAt: now.Add(10 * time.Minute), Interval: 5 * time.Second,
	}, storage.Mail{Letter: storage.LetterSignInRequest})
	if err != nil {
		t.Fatal(err)
	}
	e.grant = newGrant(e, client.ID)
	consent := &storage.Consent{Client: client.ID, Tenant: e.tenant, Scopes: authz.ScopeSet{"openid"}, GrantedAt: now}
	if err := s.ForUser(e.user).InsertGrant(t.Context(), e.grant, consent); err != nil {
		t.Fatal(err)
	}
	return e
}

func newGrant(e estate, client authz.ClientID) storage.Grant {
	return storage.Grant{
		ID: authz.NewID[authz.GrantID](now), User: e.user, SID: e.session.TokenJTI, Client: client, Tenant: e.tenant,
		Requested: authz.ScopeSet{"openid"}, Scopes: authz.ScopeSet{"openid"}, Audience: []string{"https://issuer.example"},
		Request:  storage.GrantRequest{RedirectURI: "https://app.example/callback"},
		AuthTime: now, ACR: authz.ACRSingleFactor, AMR: []string{"pwd"}, RequestedAt: now, IssuedAt: now, CodeHash: []byte("code"),
	}
}

// setting is what a handle tells the connection about who is acting.
type setting struct{ name, user, tenant, row, identifier string }

// actAs opens a connection in the application's role with the settings that a
// handle would make, in a transaction that ends with the test. Foreign keys are
// off: they would hold back a statement that row-level security let through.
func actAs(t *testing.T, dsn string, as setting) pgx.Tx {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	if _, err := conn.Exec(ctx, `set session_replication_role = replica`); err != nil {
		t.Fatal(err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(ctx) })
	if _, err := tx.Exec(ctx, `set local role gatehouse_app`); err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(ctx, `select set_config('app.user_id', $1, true), set_config('app.tenant_id', $2, true),
		set_config('app.row_id', $3, true), set_config('app.identifier', $4, true), set_config('app.operator', '', true)`,
		as.user, as.tenant, as.row, as.identifier)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

type querier interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}

// column reads one column of texts.
func column(t *testing.T, q querier, query string, args ...any) []string {
	t.Helper()
	rows, err := q.Query(context.Background(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

// within runs a part of a transaction that is taken back.
func within(t *testing.T, tx pgx.Tx, do func(pgx.Tx)) {
	t.Helper()
	part, err := tx.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	do(part)
	if err := part.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
}
