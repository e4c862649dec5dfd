package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Sessions lists the sessions that still stand, of one user or of all, from
// before one on, the newest first.
func (s *OperatorStore) Sessions(ctx context.Context, user authz.UserID, before authz.SessionID, now time.Time, limit int) ([]storage.Session, error) {
	return queryAll(ctx, s.Store, s.as, "list sessions", `select `+sessionColumns+` from platform.user_sessions s
		where ($1::uuid is null or s.user_id = $1) and ($2::uuid is null or s.id < $2)
		  and s.revoked_at is null and s.expires_at > $3 and s.last_seen_at + s.idle_lifetime > $3
		order by s.id desc limit $4`,
		func(row pgx.CollectableRow) (storage.Session, error) { return scanSession(row) }, user, before, now, limit)
}

// RevokeSession kills a session and every token beneath it.
func (s *OperatorStore) RevokeSession(ctx context.Context, id authz.SessionID, dead time.Time, e storage.AuditEvent) error {
	o := row("session", "platform.user_sessions", "id", id, id.String())
	return s.change(ctx, e, o, func(tx pgx.Tx) error {
		var user authz.UserID
		if err := tx.QueryRow(ctx, `select user_id from platform.user_sessions where id = $1`, id).Scan(&user); err != nil {
			return err
		}
		b := &pgx.Batch{}
		queueEndSession(b, user, id, "revoked by an operator", e.At, dead)
		return tx.SendBatch(ctx, b).Close()
	})
}

// Bans lists every ban.
func (s *OperatorStore) Bans(ctx context.Context) ([]storage.Ban, error) {
	return queryAll(ctx, s.Store, s.as, "list bans", `select network, reason, created_at, expires_at from platform.ip_bans order by network`,
		func(row pgx.CollectableRow) (b storage.Ban, err error) {
			return b, row.Scan(&b.Network, &b.Reason, &b.CreatedAt, (*zeronull.Timestamptz)(&b.ExpiresAt))
		})
}

func banObject(n netip.Prefix) object {
	return row("ban", "platform.ip_bans", "network", n, n.String())
}

// PutBan keeps a network away, or changes for how long.
func (s *OperatorStore) PutBan(ctx context.Context, b storage.Ban, e storage.AuditEvent) error {
	return s.change(ctx, e, banObject(b.Network), func(tx pgx.Tx) error {
		return exec(ctx, tx, `insert into platform.ip_bans (network, reason, created_at, expires_at) values ($1, $2, $3, $4)
			on conflict (network) do update set reason = excluded.reason, expires_at = excluded.expires_at`,
			b.Network, b.Reason, b.CreatedAt, zeronull.Timestamptz(b.ExpiresAt))
	})
}

// DeleteBan lets a network in again.
func (s *OperatorStore) DeleteBan(ctx context.Context, n netip.Prefix, e storage.AuditEvent) error {
	return s.change(ctx, e, banObject(n), func(tx pgx.Tx) error {
		return exec(ctx, tx, `delete from platform.ip_bans where network = $1`, n)
	})
}

// AuditFilter chooses events; what is zero does not restrict.
type AuditFilter struct {
	Actor                authz.UserID
	ObjectKind, ObjectID string
	// Before is the last id of the page before.
	Before authz.AuditID
	Limit  int
}

// AuditEvents lists what was changed, the latest first.
func (s *OperatorStore) AuditEvents(ctx context.Context, f AuditFilter) ([]storage.AuditEvent, error) {
	return queryAll(ctx, s.Store, s.as, "list audit events", `
		select id, at, actor, actor_id, action, object_kind, object_id, tenant_id, coalesce(host(ip_address), ''), before, after
		  from platform.audit_events
		 where ($1::uuid is null or actor_id = $1) and ($2 = '' or object_kind = $2) and ($3 = '' or object_id = $3)
		   and ($4::uuid is null or id < $4) order by id desc limit $5`, scanAudit, f.Actor, f.ObjectKind, f.ObjectID, f.Before, f.Limit)
}

func scanAudit(row pgx.CollectableRow) (storage.AuditEvent, error) {
	var e storage.AuditEvent
	var ip string
	err := row.Scan(&e.ID, &e.At, &e.Actor, &e.ActorID, &e.Action, &e.ObjectKind, &e.ObjectID, &e.Tenant, &ip, &e.Before, &e.After)
	if err == nil && ip != "" {
		if e.IPAddress, err = netip.ParseAddr(ip); err != nil {
			return e, fmt.Errorf("address of audit event: %w", err)
		}
	}
	return e, err
}
