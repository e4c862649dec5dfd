package postgres_test

import (
	"context"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"github.com/gatehouse/gatehouse/migrations"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func migrator(t *testing.T, dsn string) *postgres.Migrator {
	t.Helper()
	m, err := postgres.NewMigrator(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestMigrate_UpDownUp(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), storagetest.Empty(t)
	m, w := migrator(t, dsn), storagetest.NewWorld(t, dsn)
	relations := func() string {
		return w.Text(`select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where n.nspname in ('platform', 'public') and c.relname not like 'gatehouse_migrations%' order by 1`)
	}

	up, err := m.Up(ctx)
	if err != nil || len(up) == 0 {
		t.Fatalf("Up = %v, %v", up, err)
	}
	if have, want, err := m.Version(ctx); err != nil || have != want || have != up[len(up)-1] {
		t.Errorf("Version = %d of %d, %v; want %d", have, want, err, up[len(up)-1])
	}
	if again, err := m.Up(ctx); err != nil || len(again) != 0 {
		t.Errorf("Up on a migrated database = %v, %v; want nothing", again, err)
	}
	built := relations()

	down, err := m.DownTo(ctx, 0)
	slices.Reverse(down)
	if err != nil || !slices.Equal(down, up) {
		t.Fatalf("DownTo(0) = %v, %v; want %v", down, err, up)
	}
	if left := relations(); left != "" {
		t.Errorf("taking the migrations back left:\n%s", left)
	}
	if _, err := m.Up(ctx); err != nil {
		t.Fatalf("Up after DownTo: %v", err)
	}
	if again := relations(); again != built {
		t.Errorf("the second time the migrations built\n%s\nand the first time\n%s", again, built)
	}
}

// Replicas that start at once migrate one after the other: each migration is
// applied by one of them, and none fails.
func TestMigrate_ReplicasAtOnce(t *testing.T) {
	t.Parallel()
	const replicas = 5
	dsn := storagetest.Empty(t)
	var mu sync.Mutex
	var applied []int64
	var group sync.WaitGroup
	for range replicas {
		m := migrator(t, dsn)
		group.Go(func() {
			versions, err := m.Up(context.Background())
			if err != nil {
				t.Errorf("Up: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			applied = append(applied, versions...)
		})
	}
	group.Wait()
	slices.Sort(applied)
	files, err := fs.Glob(migrations.Files, "0*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if len(applied) != len(files) || len(slices.Compact(slices.Clone(applied))) != len(applied) {
		t.Errorf("%d replicas applied %v, want each of %d migrations once", replicas, applied, len(files))
	}
}
