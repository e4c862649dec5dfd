package storagetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/migrations"
	"github.com/gatehouse/gatehouse/storage/embedded"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// New is a store on a fresh database with the current schema.
func New(t testing.TB) *postgres.Store {
	t.Helper()
	return Open(t, NewDSN(t), postgres.Options{})
}

// Open is one more store on a test's database: another replica.
func Open(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn, o)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// NewDSN is the connection string of a fresh database with the current schema,
// as its superuser: what a test does with it is not held back by row-level security.
func NewDSN(t testing.TB) string {
	t.Helper()
	cluster, err := theCluster()
	if err != nil {
		t.Fatalf("a PostgreSQL is needed: %v", err)
	}
	template, err := cluster.template()
	if err != nil {
		t.Fatalf("build template database: %v", err)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), cluster.count())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cluster.exec(ctx, fmt.Sprintf(`create database %s template %s strategy file_copy`, name, template)); err != nil {
		t.Fatalf("clone database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := cluster.exec(ctx, fmt.Sprintf(`drop database %s with (force)`, name)); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return cluster.dsn(name)
}

// Empty is the connection string of a fresh database without any schema.
func Empty(t testing.TB) string {
	t.Helper()
	cluster, err := theCluster()
	if err != nil {
		t.Fatalf("a PostgreSQL is needed: %v", err)
	}
	name := fmt.Sprintf("empty_%d_%d", os.Getpid(), cluster.count())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cluster.exec(ctx, `create database `+name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := cluster.exec(ctx, fmt.Sprintf(`drop database %s with (force)`, name)); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return cluster.dsn(name)
}

// cluster is where the databases are made.
type cluster struct {
	base string
	mu   sync.Mutex
	made int

	once     sync.Once
	name     string
	buildErr error
}

var theCluster = sync.OnceValues(startCluster)

// startCluster lives as long as the test process: the private PostgreSQL ends with
// it, whichever way it ends, and its files go too.
func startCluster() (*cluster, error) {
	if dsn := os.Getenv("GATEHOUSE_TEST_DATABASE_URL"); dsn != "" {
		return &cluster{base: dsn}, nil
	}
	dir, err := clusterDir()
	if err != nil {
		return nil, err
	}
	server, err := embedded.Start(context.Background(), embedded.Options{DataDir: dir, Throwaway: true})
	if err != nil {
		return nil, err
	}
	return &cluster{base: server.DSN(embedded.Database)}, nil
}

func (c *cluster) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	return c.made
}

func (c *cluster) dsn(database string) string {
	u, err := url.Parse(c.base)
	if err != nil || u.Scheme == "" {
		return c.base + " dbname=" + database
	}
	u.Path = "/" + database
	return u.String()
}

func (c *cluster) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, c.base)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// template is the database that is cloned, built once in a cluster for each state
// of the migrations, by whichever process is first.
func (c *cluster) template() (string, error) {
	c.once.Do(func() { c.name, c.buildErr = c.build() })
	return c.name, c.buildErr
}

func (c *cluster) build() (string, error) {
	name, err := templateName()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.base)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(hashtext('gatehouse test template'))`); err != nil {
		return "", err
	}
	var exists bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, name).Scan(&exists); err != nil || exists {
		return name, err
	}
	building := name + "_building"
	for _, statement := range []string{`drop database if exists ` + building + ` with (force)`, `create database ` + building} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return "", err
		}
	}
	if err := migrate(ctx, c.dsn(building)); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`alter database %s rename to %s`, building, name))
	return name, err
}

func migrate(ctx context.Context, dsn string) error {
	m, err := postgres.NewMigrator(dsn)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }()
	_, err = m.Up(ctx)
	return err
}

// templateName says which state of the migrations the template has.
func templateName() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(path, "0") {
			return err
		}
		content, err := fs.ReadFile(migrations.Files, path)
		sum.Write(content)
		return err
	})
	return "template_" + hex.EncodeToString(sum.Sum(nil)[:6]), err
}
