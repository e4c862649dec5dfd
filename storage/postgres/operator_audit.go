package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// AuditFilter chooses events; what is zero does not restrict.
type AuditFilter struct {
	// User chooses what a user did and what was done to them; whoever was merged into
	// them counts as them.
	User    authz.UserID
	ActorID authz.UserID
	// Actor is the name of one that is no user: a client, or the host.
	Actor string
	// Action is one action, ActionsUnder what a family of them begins with ("user.").
	Action, ActionsUnder string
	ObjectKind, ObjectID string
	Tenant               authz.TenantID
	// Since is the first instant, Until the first that is not meant any more.
	Since, Until time.Time
	// Before is the last id of the page before.
	Before authz.AuditID
	Limit  int
}

func (f AuditFilter) conditions() *conditions {
	w := &conditions{}
	w.add(!f.ActorID.IsZero(), `actor_id = $?`, f.ActorID)
	w.add(f.Actor != "", `actor = $?`, f.Actor)
	w.add(f.Action != "", `action = $?`, f.Action)
	w.add(f.ActionsUnder != "", `starts_with(action, $?)`, f.ActionsUnder)
	w.add(f.ObjectKind != "", `object_kind = $?`, f.ObjectKind)
	w.add(f.ObjectID != "", `object_id = $?`, f.ObjectID)
	w.add(!f.Tenant.IsZero(), `tenant_id = $?`, f.Tenant)
	// An id tells when it was made, and has the index.
	w.add(!f.Since.IsZero(), `id >= $?`, authz.FirstIDAt[authz.AuditID](f.Since))
	w.add(!f.Until.IsZero(), `id < $?`, authz.FirstIDAt[authz.AuditID](f.Until))
	w.add(!f.Before.IsZero(), `id < $?`, f.Before)
	return w
}

const auditColumns = `e.id, e.at, e.actor, e.actor_id, e.action, e.object_kind, e.object_id, e.tenant_id, coalesce(host(e.ip_address), ''), e.before, e.after`

// AuditEvents lists what was done, the latest first.
func (s *OperatorStore) AuditEvents(ctx context.Context, f AuditFilter) ([]storage.AuditEvent, error) {
	w := f.conditions()
	statement := `select ` + auditColumns + ` from platform.audit_events e`
	if f.User.IsZero() {
		statement += w.where()
	} else {
		statement += ` where e.id in (` + w.ofUser(f) + `)`
	}
	return queryAll(ctx, s.Store, s.as, "list audit events", statement+` order by id desc limit `+w.next(f.Limit), scanAudit, w.args...)
}

