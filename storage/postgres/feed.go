package postgres

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// feed listens for what the triggers of migration 1 announce. While it hears
// nothing because its connection is gone, the caches hold nothing either.
type feed struct {
	config *pgx.ConnConfig
	log    *slog.Logger
	stop   context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	heard map[string][]func()
	live  []func(bool)
}

func newFeed(config *pgx.ConnConfig, log *slog.Logger) *feed {
	return &feed{config: config, log: log, done: make(chan struct{}), heard: map[string][]func(){}}
}

// on registers what is to be done when a table changed, and when the feed comes
// to life or dies.
func (f *feed) on(changed func(), live func(bool), tables ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, table := range tables {
		f.heard[table] = append(f.heard[table], changed)
	}
	f.live = append(f.live, live)
}

func (f *feed) start() {
	ctx, cancel := context.WithCancel(context.Background())
	f.stop = cancel
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			err := f.listen(ctx)
			f.tellLive(false)
			if ctx.Err() != nil {
				return
			}
			f.log.Warn("the change feed was cut; caches are off until it is back", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
}

func (f *feed) close() {
	f.stop()
	<-f.done
}

func (f *feed) listen(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, f.config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `listen gatehouse`); err != nil {
		return err
	}
	f.tellLive(true)
	for {
		n, err := f.await(ctx, conn)
		if err != nil {
			return err
		}
		if n != "" {
			f.tellChanged(n)
		}
	}
}

// await waits for a notification, and asks for a sign of life when none comes: a
// connection that died silently must not look like one with nothing to say.
func (f *feed) await(ctx context.Context, conn *pgx.Conn) (string, error) {
	quiet, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	n, err := conn.WaitForNotification(quiet)
	switch {
	case err == nil:
		return n.Payload, nil
	case ctx.Err() != nil || quiet.Err() == nil:
		return "", err
	}
	alive, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return "", conn.Ping(alive)
}

func (f *feed) tellChanged(table string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, changed := range f.heard[table] {
		changed()
	}
}

func (f *feed) tellLive(live bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, tell := range f.live {
		tell(live)
	}
}
