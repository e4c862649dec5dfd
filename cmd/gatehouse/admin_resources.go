package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/api"
)

func newResourcesCommand(i *invocation) *cobra.Command {
	return group("resources", "See, create and change resource servers",
		`Sees and changes resource servers: what tokens are for. A client that names one in
its request (RFC 8707) gets a token that only this one takes.`,
		`  gatehouse admin resources create --identifier https://api.example.com --scope "agents:read tools:execute"
  gatehouse admin resources list`,
		newResourcesCreateCommand(i), newResourcesListCommand(i), newResourcesUpdateCommand(i),
		onOne(i, &cobra.Command{
			Use:     "show URI",
			Short:   "Show a resource server",
			Long:    "Shows a resource server by its identifier.",
			Example: "  gatehouse admin resources show https://api.example.com",
		}, api.ShowResource, resourcePath),
		deletion(i, &cobra.Command{
			Use:     "delete URI",
			Short:   "Remove a resource server",
			Long:    "Removes a resource server: no token is made for it any more. Its scopes stay in the registry.",
			Example: "  gatehouse admin resources delete https://api.example.com",
		}, resourcePath, api.ShowResource, func(r api.Resource) string { return "the resource server " + r.Identifier },
			api.DeleteResource, func(p api.ResourcePath) api.ResourceDeletion { return api.ResourceDeletion{ResourcePath: p} }))
}

func newResourcesCreateCommand(i *invocation) *cobra.Command {
	var in api.NewResource
	var scopes []string
	var typesFile string
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
	lifetimeFlag(cmd, &in.Body.Lifetime)
	typesFlag(cmd, &typesFile)
	scopeFlag(cmd, &scopes, "A scope that it understands")
	require(cmd, "identifier")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		in.Body.Scopes = words(scopes)
		if typesFile != "" {
			if err := i.readJSON("types of authorization details", typesFile, &in.Body.DetailTypes); err != nil {
				return err
			}
		}
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

func resourcePath(identifier string) api.ResourcePath { return api.ResourcePath{Resource: identifier} }

func lifetimeFlag(cmd *cobra.Command, seconds *int) {
	cmd.Flags().IntVar(seconds, "max-age-seconds", 0, "How many seconds tokens for it live at most; 0 for as long as any")
}

func typesFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "details-file", "", "The types of authorization details that it understands (RFC 9396), as a JSON file")
}

func newResourcesUpdateCommand(i *invocation) *cobra.Command {
	var in api.ResourceChange
	var scopes []string
	var name, typesFile string
	var seconds int
	cmd := &cobra.Command{
		Use:     "update URI",
		Short:   "Change a resource server",
		Long:    "Changes what is said of a resource server; what is left out stays. The scopes replace those there are.",
		Example: "  gatehouse admin resources update https://api.example.com --scope agents:read --max-age-seconds 300",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&name, "name", "", "The name that people see")
	scopeFlag(cmd, &scopes, "A scope that it understands")
	lifetimeFlag(cmd, &seconds)
	typesFlag(cmd, &typesFile)
	requireAny(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		understood := words(scopes)
		in.Resource = args[0]
		in.Body.Name, in.Body.Scopes = changed(cmd, "name", &name), changed(cmd, "scope", &understood)
		in.Body.Lifetime = changed(cmd, "max-age-seconds", &seconds)
		if typesFile != "" {
			in.Body.DetailTypes = new([]storage.DetailType)
			if err := i.readJSON("types of authorization details", typesFile, in.Body.DetailTypes); err != nil {
				return err
			}
		}
		return one(ctx, o, api.UpdateResource, in)
	})
}
