package postgres

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// InsertDeviceCode keeps what a device asks for. A user code that is in use is
// [storage.ErrConflict].
func (s *Store) InsertDeviceCode(ctx context.Context, d storage.DeviceCode) error {
	return s.batch(ctx, "insert device code", acting{row: d.ID}, func(b *pgx.Batch) {
		b.Queue(`insert into platform.device_codes (id, device_code_hash, user_code, client_id, scopes, ip_address,
				requested_at, expires_at, poll_interval, details)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			d.ID, d.Hash, d.UserCode, d.Client, d.Requested.String(), addressOrNull(d.IPAddress), d.RequestedAt, d.ExpiresAt, d.Interval, detailsOrNull(d.Details))
	})
}

// DeviceCode finds the request behind a user code, while it waits for an answer.
func (s *Store) DeviceCode(ctx context.Context, userCode string, now time.Time) (storage.DeviceCode, error) {
	d := storage.DeviceCode{UserCode: userCode}
	var scopes string
	var ip *netip.Addr
	var details *storage.GrantDetails
	err := s.batch(ctx, "read device code", acting{identifier: userCode}, func(b *pgx.Batch) {
		b.Queue(`select id, client_id, scopes, ip_address, requested_at, expires_at, poll_interval, details from platform.device_codes
			where user_code = $1 and approved is null and expires_at > $2`, userCode, now).
			QueryRow(func(row pgx.Row) error {
				return row.Scan(&d.ID, &d.Client, &scopes, &ip, &d.RequestedAt, &d.ExpiresAt, &d.Interval, &details)
			})
	})
	d.Requested = scopeSet(scopes)
	if details != nil {
		d.Details = *details
	}
	if ip != nil {
		d.IPAddress = *ip
	}
	return d, err
}

// PollDeviceCode answers a device and counts its poll, in one statement: a poll
// that comes before the interval is over, while there is no answer yet, makes the
// interval longer (RFC 8628 §3.5). Early by jitter is not before.
func (s *Store) PollDeviceCode(ctx context.Context, id authz.GrantID, hash []byte, client authz.ClientID, now time.Time, jitter, penalty time.Duration) (storage.DevicePoll, error) {
	var p storage.DevicePoll
	err := s.batch(ctx, "poll device code", acting{row: id}, func(b *pgx.Batch) {
		b.Queue(`update platform.device_codes set
				hasty = approved is null and coalesce(last_polled_at + poll_interval > $4::timestamptz + $5::interval, false),
				poll_interval = poll_interval + case when approved is null and last_polled_at + poll_interval > $4::timestamptz + $5::interval
					then $6::interval else interval '0' end,
				last_polled_at = $4
			 where id = $1 and device_code_hash = $2 and client_id = $3
			returning expires_at, approved is not null, coalesce(approved, false), hasty`, id, hash, client, now, jitter, penalty).
			QueryRow(func(row pgx.Row) error { return row.Scan(&p.ExpiresAt, &p.Decided, &p.Approved, &p.Hasty) })
	})
	return p, err
}

// DenyDeviceCode writes down a no. [storage.ErrConsumed] when it was answered before.
func (s *Store) DenyDeviceCode(ctx context.Context, id authz.GrantID, now time.Time) error {
	return s.tx(ctx, "deny device code", acting{row: id}, func(tx pgx.Tx) error { return decide(ctx, tx, id, false, now) })
}

// ApproveDeviceCode writes down a yes and, in the same commit, the grant that it
// leads to and the session that the device has from now on. Of any number of
// answers one counts; the rest are [storage.ErrConsumed].
func (s *UserStore) ApproveDeviceCode(ctx context.Context, g storage.Grant, n storage.Session) error {
	request, err := grantRequest(g)
	if err != nil {
		return err
	}
	return s.tx(ctx, "approve device code", acting{user: s.as.user, row: g.ID}, func(tx pgx.Tx) error {
		if err := decide(ctx, tx, g.ID, true, g.IssuedAt); err != nil {
			return err
		}
		b := &pgx.Batch{}
		queueInsertSession(b, s.as.user, n)
		queueOwnEvent(b, s.as.user, storage.AuditEvent{
			At: g.IssuedAt, Action: "user.approve-device", ObjectKind: "client", ObjectID: string(g.Client), Tenant: g.Tenant, IPAddress: n.IPAddress,
		}, map[string]any{"scopes": g.Scopes.Strings(), "session": n.ID}, `true`)
		queueInsertGrant(b, "", s.as.user, g, request)
		return tx.SendBatch(ctx, b).Close()
	})
}

func decide(ctx context.Context, tx pgx.Tx, id authz.GrantID, approved bool, now time.Time) error {
	tag, err := tx.Exec(ctx, `update platform.device_codes set approved = $2 where id = $1 and approved is null and expires_at > $3`, id, approved, now)
	if err == nil && tag.RowsAffected() == 0 {
		return storage.ErrConsumed
	}
	return err
}

// RedeemDeviceCode spends an approved device code: of any number of attempts one
// wins and the rest are [storage.ErrConsumed]. refreshHash is the digest of the
// first refresh token's secret, nil for none; details replace those of the grant
// unless they are nil.
func (s *Store) RedeemDeviceCode(ctx context.Context, id authz.GrantID, refreshHash []byte, details *storage.GrantDetails, now time.Time) error {
	return s.won(ctx, "redeem device code", acting{row: id}, `
		with spent as (delete from platform.device_codes where id = $1 and approved returning id)
		update platform.grants g set refresh_hash = $3, rotated_at = $2, details = coalesce($4, g.details)
		  from spent where g.id = spent.id and g.revoked_at is null`, id, now, refreshHash, details)
}
