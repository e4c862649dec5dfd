package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// A replica that cannot read the keys when it is told that one was revoked, or that is not
// told, does not use it on for a minute.
func TestKeepKeys_RevokedInTheDark(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *storagetest.World, deaf *atomic.Bool) (mend func()){
		"reading fails": func(w *storagetest.World, _ *atomic.Bool) func() {
			w.Exec(`revoke select on platform.signing_keys from gatehouse_app`)
			return func() { w.Exec(`grant select on platform.signing_keys to gatehouse_app`) }
		},
		"the feed is down": func(_ *storagetest.World, deaf *atomic.Bool) func() {
			deaf.Store(true)
			return func() {}
		},
	}
	for name, darken := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := storagetest.NewDSN(t)
			w := storagetest.NewWorld(t, dsn)
			var deaf atomic.Bool
			elsewhere := storagetest.Open(t, dsn, postgres.Options{})
			here := storagetest.Open(t, dsn, postgres.Options{DialFunc: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return &deafConn{Conn: conn, deaf: &deaf}, err
			}})
			var rings [2]*keys.Ring
			for i, s := range []*postgres.Store{elsewhere, here} {
				ring, err := keys.Open(t.Context(), s, bytes.Repeat([]byte("s"), 32), time.Now)
				if err != nil {
					t.Fatal(err)
				}
				rings[i] = ring
			}
			ctx, stop := context.WithCancel(t.Context())
			kept := make(chan error, 1)
			go func() { kept <- keepKeys(ctx, rings[1], here, slog.New(slog.DiscardHandler)) }()
			defer func() { stop(); <-kept }()
			for begun := time.Now(); !here.Fresh(); time.Sleep(10 * time.Millisecond) {
				if time.Since(begun) > 30*time.Second {
					t.Fatal("the feed is not read")
				}
			}

			var kid string
			w.Get(`select kid from platform.signing_keys where active_at is not null limit 1`, nil, &kid)
			mend := darken(w, &deaf)
			// As the other replica does it, which here may be in the dark too.
			w.Exec(`update platform.signing_keys set retired_at = now(), expires_at = now() where kid = $1`, kid)
			here.CatchUp(t.Context())
			time.Sleep(200 * time.Millisecond)
			mend()
			mended := time.Now()
			for published := true; published; time.Sleep(10 * time.Millisecond) {
				document, _ := rings[1].JWKS()
				published = bytes.Contains(document, []byte(kid))
				if time.Since(mended) > 10*time.Second {
					t.Fatal("a revoked key is still published after ten seconds")
				}
			}
		})
	}
}

// deafConn cannot listen for changes while it is deaf.
type deafConn struct {
	net.Conn
	deaf  *atomic.Bool
	hears atomic.Bool
}

func (c *deafConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("listen gatehouse")) {
		c.hears.Store(true)
	}
	if c.hears.Load() && c.deaf.Load() {
		_ = c.Close()
		return 0, errors.New("deaf")
	}
	return c.Conn.Write(p)
}
