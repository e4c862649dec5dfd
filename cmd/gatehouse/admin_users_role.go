package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/web/api"
)

func newUsersRoleCommand(i *invocation) *cobra.Command {
	return group("role", "See and set the role of a user",
		"Sees and sets the role of a user. What each role holds is shown by \"gatehouse admin roles list\".",
		`  gatehouse admin users role show ann
  gatehouse admin users role set ann admin`,
		newRolesListCommand(i), newUsersRoleShowCommand(i), newUsersRoleSetCommand(i), newRolesSetScopesCommand(i))
}

func newUsersRoleShowCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "show USER",
		Short:   "Show the role of a user and what it holds",
		Long:    "Shows the role of a user, and the scopes that the role holds at this moment.",
		Example: "  gatehouse admin users role show ann",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		user, err := client.Call(ctx, o.api, api.ShowUser, userPath(args[0]))
		if err != nil {
			return err
		}
		return one(ctx, o, api.ShowRole, api.RolePath{Role: user.Role})
	})
}

func newUsersRoleSetCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "set USER ROLE",
		Short:   "Give a user a role",
		Long:    "Gives a user a role: viewer, user, admin or owner. The last owner cannot become anything else.",
		Example: "  gatehouse admin users role set ann admin",
		Args:    cobra.ExactArgs(2),
	}, func(ctx context.Context, o *operator, args []string) error {
		in := api.UserChange{UserPath: userPath(args[0])}
		in.Body.Role = &args[1]
		return one(ctx, o, api.UpdateUser, in)
	})
}
