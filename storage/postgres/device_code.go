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

// PollDeviceCode answers a device and counts its poll.
func (s *Store) PollDeviceCode(ctx context.Context, id authz.GrantID, hash []byte, client authz.ClientID, now time.Time, jitter, penalty time.Duration) (storage.Poll, error) {
	return s.poll(ctx, "poll device code", pollOf("platform.device_codes")+` and device_code_hash = $6`+polled, id, client, now, jitter, penalty, hash)
}

// DenyDeviceCode writes down a no. [storage.ErrConsumed] when it was answered before.
func (s *Store) DenyDeviceCode(ctx context.Context, id authz.GrantID, now time.Time) error {
	return s.tx(ctx, "deny device code", acting{row: id}, func(tx pgx.Tx) error { return decide(ctx, tx, "platform.device_codes", id, false, now) })
}

// ApproveDeviceCode writes down a yes and, in the same commit, the grant that it
// leads to and the session that the device has from now on. Of any number of
// answers one counts; the rest are [storage.ErrConsumed]. It is [storage.ErrNotFound] when
// the session that says yes, by its sid, has ended.
func (s *UserStore) ApproveDeviceCode(ctx context.Context, by authz.SessionID, g storage.Grant, n storage.Session) error {
	return s.tx(ctx, "approve device code", acting{user: s.as.user, row: g.ID}, func(tx pgx.Tx) error {
		if err := s.holdApprover(ctx, tx, by, g.IssuedAt); err != nil {
			return err
		}
		if err := decide(ctx, tx, "platform.device_codes", g.ID, true, g.IssuedAt); err != nil {
			return err
		}
		return s.insertWithSession(ctx, tx, "user.approve-device", g, n)
	})
}

// RedeemDeviceCode spends an approved device code: of any number of attempts one
// wins and the rest are [storage.ErrConsumed]. refreshHash is the digest of the
// first refresh token's secret, nil for none; details replace those of the grant
// unless they are nil.
func (s *Store) RedeemDeviceCode(ctx context.Context, id authz.GrantID, refreshHash []byte, details *storage.GrantDetails, now time.Time) error {
	return s.won(ctx, "redeem device code", acting{row: id}, redeemOf("platform.device_codes"), id, now, refreshHash, details)
}
