package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const webhookColumns = `w.id, w.tenant_id, coalesce(w.client_id, ''), w.name, w.protocol, w.url, w.audience, w.events, w.secret_sealed,
	w.previous_secret_sealed, w.previous_secret_expires_at, w.created_at, w.last_delivered_at, w.disabled_at`

func scanWebhook(row pgx.CollectableRow) (storage.Webhook, error) {
	var w storage.Webhook
	return w, row.Scan(webhookFields(&w)...)
}

func webhookFields(w *storage.Webhook) []any {
	return []any{&w.ID, &w.Tenant, &w.Client, &w.Name, &w.Protocol, &w.URL, &w.Audience, &w.Events, &w.SecretSealed, &w.PreviousSealed,
		(*zeronull.Timestamptz)(&w.PreviousExpiresAt), &w.CreatedAt, (*zeronull.Timestamptz)(&w.LastDeliveredAt), (*zeronull.Timestamptz)(&w.DisabledAt)}
}

func webhookObject(id authz.WebhookID) object {
	return row("webhook", "platform.webhooks", "id", id, id.String())
}

const oneWebhook = `select ` + webhookColumns + ` from platform.webhooks w where w.id = $1`

// Webhooks lists receivers from after one on, the oldest first; a tenant that is not
// zero narrows the list.
func (s *OperatorStore) Webhooks(ctx context.Context, tenant authz.TenantID, after authz.WebhookID, limit int) ([]storage.Webhook, error) {
	return queryAll(ctx, s.Store, s.as, "list webhooks", `select `+webhookColumns+` from platform.webhooks w
		where ($1::uuid is null or w.tenant_id = $1) and ($2::uuid is null or w.id > $2) order by w.id limit $3`, scanWebhook, tenant, after, limit)
}

// Webhook is a receiver by its id; [storage.ErrNotFound] when there is none.
func (s *OperatorStore) Webhook(ctx context.Context, id authz.WebhookID) (storage.Webhook, error) {
	return queryOne(ctx, s.Store, s.as, "read webhook", oneWebhook, scanWebhook, id)
}

// InsertWebhook keeps a new receiver.
func (s *OperatorStore) InsertWebhook(ctx context.Context, w storage.Webhook, e storage.AuditEvent) error {
	return s.change(ctx, e, webhookObject(w.ID), func(tx pgx.Tx) error {
		return exec(ctx, tx, `insert into platform.webhooks (id, tenant_id, client_id, name, protocol, url, audience, events, secret_sealed, created_at)
			values ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8, $9, $10)`,
			w.ID, w.Tenant, w.Client, w.Name, w.Protocol, w.URL, w.Audience, w.Events, w.SecretSealed, w.CreatedAt)
	})
}

// UpdateWebhook changes a receiver as it stands at this moment: change is called with
// it under a lock, and what it refuses is left as it was.
func (s *OperatorStore) UpdateWebhook(ctx context.Context, id authz.WebhookID, change func(*storage.Webhook) error, e storage.AuditEvent) (storage.Webhook, error) {
	var w storage.Webhook
	err := s.change(ctx, e, webhookObject(id), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, oneWebhook, id)
		if err != nil {
			return err
		}
		if w, err = pgx.CollectExactlyOneRow(rows, scanWebhook); err != nil {
			return err
		}
		if err := change(&w); err != nil {
			return err
		}
		return exec(ctx, tx, `update platform.webhooks set name = $2, url = $3, audience = $4, events = $5, secret_sealed = $6,
				previous_secret_sealed = $7, previous_secret_expires_at = $8, disabled_at = $9 where id = $1`,
			id, w.Name, w.URL, w.Audience, w.Events, w.SecretSealed, w.PreviousSealed, zeronull.Timestamptz(w.PreviousExpiresAt), zeronull.Timestamptz(w.DisabledAt))
	})
	return w, err
}

// DeleteWebhook removes a receiver and everything that was sent to it.
func (s *OperatorStore) DeleteWebhook(ctx context.Context, id authz.WebhookID, seen func(storage.Webhook) error, e storage.AuditEvent) error {
	return s.change(ctx, e, webhookObject(id), func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanWebhook, oneWebhook, id); err != nil {
			return err
		}
		return exec(ctx, tx, `delete from platform.webhooks where id = $1`, id)
	})
}

const deliveryColumns = `d.webhook_id, d.event_id, d.type, d.at, d.data, d.begun_at, d.tries, d.tried_at, d.outcome, d.delivered_at, d.given_up_at`

func deliveryFields(d *storage.Delivery) []any {
	return []any{&d.Webhook, &d.Event, &d.Type, &d.At, &d.Data, &d.BegunAt, &d.Tries, (*zeronull.Timestamptz)(&d.TriedAt), &d.Outcome,
		(*zeronull.Timestamptz)(&d.DeliveredAt), (*zeronull.Timestamptz)(&d.GivenUpAt)}
}

