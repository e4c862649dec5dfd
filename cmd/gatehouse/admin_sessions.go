package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

// newSessionsCommand stands under two names: "admin sessions" and "admin users session".
func newSessionsCommand(i *invocation, name string) *cobra.Command {
	return group(name, "See and end the sessions of users",
		`Sees and ends sessions: the logins of browsers and devices. Ending one kills the
tokens that were issued beneath it, on every replica.`,
		`  gatehouse admin sessions list --user ann
  gatehouse admin sessions revoke-all --user ann`,
		newSessionsListCommand(i), newSessionsShowCommand(i), newSessionsRevokeCommand(i), newSessionsRevokeAllCommand(i))
}

func newSessionsListCommand(i *invocation) *cobra.Command {
	var in api.SessionFilter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the sessions that are alive",
		Long:    "Lists the sessions that are alive: of everybody, of one user, or those that work in one tenant.",
		Example: "  gatehouse admin sessions list --user ann --output json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Tenant, "tenant", "", "Only the sessions that work in this tenant: id or slug")
	cmd.Flags().BoolVar(&in.All, "all", false, "Also the sessions that have ended, while they are kept")
	cmd.Flags().StringVar(&in.User, "user", "", "Only the sessions of this user: id, user name or e-mail address")
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListSessions, in) })
}

func newSessionsShowCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "show SESSION",
		Short:   "Show a session",
		Long:    "Shows a session: whose it is, where it works, how its user signed in.",
		Example: "  gatehouse admin sessions show 0192f0c1-7d44-7cc0-9d7b-2f3a5b6c7d8e",
	}, api.ShowSession, sessionPath)
}

func sessionPath(id string) api.SessionPath { return api.SessionPath{Session: id} }

func newSessionsRevokeCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "revoke SESSION",
		Short:   "End a session",
		Long:    "Ends a session and the tokens beneath it.",
		Example: "  gatehouse admin sessions revoke 0192f0c1-7d44-7cc0-9d7b-2f3a5b6c7d8e",
	}, api.RevokeSession, sessionPath)
}

func newSessionsRevokeAllCommand(i *invocation) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:     "revoke-all --user USER",
		Short:   "End everything of a user",
		Long:    "Ends every session of a user, and every token: also those that outlive a session.",
		Example: "  gatehouse admin sessions revoke-all --user ann",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&user, "user", "", "The user: id, user name or e-mail address")
	require(cmd, "user")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		return one(ctx, o, api.RevokeAllSessions, userPath(user))
	})
}
