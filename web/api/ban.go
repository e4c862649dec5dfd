package api

import (
	"context"
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on bans.
var (
	ListBans  = Operation[BanFilter, List[Ban]]{"GET", "/bans", "listBans", "List the networks that are kept away", 200, operator}
	AddBan    = Operation[NewBan, Ban]{"POST", "/bans", "addBan", "Keep a network away, for a time or for good", 201, operator}
	RemoveBan = Operation[BanPath, Outcome]{"DELETE", "/bans/{network}", "removeBan", "Let a network in again", 200, operator}
)

func (a *API) banRoutes() {
	add(a, ListBans, a.listBans)
	add(a, AddBan, a.addBan)
	add(a, RemoveBan, a.removeBan)
}

// Ban keeps a network away.
type Ban struct {
	Network   string     `json:"network"`
	Reason    string     `json:"reason"`
	CreatedAt *time.Time `json:"created_at" nullable:"false"`
	ExpiresAt *time.Time `json:"expires_at" doc:"null for good"`
}

func describeBan(b storage.Ban) Ban {
	return Ban{b.Network.String(), b.Reason, instant(b.CreatedAt), instant(b.ExpiresAt)}
}

// BanFilter narrows the list of bans.
type BanFilter struct {
	Address string `query:"address" maxLength:"64" doc:"An address, to see only the bans that keep it away at this moment"`
}

func (a *API) listBans(ctx context.Context, actor directory.Actor, in *BanFilter) (List[Ban], error) {
	if in.Address == "" {
		bans, err := a.Directory.Bans(ctx, actor)
		return List[Ban]{Items: each(bans, describeBan)}, err
	}
	addr, err := netip.ParseAddr(in.Address)
	if err != nil {
		return List[Ban]{}, &directory.InvalidError{Field: "address", Problem: "is not an IP address"}
	}
	bans, err := a.Directory.CheckBan(ctx, actor, addr)
	return List[Ban]{Items: each(bans, describeBan)}, err
}

// NewBan is a ban to be made.
type NewBan struct {
	Once
	Body struct {
		Network   string     `json:"network" maxLength:"64" doc:"An address, or a network such as 203.0.113.0/24"`
		Reason    string     `json:"reason,omitempty" maxLength:"200" doc:"Why, for those who read the list"`
		ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"For good when left out"`
	}
}

func (a *API) addBan(ctx context.Context, actor directory.Actor, in *NewBan) (Ban, error) {
	network, err := parseNetwork(in.Body.Network)
	if err != nil {
		return Ban{}, err
	}
	ban := storage.Ban{Network: network, Reason: in.Body.Reason}
	if in.Body.ExpiresAt != nil {
		ban.ExpiresAt = *in.Body.ExpiresAt
	}
	ban, err = a.Directory.AddBan(ctx, actor, ban)
	return describeBan(ban), err
}

// BanPath names a ban.
type BanPath struct {
	Network string `path:"network" maxLength:"64" doc:"As it stands in the list"`
}

func (a *API) removeBan(ctx context.Context, actor directory.Actor, in *BanPath) (Outcome, error) {
	network, err := parseNetwork(in.Network)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{network.String(), "removed"}, a.Directory.RemoveBan(ctx, actor, network)
}

// parseNetwork reads a prefix, or an address as the network of one. IPv4 in the
// clothes of IPv6 is IPv4.
func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, &directory.InvalidError{Field: "network", Problem: "is neither an address nor a network such as 203.0.113.0/24"}
	}
	if a := network.Addr(); a.Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(a.Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}
