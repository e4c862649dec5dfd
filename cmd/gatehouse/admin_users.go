package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newUsersCommand(i *invocation) *cobra.Command {
	return group("users", "See, create and change users",
		`Sees, creates and changes users. A USER is named by id, user name or e-mail
address.`,
		`  gatehouse admin users list --role admin
  gatehouse admin users show ann
  gatehouse admin users update ann --role viewer`,
		newUsersListCommand(i), newUsersShowCommand(i), newUsersSearchCommand(i), newUsersCountCommand(i),
		newUsersStatsCommand(i), newUsersExportCommand(i),
		newUsersCreateCommand(i), newUsersUpdateCommand(i), newUsersDisableCommand(i), newUsersEnableCommand(i),
		newUsersRemoveAuthenticatorsCommand(i), newUsersInviteCommand(i), newUsersSetUpLinkCommand(i), newUsersResetLinkCommand(i),
		newUsersDeleteCommand(i), newUsersMergeCommand(i), newUsersBulkCommand(i), newUsersRoleCommand(i),
		newSessionsCommand(i, "session"), newBansCommand(i, "ban"))
}

func userPath(name string) api.UserPath { return api.UserPath{User: name} }

// narrowingFlags narrow a list of users.
func narrowingFlags(cmd *cobra.Command, n *api.UserNarrowing) {
	cmd.Flags().StringVar(&n.Role, "role", "", "Only users of this role: viewer, user, admin or owner")
	cmd.Flags().StringVar(&n.Tenant, "tenant", "", "Only users of this tenant: id or slug")
	cmd.Flags().StringVar(&n.Group, "group", "", "Only members of this group: its id")
	cmd.Flags().StringVar(&n.Status, "status", "", "Only users who may sign in (active), or may not (disabled)")
	cmd.Flags().StringVar(&n.LastLoginAfter, "last-login-after", "", "Only users who last signed in on this day or later: 2026-01-31, or with a time")
	cmd.Flags().StringVar(&n.LastLoginBefore, "last-login-before", "", "Only users who last signed in before this day")
	cmd.Flags().BoolVar(&n.NeverLoggedIn, "never-logged-in", false, "Only users who never signed in")
}

func newUsersListCommand(i *invocation) *cobra.Command {
	var in api.UserFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List users",
		Long:  "Lists users, part by part, and narrows the list by role, tenant, group, status and last sign-in.",
		Example: `  gatehouse admin users list --tenant acme --status disabled
  gatehouse admin users list --last-login-before 2026-01-01
  gatehouse admin users list --limit 500 --output json`,
		Args: cobra.NoArgs,
	}
	narrowingFlags(cmd, &in.UserNarrowing)
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListUsers, in) })
}

func newUsersSearchCommand(i *invocation) *cobra.Command {
	var in api.UserFilter
	cmd := &cobra.Command{
		Use:   "search TEXT",
		Short: "Search users by user name, e-mail address or full name",
		Long: `Lists the users in whose user name, e-mail address or full name the text stands, in
any case and with or without accents: jose finds José. Where it stands in nobody's,
those who are called something like it, the likest first: jon finds John.`,
		Example: "  gatehouse admin users search example.com --role admin",
		Args:    cobra.ExactArgs(1),
	}
	narrowingFlags(cmd, &in.UserNarrowing)
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Search = args[0]
		return list(ctx, o, api.ListUsers, in)
	})
}

func newUsersShowCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "show USER",
		Short:   "Show a user, with tenants, groups and scopes",
		Long:    "Shows a user with the tenants and groups they belong to, and the scopes that these and their role give them.",
		Example: "  gatehouse admin users show ann@example.com --output json",
	}, api.ShowUser, userPath)
}

func newUsersCountCommand(i *invocation) *cobra.Command {
	var in api.UserNarrowing
	cmd := &cobra.Command{
		Use:     "count",
		Short:   "Count users",
		Long:    "Counts users, all of them or those that the flags choose.",
		Example: "  gatehouse admin users count --tenant acme",
		Args:    cobra.NoArgs,
	}
	narrowingFlags(cmd, &in)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return one(ctx, o, api.CountUsers, in) })
}