// Deliveries lists what was sent to a receiver, or is still tried, the latest first,
// from before one on.
func (s *OperatorStore) Deliveries(ctx context.Context, id authz.WebhookID, before authz.AuditID, limit int) ([]storage.Delivery, error) {
	return queryAll(ctx, s.Store, s.as, "list deliveries", `select `+deliveryColumns+` from platform.webhook_deliveries d
		where d.webhook_id = $1 and ($2::uuid is null or d.event_id < $2) order by d.event_id desc limit $3`,
		func(row pgx.CollectableRow) (storage.Delivery, error) {
			var d storage.Delivery
			return d, row.Scan(deliveryFields(&d)...)
		}, id, before, limit)
}

// Delivery is one message and its receiver; [storage.ErrNotFound] when either is gone.
func (s *OperatorStore) Delivery(ctx context.Context, id authz.WebhookID, event authz.AuditID) (storage.Webhook, storage.Delivery, error) {
	var d storage.Delivery
	w, err := queryOne(ctx, s.Store, s.as, "read delivery", `select `+webhookColumns+`, `+deliveryColumns+`
		from platform.webhook_deliveries d join platform.webhooks w on w.id = d.webhook_id where d.webhook_id = $1 and d.event_id = $2`,
		func(row pgx.CollectableRow) (w storage.Webhook, err error) {
			return w, row.Scan(append(webhookFields(&w), deliveryFields(&d)...)...)
		}, id, event)
	return w, d, err
}

// InsertDelivery sends a receiver the event itself, whatever it asked for.
func (s *OperatorStore) InsertDelivery(ctx context.Context, d storage.Delivery, e storage.AuditEvent) error {
	return s.change(ctx, e, webhookObject(d.Webhook), func(tx pgx.Tx) error {
		return exec(ctx, tx, `insert into platform.webhook_deliveries (webhook_id, event_id, tenant_id, type, at, data, begun_at)
			select w.id, $2, w.tenant_id, $3, $4, $5, $4 from platform.webhooks w where w.id = $1`, d.Webhook, d.Event, d.Type, d.At, d.Data)
	})
}

// Redeliver sends a message once more, under the same id.
func (s *OperatorStore) Redeliver(ctx context.Context, id authz.WebhookID, event authz.AuditID, e storage.AuditEvent) error {
	return s.change(ctx, e, webhookObject(id), func(tx pgx.Tx) error {
		err := exec(ctx, tx, `update platform.webhook_deliveries set begun_at = $3, delivered_at = null, given_up_at = null
			where webhook_id = $1 and event_id = $2`, id, event, e.At)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `with job as (insert into river.river_job (max_attempts, kind, queue, args)
				values (25, $1, 'webhooks', $2::jsonb) returning 1)
			select pg_notify('river.river_insert', '{"queue": "webhooks"}') from job`,
			storage.WebhookDelivery{}.Kind(), document(storage.WebhookDelivery{Webhook: id, Event: event}))
		return err
	})
}

// SettleDelivery writes down what came of a try: d.Outcome, and DeliveredAt or
// GivenUpAt where that is the end.
func (s *OperatorStore) SettleDelivery(ctx context.Context, d storage.Delivery) error {
	return s.batch(ctx, "settle delivery", s.as, func(b *pgx.Batch) {
		b.Queue(`update platform.webhook_deliveries set tries = tries + 1, tried_at = $3, outcome = $4, delivered_at = $5, given_up_at = $6
			where webhook_id = $1 and event_id = $2`, d.Webhook, d.Event, d.TriedAt, d.Outcome, zeronull.Timestamptz(d.DeliveredAt), zeronull.Timestamptz(d.GivenUpAt))
		if !d.DeliveredAt.IsZero() {
			b.Queue(`update platform.webhooks set last_delivered_at = greatest(last_delivered_at, $2) where id = $1`, d.Webhook, d.DeliveredAt)
		}
	})
}

var errStays = errors.New("the receiver has heard something, or is stopped")

// DisableSilentWebhook stops a receiver to which nothing has been delivered since an
// instant. It does nothing to one that has heard something, or is stopped.
func (s *OperatorStore) DisableSilentWebhook(ctx context.Context, id authz.WebhookID, since time.Time, e storage.AuditEvent) error {
	_, err := s.UpdateWebhook(ctx, id, func(w *storage.Webhook) error {
		if !w.DisabledAt.IsZero() || w.LastDeliveredAt.After(since) {
			return errStays
		}
		w.DisabledAt = e.At
		return nil
	}, e)
	if errors.Is(err, errStays) {
		return nil
	}
	return err
}
