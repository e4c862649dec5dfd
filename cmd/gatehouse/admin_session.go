package main

import "github.com/spf13/cobra"

func newSessionCommand(i *invocation) *cobra.Command {
	return group("session", "See the session of this terminal",
		`Sees the session that gatehouse login began here. The sessions of users are under
gatehouse admin sessions.`,
		`  gatehouse admin session show`,
		&cobra.Command{
			Use:   "show",
			Short: "Show the session of this terminal and its granted scopes",
			Long: `Asks the server whose the session of this terminal is, and shows it with the scopes
that it was granted. A session that ran out is renewed first.`,
			Example: `  gatehouse admin session show
  gatehouse admin session show --output json`,
			Args: cobra.NoArgs,
			RunE: i.showIdentity,
		})
}
