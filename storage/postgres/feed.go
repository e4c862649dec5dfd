package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// trusted is how long what stands in memory may be used after the last look at
	// the database.
	trusted = 2 * time.Second
	// heartbeat is how often the feed looks when nobody wakes it.
	heartbeat = 500 * time.Millisecond
	// pace is how close readings may follow each other: what changes meanwhile shares one.
	pace = 4 * time.Millisecond
	// readTimeout is how long a look may hear nothing. It may take longer altogether: cut
	// off, it would have as much to read again, and what came meanwhile. The first, which
	// reads everything, has no bound.
	readTimeout = time.Second
	// overlap is read twice after the connection was gone. A database that crashed
	// gives out again the transaction ids that it had not written down, which it does
	// several times a second: by then the cursor may seem to have passed them.
	overlap = time.Minute
	// resumable is how long a gap may be after which reading goes on where it ended: well
	// before what was never read here is cleaned away.
	resumable = changesKept / 2
)

var errSilent = fmt.Errorf("nothing was heard for %v", readTimeout)

// Change is one row that was changed, or one id that was added to the ledger.
type Change struct {
	// Table is where; "new_clients" for a client that was added.
	Table string
	// ID names the row by its key: the jti of revoked_tokens, the user_id of a membership.
	ID string
	// ExpiresAt is when an entry of the ledger may be forgotten; zero for other tables.
	ExpiresAt time.Time
}

// Follower is told what changes. Its functions are called by one goroutine, in the
// order of commits, and must not ask the store anything.
type Follower struct {
	Tables []string
	// Reset says that everything known is void; what still counts follows, as far
	// as it is recorded: the living ledger, and the changes of the last hours.
	Reset   func()
	Changed func(Change)
	// Read, where it is set, is called after each complete reading, at least twice a second.
	Read func()
}

// feed reads what changed, on a connection of its own. Notifications wake it; a replica
// that changed something sends one with its next reading, which is once for many changes
// and holds up none of them: a notification inside their transactions would have these commit
// one by one. The truth is the cursor, a snapshot of the database: what a transaction wrote that
// the last reading could not see comes with the next one, whenever it began, however
// late it committed. So nothing is lost with a connection or a notification.
type feed struct {
	config *pgx.ConnConfig
	clock  *Clock
	log    *slog.Logger
	stop   context.CancelFunc
	done   chan struct{}
	born   time.Time

	// readAt is when the last complete reading began, since born; 0 for never.
	readAt atomic.Int64

	mu        sync.Mutex
	followers []Follower
	served    int                // how many of them have been told everything
	wake      context.CancelFunc // ends the present wait
	turn      chan struct{}      // closed after the next reading
	tell      bool               // whether others are to look, too

	notified atomic.Bool

	// What the goroutine alone uses.
	cursor  string
	lineage string
	// lookedAt is when the last complete reading began, by the clock on the wall: that one
	// goes on while the machine sleeps.
	lookedAt time.Time
	// earlier is where to read on after a gap; between overlap and twice as old.
	earlier, next string
	nextAt        time.Time
}

func newFeed(config *pgx.ConnConfig, clock *Clock, log *slog.Logger) *feed {
	f := &feed{config: config, clock: clock, log: log, done: make(chan struct{}), born: time.Now(), turn: make(chan struct{}), wake: func() {}}
	config.OnNotification = func(conn *pgconn.PgConn, n *pgconn.Notification) {
		if n.PID != conn.PID() {
			f.notified.Store(true)
		}
	}
	// Its notifications are worth no wait for the disk: who misses one looks by itself.
	config.RuntimeParams["synchronous_commit"] = "off"
	// A reading waits for no lock, and the first one may be long.
	config.RuntimeParams["statement_timeout"] = "0"
	return f
}

// follow tells a new follower everything, from the next reading on. Until then
// nothing in memory is trusted.
func (f *feed) follow(n Follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers = append(f.followers, n)
	f.readAt.Store(0)
	f.wake()
}

