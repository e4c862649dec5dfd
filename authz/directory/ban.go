package directory

import (
	"context"
	"net/netip"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Bans lists every ban.
func (s *Service) Bans(ctx context.Context, a Actor) ([]storage.Ban, error) {
	if err := may(a, manageBans); err != nil {
		return nil, err
	}
	return s.store.Bans(ctx)
}

// AddBan keeps a network away; forever when its ExpiresAt is zero.
func (s *Service) AddBan(ctx context.Context, a Actor, b storage.Ban) (storage.Ban, error) {
	if err := may(a, manageBans); err != nil {
		return b, err
	}
	b.CreatedAt = s.now()
	var err error
	if b.Network, err = banNetwork(b.Network); err != nil {
		return b, err
	}
	if b.Network.Bits() == 0 || a.IPAddress.IsValid() && b.Network.Contains(a.IPAddress.Unmap()) {
		return b, invalid("network", "would keep you away too")
	}
	if !b.ExpiresAt.IsZero() && !b.ExpiresAt.After(b.CreatedAt) {
		return b, invalid("expires", "is in the past")
	}
	if err := checkName("reason", b.Reason); err != nil {
		return b, err
	}
	return b, s.store.PutBan(ctx, b, s.event(a, "ban.add", authz.TenantID{}))
}

// banNetwork is a network without the bits behind its mask. Callers' addresses are unmapped
// before they are compared, so a ban of IPv4-mapped IPv6 addresses would match nobody.
func banNetwork(n netip.Prefix) (netip.Prefix, error) {
	if !n.IsValid() || n.Addr().Is4In6() {
		return n, invalid("network", "is neither an IP address nor a network such as 192.0.2.0/24")
	}
	return n.Masked(), nil
}

// RemoveBan lets a network in again.
func (s *Service) RemoveBan(ctx context.Context, a Actor, n netip.Prefix) error {
	if err := may(a, manageBans); err != nil {
		return err
	}
	n, err := banNetwork(n)
	if err != nil {
		return err
	}
	return orUnknown(s.store.DeleteBan(ctx, n, s.event(a, "ban.remove", authz.TenantID{})), "network", n.String())
}

// CheckBan is the bans that keep an address away at this moment.
func (s *Service) CheckBan(ctx context.Context, a Actor, addr netip.Addr) ([]storage.Ban, error) {
	all, err := s.Bans(ctx, a)
	return slices.DeleteFunc(all, func(b storage.Ban) bool {
		return !b.Network.Contains(addr.Unmap()) || !b.ExpiresAt.IsZero() && !s.now().Before(b.ExpiresAt)
	}), err
}
