package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newSessionCommand(i *invocation) *cobra.Command {
	return group("session", "See the session of this terminal",
		`Sees the session that gatehouse login began here. The sessions of users are under
gatehouse admin sessions.`,
		`  gatehouse admin session show`,
		i.operation(&cobra.Command{
			Use:   "show",
			Short: "Show the session of this terminal and its granted scopes",
			Long: `Shows the session that gatehouse login began, with the scopes that it was granted,
as the server sees it. One that ran out is renewed first. The host needs no session
and has every scope.`,
			Example: `  gatehouse admin session show
  gatehouse admin session show --output json`,
			Args: cobra.NoArgs,
		}, func(ctx context.Context, o *operator, _ []string) error {
			return one(ctx, o, api.ShowMySession, struct{}{})
		}))
}