func (f *feed) start() {
	ctx, cancel := context.WithCancel(context.Background())
	f.stop = cancel
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			began := time.Now()
			err := f.listen(ctx)
			if ctx.Err() != nil {
				return
			}
			f.distrust()
			f.log.Warn("the change feed was cut; until it is back the database is asked instead of memory", "error", err)
			// A connection that lived for a while is replaced at once.
			select {
			case <-ctx.Done():
			case <-time.After(heartbeat - min(heartbeat, time.Since(began))):
			}
		}
	}()
}

func (f *feed) close() {
	f.stop()
	<-f.done
}

func (f *feed) now() int64 { return int64(time.Since(f.born)) }

// fresh reports whether memory may be trusted.
func (f *feed) fresh() bool {
	at := f.readAt.Load()
	return at != 0 && f.now()-at < int64(trusted)
}

// distrust has the database asked until it was read again: what it told others in the
// moment the connection broke is not known here.
func (f *feed) distrust() {
	if f.readAt.Load() != 0 {
		f.readAt.Store(f.now() - int64(trusted))
	}
}

// lost reports whether the database was heard of before, and is not any more.
func (f *feed) lost() bool { return f.readAt.Load() != 0 && !f.fresh() }

// catchUp waits until a reading that began after the call is complete, or until
// nothing in memory is trusted any more: either way nobody is served yesterday's.
func (f *feed) catchUp(ctx context.Context) {
	asked, first := f.now(), true
	for f.fresh() {
		f.mu.Lock()
		turn := f.turn
		f.tell = f.tell || first
		first = false
		f.wake()
		f.mu.Unlock()
		if f.readAt.Load() > asked {
			return
		}
		select {
		case <-turn:
		case <-ctx.Done():
			return
		case <-time.After(heartbeat):
		}
	}
}

func (f *feed) listen(ctx context.Context) error {
	conn, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		began := time.Now()
		wait, cancel := context.WithTimeout(ctx, heartbeat)
		if err := f.read(ctx, conn, f.begin(cancel)); err != nil {
			cancel()
			return err
		}
		err := f.await(wait, conn)
		cancel()
		if err != nil && ctx.Err() == nil && wait.Err() == nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(pace - time.Since(began))
	}
}

// begin opens a turn: whoever asks from here on is served by the next one. It reports
// whether somebody here has changed something of which the others are to hear.
func (f *feed) begin(wake context.CancelFunc) (tell bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake = wake
	f.notified.Store(false)
	tell, f.tell = f.tell, false
	return tell
}

// await returns when there may be something to read.
func (f *feed) await(ctx context.Context, conn *pgx.Conn) error {
	for !f.notified.Load() && ctx.Err() == nil {
		if err := conn.PgConn().WaitForNotification(ctx); err != nil {
			return err
		}
	}
	return nil
}

// connect listens before anything is read, so that nothing falls in between. Of a
// database that is not the one the cursor speaks of, everything is read again.
func (f *feed) connect(ctx context.Context) (*pgx.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(bounded, f.config)
	if err != nil {
		return nil, err
	}
	err = becomeAppRole(bounded, conn)
	if err == nil {
		_, err = conn.Exec(bounded, `listen gatehouse`)
	}
	var lineage string
	if err == nil {
		err = conn.QueryRow(bounded, `select concat_ws(' ', system_identifier, timeline_id, current_database())
			from pg_control_system(), pg_control_checkpoint()`).Scan(&lineage)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	if f.cursor = f.earlier; lineage != f.lineage {
		f.cursor, f.lineage = "", lineage
	}
	return conn, nil
}

const (
	// A dump that was restored brings numbers of another cluster's transactions,
	// which may lie in this one's future: the cursor would never pass them.
	renumberLedger = `update platform.revoked_tokens set txid = default where txid >= pg_snapshot_xmax(pg_current_snapshot())`

	readEverything = `
		select '' as table_name, pg_current_snapshot()::text, clock_timestamp()
		union all select 'revoked_tokens', jti, expires_at from platform.revoked_tokens where expires_at > now()
		union all select table_name, row_id, null from platform.changes`

	readNews = `
		select '' as table_name, pg_current_snapshot()::text, clock_timestamp()
		union all select 'revoked_tokens', jti, expires_at from platform.revoked_tokens
		 where txid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(txid, $1::pg_snapshot)
		union all select table_name, row_id, null from platform.changes
		 where txid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(txid, $1::pg_snapshot)`
)

// read looks once. One statement sees one snapshot, which is the next cursor.
func (f *feed) read(ctx context.Context, conn *pgx.Conn, tell bool) error {
	began, looked := f.now(), f.clock.own().Round(0)
	followers, newcomers := f.all()
	statement, args, heard := readNews, []any{f.cursor}, func() {}
	if newcomers || f.cursor == "" || looked.Sub(f.lookedAt) > resumable {
		statement, args = readEverything, nil
		if err := f.beginAnew(ctx, conn, followers); err != nil {
			return err
		}
	} else {
		bounded, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		silence := time.AfterFunc(readTimeout, func() { cancel(errSilent) })
		defer silence.Stop()
		ctx, heard = bounded, func() { silence.Reset(readTimeout) }
	}
	cursor := ""
	var c Change
	var at *time.Time
	asked := f.clock.own()
	b := &pgx.Batch{}
	if tell {
		b.Queue(`notify gatehouse`)
	}
	if statement == readEverything {
		b.Queue(`select set_config('enable_seqscan', 'on', true)`)
	}
	b.Queue(statement, args...).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&c.Table, &c.ID, &at}, func() error {
			heard()
			if c.Table == "" {
				cursor = c.ID
				f.setClock(asked, *at)
				return nil
			}
			if c.ExpiresAt = (time.Time{}); at != nil {
				c.ExpiresAt = *at
			}
			pass(followers, c)
			return nil
		})
		return err
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("read the feed: %w", cmp.Or(context.Cause(ctx), err))
	}
	f.advance(cursor)
	f.lookedAt = looked
	f.complete(began, followers)
	return nil
}

