package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newResourcesCommand(i *invocation) *cobra.Command {
	return group("resources", "See and create resource servers",
		`Sees and creates resource servers: what tokens are for. A client that names one in
its request (RFC 8707) gets a token that only this one takes.`,
		`  gatehouse admin resources create --identifier https://api.example.com --scope "agents:read tools:execute"
  gatehouse admin resources list`,
		newResourcesCreateCommand(i), newResourcesListCommand(i))
}

func newResourcesCreateCommand(i *invocation) *cobra.Command {
	var in api.NewResource
	var scopes []string
	cmd := &cobra.Command{
		Use:     "create --identifier URI",
		Short:   "Create a resource server",
		Long:    "Creates a resource server by its identifier, with the scopes that it understands.",
		Example: "  gatehouse admin resources create --identifier https://api.example.com --name API --scope agents:read --scope tools:execute",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Body.Identifier, "identifier", "", "The absolute URI that clients name (RFC 8707 §2)")
	cmd.Flags().StringVar(&in.Body.Name, "name", "", "The name that people see")
	cmd.Flags().StringVar(&in.Body.Tenant, "tenant", "", "The slug of the tenant that it belongs to (default: the whole deployment)")
	scopeFlag(cmd, &scopes, "A scope that it understands")
	require(cmd, "identifier")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		in.Body.Scopes = words(scopes)
		return one(ctx, o, api.CreateResource, in)
	})
}

func newResourcesListCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "list",
		Short:   "List the resource servers",
		Long:    "Lists the resource servers and the scopes that each understands.",
		Example: "  gatehouse admin resources list",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		return list(ctx, o, api.ListResources, struct{}{})
	})
}
