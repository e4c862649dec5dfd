package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

func newGroupsCommand(i *invocation) *cobra.Command {
	return group("groups", "See and change groups, their members and their scopes",
		`Sees and changes groups. A group gives its scopes to its members, in its whole
tenant or, made for a project, in that project alone. Belonging to a tenant is
belonging to one of its groups. A GROUP is named by id or name.`,
		`  gatehouse admin groups create --name operators --scope "agents:*" --tenant acme
  gatehouse admin groups add-member operators ann --tenant acme`,
		newGroupsCreateCommand(i), newGroupsListCommand(i),
		i.memberChange("add-member", "Add a user to a group", "added", func(o *direct) memberChange { return o.AddMember }),
		i.memberChange("remove-member", "Remove a user from a group", "removed", func(o *direct) memberChange { return o.RemoveMember }),
		newGroupsSetScopesCommand(i))
}

func newGroupsCreateCommand(i *invocation) *cobra.Command {
	var tenant, project string
	var scopes []string
	var n directory.CreateGroup
	cmd := &cobra.Command{
		Use:     "create --name NAME",
		Short:   "Create a group",
		Long:    "Creates a group in a tenant. With a project, it counts in that project alone.",
		Example: "  gatehouse admin groups create --name editors --tenant acme --project website --scope \"pages:*\"",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&n.Name, "name", "", "The name, unique in the tenant or in the project")
	cmd.Flags().StringVar(&project, "project", "", "The project that the group is for: id or name")
	tenantFlag(cmd, &tenant)
	scopeFlag(cmd, &scopes, "A scope or pattern that members get")
	require(cmd, "name")
	return i.directly(cmd, func(ctx context.Context, o *direct, _ []string) error {
		t, err := o.Tenant(ctx, o.as, tenant)
		if err != nil {
			return err
		}
		n.Tenant = t.ID
		if project != "" {
			p, err := o.Project(ctx, o.as, t.ID, project)
			if err != nil {
				return err
			}
			n.Project = p.ID
		}
		if n.Scopes, err = patterns(scopes); err != nil {
			return err
		}
		g, err := o.CreateGroup(ctx, o.as, n)
		if err != nil {
			return err
		}
		return o.print.One(describeGroup(g))
	})
}

func newGroupsListCommand(i *invocation) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the groups of a tenant",
		Long:    "Lists the groups of a tenant and its projects, with the scopes that each gives.",
		Example: "  gatehouse admin groups list --tenant acme",
		Args:    cobra.NoArgs,
	}
	tenantFlag(cmd, &tenant)
	return i.directly(cmd, func(ctx context.Context, o *direct, _ []string) error {
		t, err := o.Tenant(ctx, o.as, tenant)
		if err != nil {
			return err
		}
		groups, err := o.Groups(ctx, o.as, t.ID)
		if err != nil {
			return err
		}
		return printList(o.print, each(groups, describeGroup), "")
	})
}

// group finds a group by the names of its tenant and its own.
func (o *direct) group(ctx context.Context, tenant, name string) (storage.Group, error) {
	t, err := o.Tenant(ctx, o.as, tenant)
	if err != nil {
		return storage.Group{}, err
	}
	return o.Group(ctx, o.as, t.ID, name)
}

// memberChange is a method of the directory that changes one membership.
type memberChange = func(context.Context, directory.Actor, authz.GroupID, authz.UserID) error

func (i *invocation) memberChange(name, short, status string, change func(*direct) memberChange) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:     name + " GROUP USER",
		Short:   short,
		Long:    short + ". Their tokens are judged anew at once.",
		Example: "  gatehouse admin groups " + name + " operators ann --tenant acme",
		Args:    cobra.ExactArgs(2),
	}
	tenantFlag(cmd, &tenant)
	return i.directly(cmd, func(ctx context.Context, o *direct, args []string) error {
		g, err := o.group(ctx, tenant, args[0])
		if err != nil {
			return err
		}
		user, err := o.User(ctx, o.as, args[1])
		if err != nil {
			return err
		}
		if err := change(o)(ctx, o.as, g.ID, user.ID); err != nil {
			return err
		}
		return o.print.One(struct {
			GroupID string `json:"group_id"`
			UserID  string `json:"user_id"`
			Status  string `json:"status"`
		}{g.ID.String(), user.ID.String(), status})
	})
}

func newGroupsSetScopesCommand(i *invocation) *cobra.Command {
	var tenant string
	var scopes []string
	cmd := &cobra.Command{
		Use:     "set-scopes GROUP --scope SCOPES",
		Short:   "Set what a group gives to its members",
		Long:    "Sets the scopes of a group, in place of those it had. An empty --scope takes all of them away.",
		Example: "  gatehouse admin groups set-scopes operators --scope \"agents:* tools:execute\" --tenant acme",
		Args:    cobra.ExactArgs(1),
	}
	tenantFlag(cmd, &tenant)
	scopeFlag(cmd, &scopes, "A scope or pattern that members get")
	require(cmd, "scope")
	return i.directly(cmd, func(ctx context.Context, o *direct, args []string) error {
		held, err := patterns(scopes)
		if err != nil {
			return err
		}
		g, err := o.group(ctx, tenant, args[0])
		if err != nil {
			return err
		}
		if g, err = o.SetGroupScopes(ctx, o.as, g.ID, held); err != nil {
			return err
		}
		return o.print.One(describeGroup(g))
	})
}
