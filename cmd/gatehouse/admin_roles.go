package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/storage"
)

func newRolesCommand(i *invocation) *cobra.Command {
	return group("roles", "See and set what each role holds",
		"Sees and sets the scopes of the roles: viewer, user, admin and owner.",
		`  gatehouse admin roles list
  gatehouse admin roles set-scopes viewer --scope "user agents:read reports:read"`,
		newRolesListCommand(i), newRolesShowCommand(i), newRolesSetScopesCommand(i))
}

func newRolesListCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "list",
		Short:   "List the roles",
		Long:    "Lists the roles and the scopes that each holds.",
		Example: "  gatehouse admin roles list",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		roles, err := o.Roles(ctx, o.as)
		if err != nil {
			return err
		}
		return output.List(o.print, "roles", each(roles, describeRole), "")
	})
}

func newRolesShowCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "show ROLE",
		Short:   "Show a role",
		Long:    "Shows a role and the scopes that it holds.",
		Example: "  gatehouse admin roles show admin",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		role, err := authz.ParseRole(args[0])
		if err != nil {
			return err
		}
		return o.printRole(ctx, role)
	})
}

func (o *operator) printRole(ctx context.Context, name authz.Role) error {
	roles, err := o.Roles(ctx, o.as)
	if err != nil {
		return err
	}
	for _, role := range roles {
		if role.Name == name {
			return o.print.One(describeRole(role))
		}
	}
	return fmt.Errorf("role %s: %w", name, storage.ErrNotFound)
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
		role, err := authz.ParseRole(args[0])
		if err != nil {
			return err
		}
		held, err := patterns(scopes)
		if err != nil {
			return err
		}
		changed, err := o.SetRoleScopes(ctx, o.as, role, held)
		if err != nil {
			return err
		}
		return o.print.One(describeRole(changed))
	})
}
