package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
)

func newClientsCommand(i *invocation) *cobra.Command {
	return group("clients", "See, create and change clients",
		`Sees and changes OAuth clients: the programs that send people here to sign in, or
that act for themselves.`,
		`  gatehouse admin clients create --name Shop --kind spa --redirect-uri https://shop.example.com/callback --scope "openid profile"
  gatehouse admin clients rotate-secret shop-4f2a --overlap 24h`,
		newClientsCreateCommand(i), newClientsListCommand(i), newClientsShowCommand(i), newClientsRotateSecretCommand(i),
		i.clientChange(&cobra.Command{
			Use:     "disable CLIENT",
			Short:   "Stop a client",
			Long:    "Stops a client: it gets no tokens any more, and those it has are dead.",
			Example: "  gatehouse admin clients disable shop-4f2a",
		}, "disabled", func(o *operator) clientChange { return o.DisableClient }),
		i.clientChange(&cobra.Command{
			Use:     "enable CLIENT",
			Short:   "Let a stopped client work again",
			Long:    "Lets a stopped client work again.",
			Example: "  gatehouse admin clients enable shop-4f2a",
		}, "enabled", func(o *operator) clientChange { return o.EnableClient }),
		i.clientChange(&cobra.Command{
			Use:     "delete CLIENT",
			Short:   "Delete a client",
			Long:    "Deletes a client for good, with the consents that were given to it, and ends its tokens.",
			Example: "  gatehouse admin clients delete shop-4f2a",
		}, "deleted", func(o *operator) clientChange { return o.DeleteClient }))
}

func newClientsListCommand(i *invocation) *cobra.Command {
	var page directory.Paging
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List clients",
		Long:    "Lists clients, part by part.",
		Example: "  gatehouse admin clients list --output json",
		Args:    cobra.NoArgs,
	}
	pageFlags(cmd, &page)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		clients, err := o.Clients(ctx, o.as, page)
		if err != nil {
			return err
		}
		return output.List(o.print, "clients", each(clients.Items, describeClient), clients.Next)
	})
}

func newClientsShowCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "show CLIENT",
		Short:   "Show a client",
		Long:    "Shows a client by its client_id. Its secret was shown when it was made, and is not kept.",
		Example: "  gatehouse admin clients show shop-4f2a",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		client, err := o.Client(ctx, o.as, authz.ClientID(args[0]))
		if err != nil {
			return err
		}
		return o.print.One(describeClient(client))
	})
}

// clientChange is a method of the directory that changes one client.
type clientChange = func(context.Context, directory.Actor, authz.ClientID) error

func (i *invocation) clientChange(cmd *cobra.Command, status string, change func(*operator) clientChange) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		if err := change(o)(ctx, o.as, authz.ClientID(args[0])); err != nil {
			return err
		}
		return o.print.One(outcome{args[0], status})
	})
}
