package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
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
		newUsersDeleteCommand(i), newUsersBulkCommand(i), newUsersRoleCommand(i),
		newSessionsCommand(i, "session"), newBansCommand(i, "ban"))
}

// userFilter is the flags that narrow a list of users.
type userFilter struct{ role, tenant, status string }

func (f *userFilter) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.role, "role", "", "Only users of this role: viewer, user, admin or owner")
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "Only users of this tenant")
	cmd.Flags().StringVar(&f.status, "status", "", "Only users who may sign in (active), or may not (disabled)")
}

func (f *userFilter) read(ctx context.Context, o *operator) (directory.UserFilter, error) {
	filter := directory.UserFilter{Status: directory.UserStatus(f.status)}
	if f.role != "" {
		role, err := authz.ParseRole(f.role)
		if err != nil {
			return filter, err
		}
		filter.Role = role
	}
	if f.tenant != "" {
		tenant, err := o.Tenant(ctx, o.as, f.tenant)
		if err != nil {
			return filter, err
		}
		filter.Tenant = tenant.Slug
	}
	return filter, nil
}

func newUsersListCommand(i *invocation) *cobra.Command {
	var narrow userFilter
	var page directory.Paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List users",
		Long:  "Lists users, part by part, and narrows the list by role, tenant and status.",
		Example: `  gatehouse admin users list --tenant acme --status disabled
  gatehouse admin users list --limit 500 --output json`,
		Args: cobra.NoArgs,
	}
	narrow.flags(cmd)
	pageFlags(cmd, &page)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		filter, err := narrow.read(ctx, o)
		if err != nil {
			return err
		}
		filter.Paging = page
		return o.printUsers(ctx, filter)
	})
}

func newUsersSearchCommand(i *invocation) *cobra.Command {
	var narrow userFilter
	var page directory.Paging
	cmd := &cobra.Command{
		Use:     "search TEXT",
		Short:   "Search users by user name, e-mail address or full name",
		Long:    "Lists the users in whose user name, e-mail address or full name the text stands, in any case.",
		Example: "  gatehouse admin users search example.com --role admin",
		Args:    cobra.ExactArgs(1),
	}
	narrow.flags(cmd)
	pageFlags(cmd, &page)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		filter, err := narrow.read(ctx, o)
		if err != nil {
			return err
		}
		filter.Search, filter.Paging = args[0], page
		return o.printUsers(ctx, filter)
	})
}

func (o *operator) printUsers(ctx context.Context, filter directory.UserFilter) error {
	page, err := o.Users(ctx, o.as, filter)
	if err != nil {
		return err
	}
	return output.List(o.print, "users", each(page.Items, describeUser), page.Next)
}

func newUsersShowCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "show USER",
		Short:   "Show a user, with tenants, groups and scopes",
		Long:    "Shows a user with the tenants and groups they belong to, and the scopes that these and their role give them.",
		Example: "  gatehouse admin users show ann@example.com --output json",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		user, err := o.User(ctx, o.as, args[0])
		if err != nil {
			return err
		}
		person, err := o.Person(ctx, o.as, user.ID)
		if err != nil {
			return err
		}
		return o.print.One(describePerson(person))
	})
}

func newUsersCountCommand(i *invocation) *cobra.Command {
	var narrow userFilter
	cmd := &cobra.Command{
		Use:     "count",
		Short:   "Count users",
		Long:    "Counts users, all of them or those of a role, a tenant or a status.",
		Example: "  gatehouse admin users count --tenant acme",
		Args:    cobra.NoArgs,
	}
	narrow.flags(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		filter, err := narrow.read(ctx, o)
		if err != nil {
			return err
		}
		count, err := o.CountUsers(ctx, o.as, filter)
		if err != nil {
			return err
		}
		return o.print.One(struct {
			Count int `json:"count"`
		}{count})
	})
}
