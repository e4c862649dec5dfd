package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newClientsCommand(i *invocation) *cobra.Command {
	return group("clients", "See, create and change clients",
		`Sees and changes OAuth clients: the programs that send people here to sign in, or
that act for themselves.`,
		`  gatehouse admin clients create --name Shop --kind spa --redirect-uri https://shop.example.com/callback --scope "openid profile"
  gatehouse admin clients rotate-secret shop-4f2a --overlap 24h`,
		newClientsCreateCommand(i), newClientsListCommand(i), newClientsShowCommand(i), newClientsUpdateCommand(i), newClientsRotateSecretCommand(i), newRegistrationTokensCommand(i),
		onOne(i, &cobra.Command{
			Use:     "disable CLIENT",
			Short:   "Stop a client",
			Long:    "Stops a client: it gets no tokens any more, and those it has are dead.",
			Example: "  gatehouse admin clients disable shop-4f2a",
		}, api.DisableClient, clientPath),
		onOne(i, &cobra.Command{
			Use:     "enable CLIENT",
			Short:   "Let a stopped client work again",
			Long:    "Lets a stopped client work again.",
			Example: "  gatehouse admin clients enable shop-4f2a",
		}, api.EnableClient, clientPath),
		deletion(i, &cobra.Command{
			Use:     "delete CLIENT",
			Short:   "Delete a client",
			Long:    "Deletes a client for good, with the consents that were given to it, and ends its tokens.",
			Example: "  gatehouse admin clients delete shop-4f2a",
		}, clientPath, api.ShowClient, func(c api.Client) string {
			return fmt.Sprintf("the client %s (%s), with every consent and token that it was given", c.Name, c.ClientID)
		}, api.DeleteClient, func(p api.ClientPath) api.ClientDeletion { return api.ClientDeletion{ClientPath: p} }))
}

func clientPath(id string) api.ClientPath { return api.ClientPath{Client: id} }

func newClientsListCommand(i *invocation) *cobra.Command {
	var in api.ClientFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List clients",
		Long: `Lists clients, part by part, and narrows the list by kind, tenant, owner, status and
by how they came: made by an operator, by their own document, or registered.`,
		Example: `  gatehouse admin clients list --output json
  gatehouse admin clients list --kind agent --owner ann`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&in.Kind, "kind", "", "Only clients of this kind: web, spa, native, service or agent")
	flags.StringVar(&in.Tenant, "tenant", "", "Only clients of this tenant: id or slug")
	flags.StringVar(&in.Owner, "owner", "", "Only agents that this user answers for: id, user name or e-mail address")
	flags.StringVar(&in.Origin, "origin", "", "Only clients that came in this way: operator, document, token or open")
	flags.StringVar(&in.Status, "status", "", "Only clients that work (active), or are stopped (disabled)")
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListClients, in) })
}

func newClientsShowCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "show CLIENT",
		Short:   "Show a client",
		Long:    "Shows a client by its client_id. Its secret was shown when it was made, and is not kept.",
		Example: "  gatehouse admin clients show shop-4f2a",
	}, api.ShowClient, clientPath)
}
