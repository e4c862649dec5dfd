package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// appRole is the role that row-level security binds; migration 1 makes it.
const appRole = "gatehouse_app"

// acquireTimeout bounds the wait for a connection: a caller is better served by
// an early 503 than by a queue.
const acquireTimeout = 2 * time.Second

// connectTimeout bounds how long a connection is in the making, where the
// connection string does not: nobody tells of a network that swallows everything.
const connectTimeout = 5 * time.Second

// What PostgreSQL would have ended by itself, had it heard of it, is given up: a
// statement after its timeout and a little, a transaction when it has taken three times
// as long, unless it is unhurried; sooner while the feed, which looks twice a second,
// hears nothing either.
const (
	tripTimeout = 11 * time.Second
	txTimeout   = 30 * time.Second
	lostTimeout = 3 * time.Second
)

// ErrUnsafeRole says that the database user would see through row-level security.
var ErrUnsafeRole = errors.New("the database user bypasses row-level security and cannot become " + appRole)

// Options are the settings of a [Store].
type Options struct {
	// MaxConns bounds the pool; 0 leaves it to the driver (four, or one per core).
	MaxConns int32
	// Tracer sees each query; nil for none.
	Tracer pgx.QueryTracer
	Log    *slog.Logger
	// Clock is set right by the database's, at once and then twice a second; nil for none.
	Clock *Clock
	// DialFunc replaces the network, so that a test can count what crosses it.
	DialFunc pgconn.DialFunc
}

// Store is the pool of connections to one database. It is safe for concurrent use.
type Store struct {
	pool  *pgxpool.Pool
	feed  *feed
	clock *Clock
	log   *slog.Logger
	// within is the transaction that [OperatorStore.Together] has opened, if any.
	within pgx.Tx

	clients   *cache[authz.ClientID, *storage.Client]
	roll      *roll
	catalogue *cache[struct{}, *Catalogue]
	groups    *cache[authz.GroupID, authz.GroupRights]
	tenants   *cache[authz.TenantID, tenantName]
	bans      *cache[struct{}, *banList]
	lastBans  *lastBans
}

// Open connects to the database of a connection string, as the role that
// row-level security binds. Its error is [ErrUnsafeRole] where there is no such
// role to become and the user would see everything.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The parser's error may quote the string, and the string may hold a password.
		return nil, errors.New("parse the database URL: it is not a valid PostgreSQL connection string")
	}
	if config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, errors.New("open the database: its URL asks for the simple protocol, by which values become part of statements: leave default_query_exec_mode out, or say exec")
	}
	if o.MaxConns > 0 {
		config.MaxConns = o.MaxConns
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if o.DialFunc != nil {
		config.ConnConfig.DialFunc = o.DialFunc
	}
	if o.Tracer != nil {
		config.ConnConfig.Tracer = o.Tracer
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = NewClock(time.Now)
	}
	config.ConnConfig.RuntimeParams["application_name"] = "gatehouse"
	// The schema is always written out; nothing may be shadowed from public.
	config.ConnConfig.RuntimeParams["search_path"] = "pg_catalog"
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	config.ConnConfig.RuntimeParams["statement_timeout"] = "10000"
	// A statement is planned once for each connection. So it is planned by its indexes: that
	// a table was empty then says nothing of later. Where there is no index the plan's price
	// says nothing either, and none is worth a compiler.
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	config.ConnConfig.RuntimeParams["enable_seqscan"] = "off"
	config.ConnConfig.RuntimeParams["jit"] = "off"
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{Name: "uuid", OID: pgtype.UUIDOID, Codec: uuidCodec{}})
		return becomeAppRole(ctx, conn)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, translate("connect to the database", err)
	}
	s := &Store{pool: pool, clock: o.Clock, log: o.Log, lastBans: &lastBans{}}
	if err := s.setClock(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	s.feed = newFeed(config.ConnConfig.Copy(), o.Clock, o.Log)
	s.clients = newCache(s.feed, s.clientByID, func(c Change) (authz.ClientID, bool) {
		return authz.ClientID(c.ID), c.Table != "tenants"
	}, "clients", "client_groups", "tenants")
	s.roll = newRoll(s.feed, s.clientIDs)
	s.catalogue = newCache(s.feed, s.readCatalogue, nil, "scopes", "roles", "resources", "tenants")
	s.groups = newCache[authz.GroupID, authz.GroupRights](s.feed, nil, changedID[authz.GroupID], "user_groups")
	s.tenants = newCache[authz.TenantID, tenantName](s.feed, nil, changedID[authz.TenantID], "tenants")
	s.bans = newCache(s.feed, s.readBans, nil, "ip_bans")
	s.feed.start()
	return s, nil
}

// changedID is the row that changed, where rows are named by a UUID.
func changedID[I ~[16]byte](c Change) (I, bool) {
	id, err := authz.ParseID[I](c.ID)
	return id, err == nil
}

