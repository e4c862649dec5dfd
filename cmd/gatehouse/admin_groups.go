package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newGroupsCommand(i *invocation) *cobra.Command {
	return group("groups", "See and change groups, their members and their scopes",
		`Sees and changes groups. A group gives its scopes to its members, in its whole
tenant or, made for a project, in that project alone. Belonging to a tenant is
belonging to one of its groups. A GROUP is named by id or name.`,
		`  gatehouse admin groups create --name operators --scope "agents:*" --tenant acme
  gatehouse admin groups add-member operators ann --tenant acme`,
		newGroupsCreateCommand(i), newGroupsListCommand(i), newGroupsMembersCommand(i), newGroupsRenameCommand(i),
		newGroupsShowCommand(i), newGroupsDeleteCommand(i), newGroupsAddMemberCommand(i), newGroupsRemoveMemberCommand(i),
		newGroupsSetScopesCommand(i))
}

func newGroupsShowCommand(i *invocation) *cobra.Command {
	var in api.GroupPath
	cmd := &cobra.Command{
		Use:     "show GROUP",
		Short:   "Show a group",
		Long:    "Shows a group and what it gives.",
		Example: "  gatehouse admin groups show operators --tenant acme",
		Args:    cobra.ExactArgs(1),
	}
	tenantFlag(cmd, &in.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Group = args[0]
		return one(ctx, o, api.ShowGroup, in)
	})
}

func newGroupsDeleteCommand(i *invocation) *cobra.Command {
	var in api.GroupPath
	cmd := &cobra.Command{
		Use:     "delete GROUP",
		Short:   "Delete a group",
		Long:    "Deletes a group. Its members lose at once what it gave, and belong to the tenant no\nmore if they were in no other of its groups.",
		Example: "  gatehouse admin groups delete operators --tenant acme",
	}
	tenantFlag(cmd, &in.Tenant)
	return deletion(i, cmd, func(name string) api.GroupPath { in.Group = name; return in }, api.ShowGroup, func(g api.Group) string {
		return fmt.Sprintf("the group %s, with all its memberships", g.Name)
	}, api.DeleteGroup, func(p api.GroupPath) api.GroupDeletion { return api.GroupDeletion{GroupPath: p} })
}

func newGroupsCreateCommand(i *invocation) *cobra.Command {
	var in api.NewGroup
	var scopes []string
	cmd := &cobra.Command{
		Use:     "create --name NAME",
		Short:   "Create a group",
		Long:    "Creates a group in a tenant. With a project, it counts in that project alone.",
		Example: "  gatehouse admin groups create --name editors --tenant acme --project website --scope \"agents:*\"",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Body.Name, "name", "", "The name, unique in the tenant or in the project")
	cmd.Flags().StringVar(&in.Body.Project, "project", "", "The project that the group is for: id or name")
	tenantFlag(cmd, &in.Body.Tenant)
	scopeFlag(cmd, &scopes, "A scope or pattern that members get")
	require(cmd, "name")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		in.Body.Scopes = words(scopes)
		return one(ctx, o, api.CreateGroup, in)
	})
}

func newGroupsListCommand(i *invocation) *cobra.Command {
	var in api.PartOfTenant
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the groups of a tenant",
		Long:    "Lists the groups of a tenant and its projects, the oldest first, with the scopes that\neach gives, part by part.",
		Example: "  gatehouse admin groups list --tenant acme",
		Args:    cobra.NoArgs,
	}
	tenantFlag(cmd, &in.Tenant)
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListGroups, in) })
}

func newGroupsAddMemberCommand(i *invocation) *cobra.Command {
	var in api.NewMember
	cmd := &cobra.Command{
		Use:     "add-member GROUP USER",
		Short:   "Add a user to a group",
		Long:    "Adds a user to a group, and so to its tenant.",
		Example: "  gatehouse admin groups add-member operators ann --tenant acme",
		Args:    cobra.ExactArgs(2),
	}
	tenantFlag(cmd, &in.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Group, in.Body.User = args[0], args[1]
		return one(ctx, o, api.AddMember, in)
	})
}

func newGroupsRemoveMemberCommand(i *invocation) *cobra.Command {
	var in api.MemberPath
	cmd := &cobra.Command{
		Use:     "remove-member GROUP USER",
		Short:   "Remove a user from a group",
		Long:    "Removes a user from a group. Their tokens lose at once what it gave.",
		Example: "  gatehouse admin groups remove-member operators ann --tenant acme",
		Args:    cobra.ExactArgs(2),
	}
	tenantFlag(cmd, &in.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Group, in.User = args[0], args[1]
		return one(ctx, o, api.RemoveMember, in)
	})
}

func newGroupsSetScopesCommand(i *invocation) *cobra.Command {
	var in api.GroupScopes
	var scopes []string
	cmd := &cobra.Command{
		Use:     "set-scopes GROUP --scope SCOPES",
		Short:   "Set what a group gives to its members",
		Long:    "Sets the scopes of a group, in place of those it had. An empty --scope takes all of them away.",
		Example: "  gatehouse admin groups set-scopes operators --scope \"agents:* tools:execute\" --tenant acme",
		Args:    cobra.ExactArgs(1),
	}
	tenantFlag(cmd, &in.Tenant)
	scopeFlag(cmd, &scopes, "A scope or pattern that members get")
	require(cmd, "scope")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Group, in.Body.Scopes = args[0], words(scopes)
		return one(ctx, o, api.SetGroupScopes, in)
	})
}

func newGroupsMembersCommand(i *invocation) *cobra.Command {
	var in api.GroupMembers
	cmd := &cobra.Command{
		Use:     "members GROUP",
		Short:   "List the members of a group",
		Long:    "Lists the members of a group, part by part.",
		Example: "  gatehouse admin groups members operators --tenant acme --limit 100",
		Args:    cobra.ExactArgs(1),
	}
	tenantFlag(cmd, &in.Tenant)
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Group = args[0]
		return list(ctx, o, api.ListMembers, in)
	})
}

func newGroupsRenameCommand(i *invocation) *cobra.Command {
	var in api.GroupName
	cmd := &cobra.Command{
		Use:     "rename GROUP NAME",
		Short:   "Give a group another name",
		Long:    "Gives a group another name, which its members' next tokens carry.",
		Example: "  gatehouse admin groups rename operators operations --tenant acme",
		Args:    cobra.ExactArgs(2),
	}
	tenantFlag(cmd, &in.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Group, in.Body.Name = args[0], args[1]
		return one(ctx, o, api.RenameGroup, in)
	})
}
