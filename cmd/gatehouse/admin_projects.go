package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newProjectsCommand(i *invocation) *cobra.Command {
	return group("projects", "See, create and change the projects of a tenant",
		"Sees and creates projects: pieces of a tenant, for which groups can be made that count there alone.",
		`  gatehouse admin projects create website --tenant acme
  gatehouse admin projects list --tenant acme`,
		newProjectsCreateCommand(i), newProjectsListCommand(i),
		newProjectsShowCommand(i), newProjectsRenameCommand(i), newProjectsDeleteCommand(i))
}

func newProjectsShowCommand(i *invocation) *cobra.Command {
	var in api.ProjectPath
	cmd := &cobra.Command{
		Use:     "show PROJECT",
		Short:   "Show a project",
		Long:    "Shows a project, named by id or name.",
		Example: "  gatehouse admin projects show website --tenant acme",
		Args:    cobra.ExactArgs(1),
	}
	tenantFlag(cmd, &in.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Project = args[0]
		return one(ctx, o, api.ShowProject, in)
	})
}

func newProjectsDeleteCommand(i *invocation) *cobra.Command {
	var in api.ProjectPath
	cmd := &cobra.Command{
		Use:     "delete PROJECT",
		Short:   "Delete a project with its groups",
		Long:    "Deletes a project with its groups. What they gave is gone from tokens at once.",
		Example: "  gatehouse admin projects delete website --tenant acme",
	}
	tenantFlag(cmd, &in.Tenant)
	return deletion(i, cmd, func(name string) api.ProjectPath { in.Project = name; return in }, api.ShowProject, func(p api.Project) string {
		return fmt.Sprintf("the project %s, with its groups and their memberships", p.Name)
	}, api.DeleteProject, func(p api.ProjectPath) api.ProjectDeletion { return api.ProjectDeletion{ProjectPath: p} })
}

// tenantFlag names the tenant that a command works in.
func tenantFlag(cmd *cobra.Command, tenant *string) {
	cmd.Flags().StringVar(tenant, "tenant", "", "The tenant: id or slug (default: the selected one, or else the first)")
	_ = cmd.Flags().SetAnnotation("tenant", selectedBy, []string{"true"})
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
	var in api.PartOfTenant
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the projects of a tenant",
		Long:    "Lists the projects of a tenant, the oldest first, part by part.",
		Example: "  gatehouse admin projects list --tenant acme",
		Args:    cobra.NoArgs,
	}
	tenantFlag(cmd, &in.Tenant)
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListProjects, in) })
}

func newProjectsRenameCommand(i *invocation) *cobra.Command {
	var in api.ProjectName
	cmd := &cobra.Command{
		Use:     "rename PROJECT NAME",
		Short:   "Give a project another name",
		Long:    "Gives a project another name. Its id stays.",
		Example: "  gatehouse admin projects rename website site --tenant acme",
		Args:    cobra.ExactArgs(2),
	}
	tenantFlag(cmd, &in.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Project, in.Body.Name = args[0], args[1]
		return one(ctx, o, api.RenameProject, in)
	})
}
