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

func scanConsent(row pgx.CollectableRow) (storage.Consent, error) {
	var c storage.Consent
	err := row.Scan(&c.User, &c.Client, &c.Tenant, &c.Scopes, &c.GrantedAt, (*zeronull.Timestamptz)(&c.LastUsedAt))
	return c, err
}

// Consents lists what the user approved, for every client.
func (s *UserStore) Consents(ctx context.Context) ([]storage.Consent, error) {
	var all []storage.Consent
	err := s.batch(ctx, "list consents", s.as, func(b *pgx.Batch) {
		b.Queue(`select c.user_id, c.client_id, c.tenant_id, c.scopes, c.granted_at, g.used_at
			  from platform.consents c left join (
				select client_id, tenant_id, max(coalesce(rotated_at, code_used_at)) as used_at
				  from platform.grants where user_id = $1 group by client_id, tenant_id
			  ) g on g.client_id = c.client_id and g.tenant_id = c.tenant_id
			 where c.user_id = $1 order by c.granted_at desc`, s.as.user).
			Query(func(rows pgx.Rows) (err error) { all, err = pgx.CollectRows(rows, scanConsent); return err })
	})
	return all, err
}

// WithdrawConsent takes back everything the user gave a client: the consent, and
// each grant with its tokens.
func (s *UserStore) WithdrawConsent(ctx context.Context, client authz.ClientID, from netip.Addr, now, dead time.Time) error {
	return s.caughtUp(ctx, s.batch(ctx, "withdraw consent", s.as, func(b *pgx.Batch) {
		queueOwnEvent(b, s.as.user, storage.AuditEvent{At: now, Action: "consent.withdraw", ObjectKind: "client", ObjectID: string(client), IPAddress: from}, nil,
			`(exists (select from platform.consents c where c.user_id = u.id and c.client_id = $10)
				or exists (select from platform.grants g where g.user_id = u.id and g.client_id = $10 and g.revoked_at is null))`, client)
		b.Queue(`delete from platform.consents where user_id = $1 and client_id = $2`, s.as.user, client)
		b.Queue(`with withdrawn as (
				update platform.grants set revoked_at = $3
				 where user_id = $1 and client_id = $2 and revoked_at is null returning id, tenant_id)
			insert into platform.revoked_tokens (jti, user_id, tenant_id, client_id, reason, revoked_at, expires_at)
			select id::text, $1, tenant_id, $2, 'consent withdrawn', $3, $4 from withdrawn
			on conflict (jti) do nothing`, s.as.user, client, now, dead)
	}))
}