// ofUser is the ids of the latest events of a user. Each index is followed on its own,
// and no further than there are events to show: the log is long and a user's part short.
func (c *conditions) ofUser(f AuditFilter) string {
	where, user, limit := c.where(), c.next(f.User), c.next(f.Limit)
	if where == "" {
		where = ` where true`
	}
	latest := func(whose string) string {
		return `(select id from platform.audit_events` + where + ` and ` + whose + ` order by id desc limit ` + limit + `)`
	}
	return `select latest.id from (select ` + user + `::uuid union select source_id from platform.merged_users where target_id = ` + user + `) person (person_id)
		cross join lateral (` + latest(`actor_id = person_id`) + ` union ` + latest(`object_kind = 'user' and object_id = person_id::text`) + `
			union ` + latest(`coalesce(after, before) ? 'user_id' and coalesce(after, before) ->> 'user_id' = person_id::text`) + `) latest`
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

// AuditPosition is how far somebody has read each chain of the log. Events become
// visible when their transaction ends, not in the order of their ids: only by the
// chains can a reader miss none.
type AuditPosition []int64

// AuditEnd is the position behind the last event.
func (s *OperatorStore) AuditEnd(ctx context.Context) (AuditPosition, error) {
	return queryAll(ctx, s.Store, s.as, "read the ends of the audit log", `select seq from platform.audit_heads order by chain`, pgx.RowTo[int64])
}

// AuditAfter lists the events behind a position, the oldest of each chain first, and
// the position behind them. limit holds for each chain.
func (s *OperatorStore) AuditAfter(ctx context.Context, p AuditPosition, limit int) ([]storage.AuditEvent, AuditPosition, error) {
	behind := append(AuditPosition{}, p...)
	events, err := queryAll(ctx, s.Store, s.as, "follow the audit log", `select `+auditColumns+`, e.chain, e.seq
		from unnest($1::bigint[]) with ordinality p (seq, n)
		join platform.audit_events e on e.chain = p.n - 1 and e.seq > p.seq and e.seq <= p.seq + $2 order by e.id`,
		func(row pgx.CollectableRow) (storage.AuditEvent, error) {
			var chain, seq int64
			e, err := scanAudit(withMore{row, []any{&chain, &seq}})
			if err == nil && chain < int64(len(behind)) {
				behind[chain] = max(behind[chain], seq)
			}
			return e, err
		}, []int64(p), limit)
	return events, behind, err
}

// withMore scans columns behind those that a scanner asks for.
type withMore struct {
	pgx.CollectableRow
	more []any
}

// Scan implements [pgx.CollectableRow].
func (r withMore) Scan(into ...any) error { return r.CollectableRow.Scan(append(into, r.more...)...) }

// AuditCheck is what came of verifying the log.
type AuditCheck struct {
	// Events is how many are there.
	Events int64
	// Chain and Seq are where the first break is, in a chain whose links before it
	// hold; Broken says that there is one.
	Broken     bool
	Chain, Seq int64
}

type auditHead struct {
	Chain, BaseSeq int64
	BaseHash       []byte
	Seq            int64
	Hash           []byte
}

const auditHeads = `select chain, base_seq, base_hash, seq, hash from platform.audit_heads`

// VerifyAudit computes every hash anew: an event that was changed, removed or put in
// between breaks its chain.
func (s *OperatorStore) VerifyAudit(ctx context.Context) (AuditCheck, error) {
	var all AuditCheck
	heads, err := queryAll(ctx, s.Store, s.as, "read the ends of the audit log", auditHeads+` order by chain`, pgx.RowToStructByPos[auditHead])
	if err != nil {
		return all, err
	}
	for _, head := range heads {
		broken, err := s.verifyChain(ctx, head)
		if err != nil {
			return all, err
		}
		if broken > 0 {
			return AuditCheck{Broken: true, Chain: head.Chain, Seq: broken}, nil
		}
		all.Events += head.Seq - head.BaseSeq
	}
	return all, nil
}

// verifyChain is the number of the first event that does not follow from the one
// before; 0 when all do.
func (s *OperatorStore) verifyChain(ctx context.Context, head auditHead) (int64, error) {
	type part struct {
		Count  int64
		Broken *int64
		Hash   []byte
	}
	const atOnce = 5000
	hash := head.BaseHash
	for seq := head.BaseSeq; seq < head.Seq; seq += atOnce {
		to := min(seq+atOnce, head.Seq)
		p, err := queryOne(ctx, s.Store, s.as, "verify the audit log", `select count(*), min(l.seq) filter (where l.hash <> l.expected),
				(array_agg(l.hash order by l.seq desc))[1]
			from (select e.seq, e.hash, platform.audit_digest(coalesce(lag(e.hash) over (order by e.seq), $4), e) as expected
			        from platform.audit_events e where e.chain = $1 and e.seq > $2 and e.seq <= $3) l`, pgx.RowToStructByPos[part], head.Chain, seq, to, hash)
		if err != nil {
			return 0, err
		}
		if p.Broken != nil || p.Count != to-seq {
			return s.stillBroken(ctx, head, p.Broken, seq+1)
		}
		hash = p.Hash
	}
	if string(hash) != string(head.Hash) {
		return head.Seq, nil
	}
	return 0, nil
}

// stillBroken begins again when the oldest events were let go meanwhile.
func (s *OperatorStore) stillBroken(ctx context.Context, head auditHead, broken *int64, first int64) (int64, error) {
	now, err := queryOne(ctx, s.Store, s.as, "read the end of the audit log", auditHeads+` where chain = $1`, pgx.RowToStructByPos[auditHead], head.Chain)
	if err != nil || now.BaseSeq > head.BaseSeq {
		if err != nil {
			return 0, err
		}
		return s.verifyChain(ctx, now)
	}
	if broken != nil {
		return *broken, nil
	}
	return first, nil
}
