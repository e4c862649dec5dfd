package webtest

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
)

// Network is what lies between a house and its database, and can fail. Its zero
// value is well.
type Network struct {
	mu     sync.Mutex
	open   []net.Conn
	isCut  bool
	silent atomic.Bool
}

// Option puts the network between a house and its database.
func (n *Network) Option(_ *web.Config, o *postgres.Options) { o.DialFunc = n.dial }

func (n *Network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	for n.silent.Load() {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isCut {
		return nil, errors.New("canary: password=hunter2 host=db.internal")
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.open = append(n.open, c)
	return &networked{c, n}, nil
}

// Cut ends every connection and refuses new ones.
func (n *Network) Cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isCut = true
	n.closeAll()
}

// Silence loses whatever is sent from now on, and tells nobody.
func (n *Network) Silence() { n.silent.Store(true) }

// Mend makes the network well; connections that were silent are closed.
func (n *Network) Mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isCut = false
	if n.silent.Swap(false) {
		n.closeAll()
	}
}

func (n *Network) closeAll() {
	for _, c := range n.open {
		_ = c.Close()
	}
	n.open = nil
}

type networked struct {
	net.Conn
	network *Network
}

func (c *networked) Write(p []byte) (int, error) {
	if c.network.silent.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}
