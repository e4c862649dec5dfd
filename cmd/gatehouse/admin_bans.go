package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/storage"
)

// newBansCommand stands under two names: "admin bans" and "admin users ban".
func newBansCommand(i *invocation, name string) *cobra.Command {
	return group(name, "Keep networks away",
		`Keeps addresses and networks away from every page and endpoint. A NETWORK is an
address, or a prefix such as 203.0.113.0/24 or 2001:db8::/32.`,
		`  gatehouse admin bans add 203.0.113.7 --reason "password guessing" --for 7d
  gatehouse admin bans check 203.0.113.7`,
		newBansAddCommand(i), newBansListCommand(i), newBansRemoveCommand(i), newBansCheckCommand(i))
}

func newBansAddCommand(i *invocation) *cobra.Command {
	var reason, lasting string
	cmd := &cobra.Command{
		Use:     "add NETWORK",
		Short:   "Ban a network",
		Long:    "Bans an address or a network, for a time or for good. On every replica it holds within a second.",
		Example: "  gatehouse admin bans add 203.0.113.0/24 --for 7d --reason \"password guessing\"",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "Why, for those who read the list")
	cmd.Flags().StringVar(&lasting, "for", "", "How long, such as 12h or 7d (default: for good)")
	return i.directly(cmd, func(ctx context.Context, o *direct, args []string) error {
		network, err := parseNetwork(args[0])
		if err != nil {
			return err
		}
		ban := storage.Ban{Network: network, Reason: reason}
		if lasting != "" {
			d, err := config.ParseDuration(lasting)
			if err != nil {
				return fmt.Errorf("--for: %w", err)
			}
			ban.ExpiresAt = i.now().Add(d)
		}
		if ban, err = o.AddBan(ctx, o.as, ban); err != nil {
			return err
		}
		return o.print.One(describeBan(ban))
	})
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
		return netip.Prefix{}, fmt.Errorf("%.60q is neither an address nor a network such as 203.0.113.0/24", s)
	}
	if a := network.Addr(); a.Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(a.Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}

func newBansListCommand(i *invocation) *cobra.Command {
	return i.directly(&cobra.Command{
		Use:     "list",
		Short:   "List the bans",
		Long:    "Lists the networks that are banned, why, and until when.",
		Example: "  gatehouse admin bans list",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *direct, _ []string) error {
		bans, err := o.Bans(ctx, o.as)
		if err != nil {
			return err
		}
		return printList(o.print, each(bans, describeBan), "")
	})
}

func newBansRemoveCommand(i *invocation) *cobra.Command {
	return i.directly(&cobra.Command{
		Use:     "remove NETWORK",
		Short:   "Lift a ban",
		Long:    "Lifts the ban of a network, named as it stands in the list.",
		Example: "  gatehouse admin bans remove 203.0.113.0/24",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *direct, args []string) error {
		network, err := parseNetwork(args[0])
		if err != nil {
			return err
		}
		if err := o.RemoveBan(ctx, o.as, network); err != nil {
			return err
		}
		return o.print.One(outcome{network.String(), "removed"})
	})
}

func newBansCheckCommand(i *invocation) *cobra.Command {
	return i.directly(&cobra.Command{
		Use:     "check ADDRESS",
		Short:   "Show which bans keep an address away",
		Long:    "Lists the bans that keep an address away at this moment. An empty list means that it may come in.",
		Example: "  gatehouse admin bans check 203.0.113.7",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *direct, args []string) error {
		addr, err := netip.ParseAddr(args[0])
		if err != nil {
			return fmt.Errorf("%.60q is not an address", args[0])
		}
		bans, err := o.CheckBan(ctx, o.as, addr.Unmap())
		if err != nil {
			return err
		}
		return printList(o.print, each(bans, describeBan), "")
	})
}
