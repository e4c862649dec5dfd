package postgres

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// FeedCursor is where somebody who remembers what changed, outside of this
// deployment, has read on to. The zero value begins.
type FeedCursor struct {
	// Lineage names the database that the snapshots are of, and its last start:
	// those of another one mean nothing.
	Lineage string
	// From is the snapshot up to which everything was read. To and After say how far
	// the present reading has come: the snapshot that it ends with, and the last entry.
	From, To, AfterTable, AfterID, AfterAgent string
}

// FeedPage is one part of a reading.
type FeedPage struct {
	Entries []FeedEntry
	Next    FeedCursor
	// More: the reading goes on.
	More bool
	// Beginning: it is not of news alone, so that its changes may have been committed long ago.
	Beginning bool
}

// FeedEntry is an id that is dead, or whose rights changed. An agent's are told with its
// owner's, so that an id may come more than once.
type FeedEntry struct {
	ID string
	// DeadUntil is when a dead id may be forgotten; zero for one that is not dead.
	DeadUntil time.Time
	// ChangedAt is when a change of rights was noted last, which is before it was
	// committed; zero for a dead id.
	ChangedAt time.Time
}

// feedPageSize keeps a page below 64 KiB on the wire.
const feedPageSize = 1000

const (
	feedHead = `
		select '' as kind, pg_current_snapshot()::text as id, '' as agent,
		       null::timestamptz as at, concat_ws(' ', system_identifier, timeline_id, current_database(), pg_postmaster_start_time()) as lineage
		  from pg_control_system(), pg_control_checkpoint()
		union all (
		select kind, id, agent, at, '' from (select * from (
			select 'revoked_tokens' as kind, jti as id, expires_at as at, null::uuid as owner from platform.revoked_tokens where expires_at > now()`
	feedMiddle = `
			union all
			select 'changes', row_id, max(at), (case when bool_or(table_name in ('users', 'user_group_memberships')) then row_id end)::uuid
			  from platform.changes
			 where table_name in ('users', 'user_group_memberships', 'tenants', 'clients', 'client_groups')`
	// An agent's token rests on its owner too, and does not name them: so of each user who
	// changed it is told which agents are theirs. They are looked up for one page alone: each
	// row gives one entry at least, but for the one that the last page ended with.
	feedTail = `
			 group by row_id) e
		 where (kind, id) >= ($1, $2) order by kind, id limit $4 + 1) e
		 cross join unnest(array(select '' union all select c.id from platform.clients c where c.owner_id = e.owner and c.kind = 'agent')) agent
		 where (kind, id, agent) > ($1, $2, $3) order by kind, id, agent limit $4)`
	unseen = ` and txid >= pg_snapshot_xmin($5::pg_snapshot) and not pg_visible_in_snapshot(txid, $5::pg_snapshot)`

	feedFromTheBeginning = feedHead + feedMiddle + feedTail
	feedNews             = feedHead + unseen + feedMiddle + unseen + feedTail
)

// FeedPage reads on from a cursor. Of a database that is not the one the cursor
// speaks of, or that was started anew, everything is read again.
func (s *Store) FeedPage(ctx context.Context, c FeedCursor) (FeedPage, error) {
	statement, args := feedFromTheBeginning, []any{c.AfterTable, c.AfterID, c.AfterAgent, feedPageSize + 1}
	if c.From != "" {
		statement, args = feedNews, append(args, c.From)
	}
	page := FeedPage{Beginning: c.From == ""}
	snapshot, lineage := "", ""
	err := s.batch(ctx, "read the feed", acting{}, func(b *pgx.Batch) {
		b.Queue(statement, args...).Query(func(rows pgx.Rows) error {
			var kind, id, agent, of string
			var at *time.Time
			_, err := pgx.ForEachRow(rows, []any{&kind, &id, &agent, &at, &of}, func() error {
				switch {
				case kind == "":
					snapshot, lineage = id, of
					return nil
				case len(page.Entries) == feedPageSize:
					page.More = true
					return nil
				case kind == "changes":
					page.Entries = append(page.Entries, FeedEntry{ID: cmp.Or(agent, id), ChangedAt: *at})
				default:
					page.Entries = append(page.Entries, FeedEntry{ID: id, DeadUntil: *at})
				}
				page.Next.AfterTable, page.Next.AfterID, page.Next.AfterAgent = kind, id, agent
				return nil
			})
			return err
		})
	})
	if err != nil {
		return FeedPage{}, err
	}
	if c != (FeedCursor{}) && c.Lineage != lineage {
		return s.FeedPage(ctx, FeedCursor{})
	}
	page.Next.Lineage, page.Next.From, page.Next.To = lineage, c.From, c.To
	if page.Next.To == "" {
		page.Next.To = snapshot
	}
	if !page.More {
		page.Next = FeedCursor{Lineage: lineage, From: page.Next.To}
	}
	return page, nil
}
