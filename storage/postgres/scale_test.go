package postgres_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// crowdOf is how many users the larger of two worlds has: what CI can afford, or
// what GATEHOUSE_SCALE says (make scale).
func crowdOf(t *testing.T) storagetest.Crowd {
	users := 50_000
	if text := os.Getenv("GATEHOUSE_SCALE"); text != "" {
		var err error
		if users, err = strconv.Atoi(text); err != nil {
			t.Fatalf("GATEHOUSE_SCALE: %v", err)
		}
	}
	return storagetest.Crowd{Users: users, Tenants: users / 100, Memberships: 3 * users}
}

// large is the tables that nobody may read from end to end to answer about a few.
var large = []string{"users", "user_search", "user_group_memberships", "user_groups", "tenants", "user_scopes", "user_preferences"}

// TestScale: what an operator and a token ask for takes at most twenty times as
// long among a crowd as among a thousand, and no table that grows with the crowd
// is read from end to end.
func TestScale(t *testing.T) {
	small := storagetest.Crowd{Users: 1000, Tenants: 10, Memberships: 3000}
	crowd := crowdOf(t)
	base, much := timesIn(t, small), timesIn(t, crowd)
	for _, ask := range asks("") {
		a, b := base[ask.name], much[ask.name]
		t.Logf("%-28s %8.2f ms at %d users, %8.2f ms at %d: %.1f times", ask.name, ms(a), small.Users, ms(b), crowd.Users, float64(b)/float64(a))
		// Below a millisecond the difference is the machine's.
		if b > 20*max(a, time.Millisecond) {
			t.Errorf("%s takes %.2f ms, %.1f times as long as among %d users", ask.name, ms(b), float64(b)/float64(a), small.Users)
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

type ask struct {
	name string
	do   func(context.Context, *postgres.OperatorStore) (found int, err error)
}

// asks is what is asked in a world, each of which must find somebody.
func asks(middle string) []ask {
	list := func(f postgres.UserFilter) func(context.Context, *postgres.OperatorStore) (int, error) {
		return func(ctx context.Context, s *postgres.OperatorStore) (int, error) {
			f.Limit = 51
			users, err := s.Users(ctx, f)
			return len(users), err
		}
	}
	disabled := true
	return []ask{
		{"list", list(postgres.UserFilter{})},
		{"list, from the middle on", func(ctx context.Context, s *postgres.OperatorStore) (int, error) {
			u, err := s.UserByIdentifier(ctx, middle)
			if err != nil {
				return 0, err
			}
			users, err := s.Users(ctx, postgres.UserFilter{After: u.ID, Limit: 51})
			return len(users), err
		}},
		{"list by role", list(postgres.UserFilter{Role: authz.RoleAdmin})},
		{"list by tenant", func(ctx context.Context, s *postgres.OperatorStore) (int, error) {
			tenant, err := s.TenantBySlug(ctx, "tenant7")
			if err != nil {
				return 0, err
			}
			return list(postgres.UserFilter{Tenant: tenant.ID})(ctx, s)
		}},
		{"list by group", func(ctx context.Context, s *postgres.OperatorStore) (int, error) {
			tenant, err := s.TenantBySlug(ctx, "tenant7")
			if err != nil {
				return 0, err
			}
			groups, err := s.Groups(ctx, tenant.ID, authz.GroupID{}, 51)
			if err != nil {
				return 0, err
			}
			return list(postgres.UserFilter{Group: groups[0].ID})(ctx, s)
		}},
		{"list the disabled", list(postgres.UserFilter{Disabled: &disabled})},
		{"list those who never came", list(postgres.UserFilter{NeverLoggedIn: true})},
		{"list those of one day", list(postgres.UserFilter{
			LastLoginAfter: time.Date(2025, 12, 30, 0, 0, 0, 0, time.UTC), LastLoginBefore: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)})},
		{"list the long gone", list(postgres.UserFilter{LastLoginBefore: time.Date(2025, 1, 3, 0, 0, 0, 0, time.UTC)})},
		{"search, one found", list(postgres.UserFilter{Search: middle + "@"})},
		{"search, all found", list(postgres.UserFilter{Search: "Hooli.EXAMPLE"})},
		{"search, accents left out", list(postgres.UserFilter{Search: "Bela Ost"})},
		{"search, accents made up", list(postgres.UserFilter{Search: "Bélá Óst"})},
		{"search, letters swapped", func(ctx context.Context, s *postgres.OperatorStore) (int, error) {
			users, err := s.SimilarUsers(ctx, postgres.UserFilter{Search: "ptera"})
			return len(users), err
		}},
		{"search, misspelt", func(ctx context.Context, s *postgres.OperatorStore) (int, error) {
			users, err := s.SimilarUsers(ctx, postgres.UserFilter{Search: "jonatan lindstien"})
			return len(users), err
		}},
		{"show by name", func(ctx context.Context, s *postgres.OperatorStore) (int, error) {
			u, err := s.UserByIdentifier(ctx, middle)
			if err != nil {
				return 0, err
			}
			p, err := s.ForUser(u.ID).Person(ctx)
			return len(p.Tenants), err
		}},
		{"derive", func(ctx context.Context, s *postgres.OperatorStore) (int, error) {
			u, err := s.UserByIdentifier(ctx, middle)
			if err != nil {
				return 0, err
			}
			p, err := s.ForUser(u.ID).Person(ctx)
			if err != nil {
				return 0, err
			}
			d := authz.Derive(authz.Request{
				Requested: authz.ScopeSet{"openid", "tools:execute", "reports:read"}, Client: []authz.Pattern{"*"}, User: &p.Rights,
				Context: authz.Context{Tenant: p.Preferences.Tenant},
			})
			return len(d.Outcomes), nil
		}},
	}
}

// timesIn is how long each ask takes in a world of its own: the median of a few,
// the first, which warms up, left out. In the larger world the plans are looked at.
func timesIn(t *testing.T, c storagetest.Crowd) map[string]time.Duration {
	t.Helper()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	w.Populate(c)
	said := &statements{}
	s := storagetest.Open(t, dsn, postgres.Options{Tracer: said})
	var middle string
	w.Get(`select username from platform.users order by id offset $1 limit 1`, []any{c.Users / 2}, &middle)
	before := readFromEndToEnd(w)
	times := map[string]time.Duration{}
	for _, ask := range asks(middle) {
		var took []time.Duration
		for i := range 8 {
			start := time.Now()
			found, err := ask.do(t.Context(), s.ForOperator())
			if err != nil || found == 0 {
				t.Fatalf("%s among %d users: found %d, %v", ask.name, c.Users, found, err)
			}
			if i > 0 {
				took = append(took, time.Since(start))
			}
		}
		slices.Sort(took)
		times[ask.name] = took[len(took)/2]
	}
	if c.Users > 10_000 {
		said.explain(t, dsn)
		s.Close() // each connection reports what it has read when it ends
		if after := readFromEndToEnd(w); after != before {
			t.Errorf("rows read from end to end, by table: %s; before: %s", after, before)
		}
	}
	return times
}

// readFromEndToEnd is how many rows of each large table sequential scans have read;
// it sees into functions, which EXPLAIN does not.
func readFromEndToEnd(w *storagetest.World) string {
	w.Exec(`select pg_stat_force_next_flush()`)
	for range 50 {
		var others int
		w.Get(`select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state is not null`, nil, &others)
		if others == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return w.Text(`select relname, seq_tup_read from pg_stat_user_tables where relname = any($1) order by 1`, large)
}

// statements keeps each distinct batch that the store sends.
type statements struct {
	mu      sync.Mutex
	batches map[string]*pgx.Batch
}

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	var key strings.Builder
	for _, q := range d.Batch.QueuedQueries {
		key.WriteString(q.SQL)
	}
	if strings.Contains(key.String(), "pg_current_snapshot") {
		return ctx // the feed, which has settings of its own
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.batches == nil {
		s.batches = map[string]*pgx.Batch{}
	}
	s.batches[key.String()] = d.Batch
	return ctx
}

func (*statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func (*statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

var scanned = regexp.MustCompile(`"Node Type": "Seq Scan"[^{}]*"Relation Name": "([a-z_]+)"`)

// explain asks for the plan of each statement, in the settings it was sent with, and
// fails on one that reads a large table from end to end.
func (s *statements) explain(t *testing.T, dsn string) {
	t.Helper()
	ctx, conn := t.Context(), connect(t, dsn)
	if _, err := conn.Exec(ctx, `set role gatehouse_app`); err != nil {
		t.Fatal(err)
	}
	explained := 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, batch := range s.batches {
		tx, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range batch.QueuedQueries {
			if strings.Contains(q.SQL, "set_config(") && !strings.Contains(q.SQL, "platform.") {
				if _, err := tx.Exec(ctx, q.SQL, q.Arguments...); err != nil {
					t.Fatal(err)
				}
				continue
			}
			plan := strings.Join(column(t, tx, `explain (format json) `+q.SQL, q.Arguments...), "")
			explained++
			for _, scan := range scanned.FindAllStringSubmatch(plan, -1) {
				if slices.Contains(large, scan[1]) {
					t.Errorf("%s is read from end to end by\n%s\n%s", scan[1], q.SQL, plan)
				}
			}
		}
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if explained < 12 {
		t.Errorf("only %d statements were explained", explained)
	}
}
