package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
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
	var in api.NewProject
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Create a project",
		Long:    "Creates a project in a tenant. Its name is unique there.",
		Example: "  gatehouse admin projects create website --tenant acme",
		Args:    cobra.ExactArgs(1),
	}
	tenantFlag(cmd, &in.Body.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Body.Name = args[0]
		return one(ctx, o, api.CreateProject, in)
	})
}

func newProjectsListCommand(i *invocation) *cobra.Command {
	var in api.InTenant
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the projects of a tenant",
		Long:    "Lists the projects of a tenant.",
		Example: "  gatehouse admin projects list --tenant acme",
		Args:    cobra.NoArgs,
	}
	tenantFlag(cmd, &in.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListProjects, in) })
}
