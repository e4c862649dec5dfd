package oidc

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// unprovenPerMinute is how many requests of a public client we keep for each
// address: enough for everybody behind it, too few to fill a table.
const unprovenPerMinute = 30

// admit bounds what is kept for a client that cannot prove who it is, because
// anybody may speak in its name (RFC 9126 §2.3: 429).
func (p *Provider) admit(ctx context.Context, c *storage.Client, from netip.Addr) error {
	if !c.Public() {
		return nil
	}
	key := digest([]byte("unproven\x00" + string(c.ID) + "\x00" + authn.AddressGroup(from)))
	wait, err := p.Store.TakeToken(ctx, key, time.Minute, unprovenPerMinute, p.Now())
	if err != nil || wait == 0 {
		return err
	}
	return &Error{Code: "temporarily_unavailable", Status: http.StatusTooManyRequests,
		Description: "Too many requests of this application from this address. Wait a minute, then try again."}
}
