package postgres

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const backchannelColumns = `id, user_id, client_id, scopes, binding_message, notification_token, details, ip_address, requested_at, expires_at, poll_interval`

func scanBackchannelRequest(row pgx.CollectableRow) (storage.BackchannelRequest, error) {
	var r storage.BackchannelRequest
	var scopes string
	var ip *netip.Addr
	var details *storage.GrantDetails
	err := row.Scan(&r.ID, &r.User, &r.Client, &scopes, &r.BindingMessage, &r.NotificationToken, &details, &ip, &r.RequestedAt, &r.ExpiresAt, &r.Interval)
	r.Requested = scopeSet(scopes)
	if details != nil {
		r.Details = *details
	}
	if ip != nil {
		r.IPAddress = *ip
	}
	return r, err
}

// InsertBackchannelRequest keeps what a client asks the user for, and writes the
// letter that tells them.
func (s *UserStore) InsertBackchannelRequest(ctx context.Context, r storage.BackchannelRequest, m storage.Mail) error {
	return s.batch(ctx, "insert backchannel request", s.as, func(b *pgx.Batch) {
		b.Queue(`insert into platform.backchannel_requests (`+backchannelColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			r.ID, s.as.user, r.Client, r.Requested.String(), r.BindingMessage, r.NotificationToken, detailsOrNull(r.Details), addressOrNull(r.IPAddress),
			r.RequestedAt, r.ExpiresAt, r.Interval)
		queueNotice(b, s.as.user, m, `u.email <> ''`)
	})
}

// BackchannelRequests lists what waits for the user's answer, the oldest first.
func (s *UserStore) BackchannelRequests(ctx context.Context, now time.Time) ([]storage.BackchannelRequest, error) {
	var all []storage.BackchannelRequest
	err := s.batch(ctx, "list backchannel requests", s.as, func(b *pgx.Batch) {
		b.Queue(`select `+backchannelColumns+` from platform.backchannel_requests
			where user_id = $1 and approved is null and expires_at > $2 order by requested_at, id`, s.as.user, now).
			Query(func(rows pgx.Rows) (err error) { all, err = pgx.CollectRows(rows, scanBackchannelRequest); return err })
	})
	return all, err
}

// BackchannelRequest reads a request by its id, answered or not.
func (s *Store) BackchannelRequest(ctx context.Context, id authz.GrantID) (storage.BackchannelRequest, error) {
	var r storage.BackchannelRequest
	err := s.batch(ctx, "read backchannel request", acting{row: id}, func(b *pgx.Batch) {
		b.Queue(`select `+backchannelColumns+` from platform.backchannel_requests where id = $1`, id).
			Query(func(rows pgx.Rows) (err error) {
				r, err = pgx.CollectExactlyOneRow(rows, scanBackchannelRequest)
				return err
			})
	})
	return r, err
}

// PollBackchannelRequest answers a client and counts its poll.
func (s *Store) PollBackchannelRequest(ctx context.Context, id authz.GrantID, client authz.ClientID, now time.Time, jitter, penalty time.Duration) (storage.Poll, error) {
	return s.poll(ctx, "poll backchannel request", pollOf("platform.backchannel_requests")+polled, id, client, now, jitter, penalty)
}

// DenyBackchannelRequest writes down a no. [storage.ErrConsumed] when it was answered
// before.
func (s *UserStore) DenyBackchannelRequest(ctx context.Context, id authz.GrantID, now time.Time) error {
	return s.tx(ctx, "deny backchannel request", s.as, func(tx pgx.Tx) error { return decideBackchannel(ctx, tx, id, false, now) })
}

// ApproveBackchannelRequest writes down a yes and, in the same commit, the grant that
// it leads to and the session that the client has from now on. Of any number of
// answers one counts; the rest are [storage.ErrConsumed]. It is [storage.ErrNotFound] when
// the session that says yes, by its sid, has ended.
func (s *UserStore) ApproveBackchannelRequest(ctx context.Context, by authz.SessionID, g storage.Grant, n storage.Session) error {
	return s.tx(ctx, "approve backchannel request", s.as, func(tx pgx.Tx) error {
		if err := s.holdApprover(ctx, tx, by, g.IssuedAt); err != nil {
			return err
		}
		if err := decideBackchannel(ctx, tx, g.ID, true, g.IssuedAt); err != nil {
			return err
		}
		return s.insertWithSession(ctx, tx, "user.approve-request", g, n)
	})
}

// decideBackchannel writes the answer, and the job that tells of it a client that
// wants to be told.
func decideBackchannel(ctx context.Context, tx pgx.Tx, id authz.GrantID, approved bool, now time.Time) error {
	if err := decide(ctx, tx, "platform.backchannel_requests", id, approved, now); err != nil {
		return err
	}
	notice := storage.BackchannelNotice{Request: id}
	_, err := tx.Exec(ctx, enqueue(`$1, $2::jsonb from platform.backchannel_requests where id = $3 and notification_token is not null`),
		notice.Kind(), document(notice), id)
	return err
}

// RedeemBackchannelRequest spends an approved request: of any number of attempts one
// wins and the rest are [storage.ErrConsumed]. The rest is as in [Store.RedeemDeviceCode].
func (s *Store) RedeemBackchannelRequest(ctx context.Context, id authz.GrantID, refreshHash []byte, details *storage.GrantDetails, now time.Time) error {
	return s.won(ctx, "redeem backchannel request", acting{row: id}, redeemOf("platform.backchannel_requests"), id, now, refreshHash, details)
}
