package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// InsertGrant keeps a new authorization with its code, and in the same commit
// what the user consented to (nil when nothing is to be remembered) and that the
// session was in use. A grant's id is the id of the authorization request that
// led to it, so a second one for the same request is [storage.ErrConflict]. It is
// [storage.ErrNotFound] when the session has ended.
func (s *UserStore) InsertGrant(ctx context.Context, g storage.Grant, remember *storage.Consent) error {
	request, err := grantRequest(g)
	if err != nil {
		return err
	}
	return s.batch(ctx, "insert grant", s.as, func(b *pgx.Batch) {
		queueInsertGrant(b, touchingSession, standingSID, s.as.user, g, request)
		if remember != nil {
			b.Queue(`insert into platform.consents as c (user_id, client_id, tenant_id, scopes, granted_at)
				values ($1, $2, $3, $4, $5) on conflict (user_id, client_id, tenant_id) do update
				set scopes = (select array_agg(distinct x) from unnest(c.scopes || excluded.scopes) x), granted_at = excluded.granted_at`,
				s.as.user, remember.Client, remember.Tenant, remember.Scopes.Strings(), remember.GrantedAt)
			queueOwnEvent(b, s.as.user, storage.AuditEvent{
				At: remember.GrantedAt, Action: "consent.give", ObjectKind: "client", ObjectID: string(remember.Client), Tenant: remember.Tenant,
			}, map[string]any{"scopes": remember.Scopes.Strings()}, `true`)
		}
	})
}

// What a grant takes its sid from: its session, which cannot end before the grant is there
// for whoever ends it to find; null, which the column refuses, when it has ended. The user
// is held first, as by those who end everything. The session is changed or shared, never
// first shared and then changed: two grants would wait for each other.
const (
	// Once a minute is often enough to know that a session is not idle.
	touchingSession = `with owner as materialized (select id from platform.users where id = $2 for key share),
		seen as (update platform.user_sessions s set last_seen_at = $15::timestamptz from owner o
			where s.user_id = o.id and s.token_jti = $3 and s.revoked_at is null and s.last_seen_at < $15::timestamptz - interval '1 minute'
			returning s.token_jti)`
	standingSID = `coalesce((select token_jti from seen), (select s.token_jti from platform.user_sessions s join owner o on o.id = s.user_id
		where s.token_jti = $3 and s.revoked_at is null for share of s))`
)

func grantRequest(g storage.Grant) ([]byte, error) {
	request, err := json.Marshal(g.Request)
	return request, translate("encode request", err)
}

// detailsOrNull is null for the usual grant, so that its row stays small.
func detailsOrNull(d storage.GrantDetails) *storage.GrantDetails {
	if d.IsZero() {
		return nil
	}
	return &d
}

// queueInsertGrant inserts a grant under a sid, an expression, and does with it, in the
// same statement, what stands before it.
func queueInsertGrant(b *pgx.Batch, before, sid string, user authz.UserID, g storage.Grant, request []byte) {
	b.Queue(before+` insert into platform.grants (id, user_id, sid, client_id, tenant_id, project_id, requested_scopes, scopes,
			audience, request, auth_time, acr, amr, requested_at, issued_at, code_hash, code_used_at, details)
		values ($1, $2, `+sid+`, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::timestamptz, $16, $17, $18)`,
		g.ID, user, g.SID, g.Client, g.Tenant, g.Project, g.Requested.String(), g.Scopes.String(),
		strings.Join(g.Audience, " "), request, g.AuthTime, g.ACR, strings.Join(g.AMR, " "), g.RequestedAt, g.IssuedAt, g.CodeHash,
		zeronull.Timestamptz(g.CodeUsedAt), detailsOrNull(g.Details))
}

// Granted is a grant with the person it is for, read in one trip, so that the
// rights of this very moment decide.
type Granted struct {
	Grant  storage.Grant
	Person storage.Person
	// SessionDead reports that the session has ended, or that the sid or the grant stands
	// in the ledger. Each is forgotten at a time of its own.
	SessionDead bool
}

// Granted reads a grant by its id. Deleting a user deletes their grants, so a
// grant without a person is [storage.ErrNotFound].
func (s *Store) Granted(ctx context.Context, id authz.GrantID) (Granted, error) {
	var granted Granted
	g := &granted.Grant
	var requested, scopes, audience, amr string
	var request []byte
	var details *storage.GrantDetails
	err := s.askPerson(ctx, "read grant", grantQuery, []any{id, id.String()}, &granted.Person,
		&g.ID, &g.User, &g.SID, &g.Client, &g.Tenant, &g.Project, &requested, &scopes, &audience, &request, &details,
		&g.AuthTime, &g.ACR, &amr, &g.RequestedAt, &g.IssuedAt, &g.CodeHash, (*zeronull.Timestamptz)(&g.CodeUsedAt),
		&g.Generation, &g.RefreshHash, (*zeronull.Timestamptz)(&g.RotatedAt), (*zeronull.Timestamptz)(&g.RevokedAt),
		&granted.SessionDead)
	if err != nil {
		return Granted{}, err
	}
	g.Requested, g.Scopes = scopeSet(requested), scopeSet(scopes)
	g.Audience, g.AMR = strings.Fields(audience), strings.Fields(amr)
	if details != nil {
		g.Details = *details
	}
	if request != nil {
		if err := json.Unmarshal(request, &g.Request); err != nil {
			return Granted{}, fmt.Errorf("decode request: %w", err)
		}
	}
	return granted, nil
}

