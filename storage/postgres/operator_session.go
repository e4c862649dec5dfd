package postgres

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// SessionFilter chooses sessions. What is zero does not restrict.
type SessionFilter struct {
	User   authz.UserID
	Tenant authz.TenantID
	// LiveAt keeps to those that stand at this instant; zero for those that ended too.
	LiveAt time.Time
	// Before is the last id of the page before; ids sort by time of creation.
	Before authz.SessionID
	Limit  int
}

// Sessions lists sessions, the newest first.
func (s *OperatorStore) Sessions(ctx context.Context, f SessionFilter) ([]storage.Session, error) {
	w := conditions{}
	w.add(!f.User.IsZero(), `s.user_id = $?`, f.User)
	w.add(!f.Tenant.IsZero(), `s.current_tenant_id = $?`, f.Tenant)
	w.add(!f.Before.IsZero(), `s.id < $?`, f.Before)
	w.add(!f.LiveAt.IsZero(), `s.revoked_at is null and s.expires_at > $? and s.last_seen_at + s.idle_lifetime > $?`, f.LiveAt)
	return queryAll(ctx, s.Store, s.as, "list sessions", `select `+sessionColumns+` from platform.user_sessions s`+
		w.where()+` order by s.id desc limit `+w.next(f.Limit), func(row pgx.CollectableRow) (storage.Session, error) { return scanSession(row) }, w.args...)
}

// SessionByID finds a session, one that has ended too while its row is kept.
func (s *OperatorStore) SessionByID(ctx context.Context, id authz.SessionID) (storage.Session, error) {
	return queryOne(ctx, s.Store, s.as, "read session", `select `+sessionColumns+` from platform.user_sessions s where s.id = $1`,
		func(row pgx.CollectableRow) (storage.Session, error) { return scanSession(row) }, id)
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
