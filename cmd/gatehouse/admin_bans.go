package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/web/api"
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
	var in api.NewBan
	var lasting string
	cmd := &cobra.Command{
		Use:     "add NETWORK",
		Short:   "Ban a network",
		Long:    "Bans an address or a network, for a time or for good. On every replica it holds within a second.",
		Example: "  gatehouse admin bans add 203.0.113.0/24 --for 7d --reason \"password guessing\"",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&in.Body.Reason, "reason", "", "Why, for those who read the list")
	cmd.Flags().StringVar(&lasting, "for", "", "How long, such as 12h or 7d (default: for good)")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Body.Network = args[0]
		if lasting != "" {
			d, err := config.ParseDuration(lasting)
			if err != nil {
				return fmt.Errorf("--for: %w", err)
			}
			end := i.now().Add(d)
			in.Body.ExpiresAt = &end
		}
		return one(ctx, o, api.AddBan, in)
	})
}

func newBansListCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "list",
		Short:   "List the bans",
		Long:    "Lists the networks that are banned, why, and until when.",
		Example: "  gatehouse admin bans list",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		return list(ctx, o, api.ListBans, api.BanFilter{})
	})
}

func newBansRemoveCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "remove NETWORK",
		Short:   "Lift a ban",
		Long:    "Lifts the ban of a network, named as it stands in the list.",
		Example: "  gatehouse admin bans remove 203.0.113.0/24",
	}, api.RemoveBan, func(network string) api.BanPath { return api.BanPath{Network: network} })
}

func newBansCheckCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "check ADDRESS",
		Short:   "Show which bans keep an address away",
		Long:    "Lists the bans that keep an address away at this moment. An empty list means that it may come in.",
		Example: "  gatehouse admin bans check 203.0.113.7",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		return list(ctx, o, api.ListBans, api.BanFilter{Address: args[0]})
	})
}