// becomeAppRole leaves whatever rights the login has, and refuses to go on when
// what remains would see every row.
func becomeAppRole(ctx context.Context, conn *pgx.Conn) error {
	var member, bypasses bool
	err := conn.QueryRow(ctx, `
		select coalesce((select pg_has_role(oid, 'member') from pg_roles where rolname = $1), false),
		       (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)`, appRole).
		Scan(&member, &bypasses)
	if err != nil {
		return err
	}
	if member {
		_, err = conn.Exec(ctx, `set role `+appRole)
		return err
	}
	if bypasses {
		return ErrUnsafeRole
	}
	return nil
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	const act = "ping the database"
	conn, err := s.acquire(ctx, acquireTimeout)
	if err != nil {
		return translate(act, err)
	}
	defer conn.Release()
	return outcome(act, conn, conn.Ping(ctx))
}

func (s *Store) setClock(ctx context.Context) error {
	const act = "ask the database for the time"
	conn, err := s.acquire(ctx, tripTimeout) // the first connection may be long in the making
	if err != nil {
		return translate(act, err)
	}
	defer conn.Release()
	asked, said := s.clock.own(), time.Time{}
	if err := conn.QueryRow(ctx, `select clock_timestamp()`).Scan(&said); err != nil {
		return outcome(act, conn, err)
	}
	s.clock.heard(asked, said)
	return nil
}

// Close waits for running queries and closes every connection.
func (s *Store) Close() {
	s.feed.close()
	s.pool.Close()
}

// acting says on whose behalf a query runs, in the words of the policies.
type acting struct {
	user       authz.UserID
	tenant     authz.TenantID
	row        fmt.Stringer
	identifier string
	operator   bool
}

// Every setting is set each time, so that nothing is left from the last one.
const setActing = `
	select set_config('app.user_id', $1, true), set_config('app.tenant_id', $2, true),
	       set_config('app.row_id', $3, true), set_config('app.identifier', $4, true),
	       set_config('app.operator', $5, true)`

func (a acting) args() []any {
	row, operator := "", ""
	if a.row != nil {
		row = a.row.String()
	}
	if a.operator {
		operator = "on"
	}
	return []any{a.user.String(), a.tenant.String(), row, a.identifier, operator}
}

// batch sends who is acting and the queued statements in one trip. They run in
// one transaction, which PostgreSQL makes of everything up to the next Sync.
func (s *Store) batch(ctx context.Context, act string, a acting, queue func(*pgx.Batch)) error {
	b := &pgx.Batch{}
	b.Queue(setActing, a.args()...)
	queue(b)
	return s.send(ctx, act, b)
}

// ask sends one statement that says by itself who is acting: "offset 0" holds the
// order, so that what a look-up by secret opens is open when the rest is read.
func (s *Store) ask(ctx context.Context, act, statement string, args []any, scan func(pgx.Row) error) error {
	b := &pgx.Batch{}
	b.Queue(statement, args...).QueryRow(scan)
	return s.send(ctx, act, b)
}

func (s *Store) send(ctx context.Context, act string, b *pgx.Batch) error {
	if s.within != nil {
		return translate(act, s.within.SendBatch(ctx, b).Close())
	}
	ctx, cancel := s.bounded(ctx, tripTimeout)
	defer cancel()
	conn, err := s.acquire(ctx, acquireTimeout)
	if err != nil {
		return translate(act, err)
	}
	defer conn.Release()
	return outcome(act, conn, conn.SendBatch(ctx, b).Close())
}

func (s *Store) bounded(ctx context.Context, usual time.Duration) (context.Context, context.CancelFunc) {
	if s.feed.lost() {
		usual = lostTimeout
	}
	return context.WithTimeout(ctx, usual)
}

func (s *Store) acquire(ctx context.Context, patience time.Duration) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		// The driver says it in many ways, some of them mere texts, as when one connection after the other is found dead.
		err = fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	return conn, err
}

// UserStore reaches the rows of one user.
type UserStore struct {
	*Store
	as acting
}

// ForUser is the door to what belongs to one user.
func (s *Store) ForUser(id authz.UserID) *UserStore {
	return &UserStore{Store: s, as: acting{user: id}}
}

// TenantStore reaches the rows of one tenant.
type TenantStore struct {
	*Store
	as acting
}

// ForTenant is the door to what belongs to one tenant.
func (s *Store) ForTenant(id authz.TenantID) *TenantStore {
	return &TenantStore{Store: s, as: acting{tenant: id}}
}

// OperatorStore reaches every row: it is for authz/directory, which has judged
// who is asking, and for the keeping of the house.
type OperatorStore struct {
	*Store
	as acting
}

// ForOperator is the door for those who look after the whole deployment.
func (s *Store) ForOperator() *OperatorStore {
	return &OperatorStore{Store: s, as: acting{operator: true}}
}
