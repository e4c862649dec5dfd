package postgres

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

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
