package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newRolesCommand(i *invocation) *cobra.Command {
	return group("roles", "See and set what each role holds",
		"Sees and sets the scopes of the roles: viewer, user, admin and owner.",
		`  gatehouse admin roles list
  gatehouse admin roles set-scopes viewer --scope "user agents:read reports:read"`,
		newRolesListCommand(i), newRolesShowCommand(i), newRolesSetScopesCommand(i))
}

func rolePath(name string) api.RolePath { return api.RolePath{Role: name} }

func newRolesListCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "list",
		Short:   "List the roles",
		Long:    "Lists the roles and the scopes that each holds.",
		Example: "  gatehouse admin roles list",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		return list(ctx, o, api.ListRoles, struct{}{})
	})
}

func newRolesShowCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "show ROLE",
		Short:   "Show a role",
		Long:    "Shows a role and the scopes that it holds.",
		Example: "  gatehouse admin roles show admin",
	}, api.ShowRole, rolePath)
}

func newRolesSetScopesCommand(i *invocation) *cobra.Command {
	var scopes []string
	cmd := &cobra.Command{
		Use:   "set-scopes ROLE --scope SCOPES",
		Short: "Set what a role holds",
		Long: `Sets the scopes that a role holds, in place of those it had. A pattern such as
"agents:*" holds every scope below it. Users of the role lose at once what the
role no longer holds.`,
		Example: "  gatehouse admin roles set-scopes viewer --scope user --scope \"agents:*\"",
		Args:    cobra.ExactArgs(1),
	}
	scopeFlag(cmd, &scopes, "A scope or pattern that the role holds")
	require(cmd, "scope")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in := api.RoleScopes{RolePath: rolePath(args[0])}
		in.Body.Scopes = words(scopes)
		return one(ctx, o, api.SetRoleScopes, in)
	})
}
