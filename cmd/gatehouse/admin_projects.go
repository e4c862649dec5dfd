package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newProjectsCommand(i *invocation) *cobra.Command {
	return group("projects", "See and create the projects of a tenant",
		"Sees and creates projects: pieces of a tenant, for which groups can be made that count there alone.",
		`  gatehouse admin projects create website --tenant acme
  gatehouse admin projects list --tenant acme`,
		newProjectsCreateCommand(i), newProjectsListCommand(i))
}

// tenantFlag names the tenant that a command works in.
func tenantFlag(cmd *cobra.Command, tenant *string) {
	cmd.Flags().StringVar(tenant, "tenant", "", "The tenant: id or slug (default: the first tenant)")
}

func newProjectsCreateCommand(i *invocation) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Create a project",
		Long:    "Creates a project in a tenant. Its name is unique there.",
		Example: "  gatehouse admin projects create website --tenant acme",
		Args:    cobra.ExactArgs(1),
	}
	tenantFlag(cmd, &tenant)
	return i.directly(cmd, func(ctx context.Context, o *direct, args []string) error {
		t, err := o.Tenant(ctx, o.as, tenant)
		if err != nil {
			return err
		}
		project, err := o.CreateProject(ctx, o.as, t.ID, args[0])
		if err != nil {
			return err
		}
		return o.print.One(describeProject(project))
	})
}

func newProjectsListCommand(i *invocation) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the projects of a tenant",
		Long:    "Lists the projects of a tenant.",
		Example: "  gatehouse admin projects list --tenant acme",
		Args:    cobra.NoArgs,
	}
	tenantFlag(cmd, &tenant)
	return i.directly(cmd, func(ctx context.Context, o *direct, _ []string) error {
		t, err := o.Tenant(ctx, o.as, tenant)
		if err != nil {
			return err
		}
		projects, err := o.Projects(ctx, o.as, t.ID)
		if err != nil {
			return err
		}
		return printList(o.print, each(projects, describeProject), "")
	})
}