func (f *feed) setClock(asked, said time.Time) {
	if f.clock.heard(asked, said) {
		f.log.Warn("this machine's clock and the database's differ by more than a second, or do no more: the database's counts", "database_ahead", f.clock.Skew())
	}
}

func (f *feed) advance(cursor string) {
	begins := f.cursor == ""
	f.cursor = cursor
	if !begins && time.Since(f.nextAt) < overlap {
		return
	}
	xmin, _, _ := strings.Cut(cursor, ":")
	// A snapshot that sees nothing from there on.
	f.earlier, f.next, f.nextAt = f.next, xmin+":"+xmin+":", time.Now()
	if begins {
		f.earlier = f.next
	}
}

// beginAnew drops every cursor: if this reading fails, the next one has to read everything
// too, for nobody knows any more what came before.
func (f *feed) beginAnew(ctx context.Context, conn *pgx.Conn, followers []Follower) error {
	f.cursor, f.earlier, f.next = "", "", ""
	for _, n := range followers {
		n.Reset()
	}
	b := &pgx.Batch{}
	b.Queue(setActing, acting{operator: true}.args()...)
	b.Queue(renumberLedger)
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("read the feed: %w", err)
	}
	return nil
}

func (f *feed) all() (followers []Follower, newcomers bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.followers), f.served < len(f.followers)
}

// complete trusts what was read, unless someone has begun to follow meanwhile who
// was not told all of it.
func (f *feed) complete(began int64, told []Follower) {
	for _, n := range told {
		if n.Read != nil {
			n.Read()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.served = len(told); f.served == len(f.followers) {
		f.readAt.Store(began)
	}
	close(f.turn)
	f.turn = make(chan struct{})
}

func pass(followers []Follower, c Change) {
	for _, n := range followers {
		if slices.Contains(n.Tables, c.Table) {
			n.Changed(c)
		}
	}
}

// Follow tells what changes, beginning with everything that is recorded.
func (s *Store) Follow(f Follower) { s.feed.follow(f) }

// Fresh reports whether followers were told, within the last two seconds, of every
// change there was.
func (s *Store) Fresh() bool { return s.feed.fresh() }

// CatchUp returns when followers have been told of everything that was committed
// before the call, or when [Store.Fresh] is false.
func (s *Store) CatchUp(ctx context.Context) { s.feed.catchUp(ctx) }

// caughtUp passes on what a change came to, after this process has learned of it:
// who made a change must not be served yesterday's.
func (s *Store) caughtUp(ctx context.Context, err error) error {
	if err == nil && s.within == nil {
		s.feed.catchUp(ctx)
	}
	return err
}
