package postgres_test

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"

	"github.com/gatehouse/gatehouse/storage/postgres"
)

// wire is the network between a store and its database, with which a test interferes.
type wire struct {
	// sent may refuse what is to be sent, which ends the connection; nil sends everything.
	sent func(c *wired, p []byte) error
	// came may change what came, or lose it by saying false; nil passes everything on.
	came func(c *wired, p []byte) bool
}

func (w *wire) options() postgres.Options { return postgres.Options{DialFunc: w.dial, MaxConns: 20} }

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &wired{Conn: conn, wire: w}, err
}

type wired struct {
	net.Conn
	wire *wire
	// feed is set for a connection that listens.
	feed atomic.Bool
}

func (c *wired) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("listen gatehouse")) {
		c.feed.Store(true)
	}
	if c.wire.sent != nil {
		if err := c.wire.sent(c, p); err != nil {
			_ = c.Close()
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

func (c *wired) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || c.wire.came == nil || c.wire.came(c, p[:n]) {
			return n, err
		}
	}
}