const grantQuery = `
	select g.id, g.user_id, g.sid, g.client_id, g.tenant_id, g.project_id,
	       g.requested_scopes, g.scopes, g.audience, g.request, g.details, g.auth_time, g.acr, g.amr, g.requested_at, g.issued_at,
	       g.code_hash, g.code_used_at, g.generation, g.refresh_hash, g.rotated_at, g.revoked_at,
	       exists (select from platform.revoked_tokens r where r.jti in (g.sid::text, g.id::text))
	         or exists (select from platform.user_sessions s where s.token_jti = g.sid and s.revoked_at is not null), p.*
	  from (select set_config('app.row_id', $2, true) as named offset 0) a
	 cross join lateral (select *, set_config('app.user_id', user_id::text, true)
	                       from platform.grants where id = $1 and a.named <> '' offset 0) g
	 cross join lateral (` + personColumns + ` where u.id = g.user_id offset 0) p`

func scopeSet(s string) authz.ScopeSet {
	var set authz.ScopeSet
	for _, field := range strings.Fields(s) {
		set = append(set, authz.Scope(field))
	}
	return set
}

// ConsumeCode spends an authorization code: one conditional statement, so that of
// any number of attempts one wins and the rest are [storage.ErrConsumed].
// refreshHash is the digest of the first refresh token's secret, nil for none; details
// replace those of the grant unless they are nil.
func (s *UserStore) ConsumeCode(ctx context.Context, id authz.GrantID, refreshHash []byte, details *storage.GrantDetails, now time.Time) error {
	return s.won(ctx, "consume code", s.as, `
		update platform.grants set code_used_at = $2, refresh_hash = $3, rotated_at = $2, request = null, details = coalesce($4, details)
		 where id = $1 and code_used_at is null and revoked_at is null`, id, now, refreshHash, details)
}

// RotateRefreshToken replaces the current refresh token: one conditional
// statement, [storage.ErrConsumed] for everyone but the winner.
func (s *UserStore) RotateRefreshToken(ctx context.Context, id authz.GrantID, generation int32, current, next []byte, now time.Time) error {
	return s.won(ctx, "rotate refresh token", s.as, `
		update platform.grants set generation = generation + 1, refresh_hash = $4, rotated_at = $5
		 where id = $1 and generation = $2 and refresh_hash = $3 and revoked_at is null`, id, generation, current, next, now)
}

// UseRefreshToken notes that a refresh token that stays the same was used, once a day.
func (s *UserStore) UseRefreshToken(ctx context.Context, id authz.GrantID, now time.Time) error {
	return s.batch(ctx, "use refresh token", s.as, func(b *pgx.Batch) {
		b.Queue(`update platform.grants set rotated_at = $2::timestamptz where id = $1 and rotated_at < $2::timestamptz - interval '1 day'`, id, now)
	})
}

func (s *Store) won(ctx context.Context, act string, a acting, statement string, args ...any) error {
	won := false
	err := s.batch(ctx, act, a, func(b *pgx.Batch) {
		b.Queue(statement+` returning true`, args...).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				won = true
			}
			return rows.Err()
		})
	})
	if err == nil && !won {
		return storage.ErrConsumed
	}
	return err
}

// RevokeGrant kills a grant and, through the ledger, every token it ever gave.
func (s *UserStore) RevokeGrant(ctx context.Context, r storage.Revocation) error {
	return s.caughtUp(ctx, s.batch(ctx, "revoke grant", s.as, func(b *pgx.Batch) {
		b.Queue(`update platform.grants set revoked_at = $2 where id = $1::uuid and revoked_at is null`, r.JTI, r.RevokedAt)
		queueEndDevice(b, r)
		queueRevocation(b, r)
	}))
}

// RevokeGrantOf kills a grant of one client, found by its id alone. It is silent
// when there is none, or when it is another client's.
func (s *Store) RevokeGrantOf(ctx context.Context, client authz.ClientID, r storage.Revocation) error {
	id, err := authz.ParseID[authz.GrantID](r.JTI)
	if err != nil {
		return translate("revoke grant", err)
	}
	return s.caughtUp(ctx, s.batch(ctx, "revoke grant", acting{row: id}, func(b *pgx.Batch) {
		// The ledger's row belongs to the grant's user: this opens it to the next statement.
		b.Queue(`select set_config('app.user_id', user_id::text, true) from platform.grants where id = $1 and client_id = $2`, id, client)
		b.Queue(`with dead as (
				update platform.grants set revoked_at = coalesce(revoked_at, $3)
				 where id = $1 and client_id = $2 returning id, user_id, tenant_id)
			insert into platform.revoked_tokens (jti, user_id, tenant_id, client_id, reason, revoked_at, expires_at)
			select id::text, user_id, tenant_id, $2, $4, $3, $5 from dead
			on conflict (jti) do nothing`, id, client, r.RevokedAt, r.Reason, r.ExpiresAt)
		queueEndDevice(b, r)
	}))
}

// queueEndDevice ends the session of a device whose grant is dead by then: nothing
// else stands beneath it, and nobody signs in with it.
func queueEndDevice(b *pgx.Batch, r storage.Revocation) {
	b.Queue(`update platform.user_sessions s set revoked_at = $2 from platform.grants g
		where g.id = $1::uuid and g.revoked_at is not null and s.token_jti = g.sid and s.secret_hash = '' and s.revoked_at is null`,
		r.JTI, r.RevokedAt)
}
