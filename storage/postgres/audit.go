package postgres

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// queueAudit writes one event into the transaction of the change it tells of.
func queueAudit(b *pgx.Batch, e storage.AuditEvent) {
	b.Queue(`insert into platform.audit_events
			(id, at, actor, actor_id, action, object_kind, object_id, tenant_id, ip_address, before, after)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		e.ID, e.At, e.Actor, e.ActorID, e.Action, e.ObjectKind, e.ObjectID, e.Tenant, addressOrNull(e.IPAddress),
		nullJSON(e.Before), nullJSON(e.After))
}

// queueOwnEvent writes what a user did themselves into the transaction that does it,
// when the condition on the user u holds; its arguments begin at $10.
func queueOwnEvent(b *pgx.Batch, user authz.UserID, e storage.AuditEvent, after map[string]any, when string, args ...any) {
	var document any
	if after != nil {
		document = after
	}
	b.Queue(`insert into platform.audit_events (id, at, actor, actor_id, action, object_kind, object_id, tenant_id, ip_address, after)
		select $1, $2, u.username, u.id, $3, $4, $5, $6, $7, $8 from platform.users u where u.id = $9 and `+when,
		append([]any{authz.NewID[authz.AuditID](e.At), e.At, e.Action, e.ObjectKind, e.ObjectID, e.Tenant, addressOrNull(e.IPAddress), document, user}, args...)...)
}

// SignInFailed writes down that somebody failed to sign in, to this account or, for
// the zero user, to none.
func (s *Store) SignInFailed(ctx context.Context, user authz.UserID, addr netip.Addr, at time.Time) error {
	return s.batch(ctx, "audit failed sign-in", acting{}, func(b *pgx.Batch) {
		queueAudit(b, storage.AuditEvent{
			ID: authz.NewID[authz.AuditID](at), At: at, Actor: "nobody", Action: "user.sign-in-failed", ObjectKind: "user", ObjectID: user.String(), IPAddress: addr,
		})
	})
}

func appendAudit(ctx context.Context, tx pgx.Tx, e storage.AuditEvent) error {
	b := &pgx.Batch{}
	queueAudit(b, e)
	return tx.SendBatch(ctx, b).Close()
}

func nullJSON(document []byte) any {
	if document == nil {
		return nil
	}
	return json.RawMessage(document)
}

// ownEvents bounds what a user is told of their own history.
const ownEvents = 10_000

// Events are the latest that the user caused, the newest first, without what was
// before and after.
func (s *UserStore) Events(ctx context.Context) ([]storage.AuditEvent, error) {
	var all []storage.AuditEvent
	err := s.batch(ctx, "list own events", s.as, func(b *pgx.Batch) {
		b.Queue(`select at, action, object_kind, object_id, ip_address from platform.audit_events
			where actor_id = $1 order by id desc limit $2`, s.as.user, ownEvents).
			Query(func(rows pgx.Rows) (err error) {
				all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (storage.AuditEvent, error) {
					var e storage.AuditEvent
					var address *netip.Addr
					err := row.Scan(&e.At, &e.Action, &e.ObjectKind, &e.ObjectID, &address)
					if address != nil {
						e.IPAddress = *address
					}
					return e, err
				})
				return err
			})
	})
	return all, err
}
