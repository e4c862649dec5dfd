package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newTenantsCommand(i *invocation) *cobra.Command {
	return group("tenants", "See, create, change, suspend and delete tenants",
		"Sees and changes tenants: the customers of this deployment. A TENANT is named by id or slug.",
		`  gatehouse admin tenants create --slug acme --name "Acme Corp" --max-users 50
  gatehouse admin tenants suspend acme`,
		newTenantsCreateCommand(i), newTenantsListCommand(i), newTenantsShowCommand(i), newTenantsSelectCommand(i), newTenantsUpdateCommand(i), newTenantsDeleteCommand(i), newTenantsAcceptAuthenticatorsCommand(i),
		onOne(i, &cobra.Command{
			Use:     "suspend TENANT",
			Short:   "Keep a tenant out",
			Long:    "Keeps a tenant out: its clients stop, and its people cannot choose it.",
			Example: "  gatehouse admin tenants suspend acme",
		}, api.SuspendTenant, tenantPath),
		onOne(i, &cobra.Command{
			Use:     "resume TENANT",
			Short:   "Let a suspended tenant in again",
			Long:    "Lets a suspended tenant and its clients in again.",
			Example: "  gatehouse admin tenants resume acme",
		}, api.ResumeTenant, tenantPath))
}

func tenantPath(name string) api.TenantPath { return api.TenantPath{Tenant: name} }

func newTenantsCreateCommand(i *invocation) *cobra.Command {
	var in api.NewTenant
	var maxUsers, maxAgents, quota int
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create a tenant",
		Long:  "Creates a tenant, under a slug that is made up if none and no name is given. A limit\nthat is not named is no limit.",
		Example: `  gatehouse admin tenants create --slug acme --name "Acme Corp" --region iad --plan professional \
    --max-users 50 --max-agents 10 --storage-quota-gb 100 --feature custom_domains`,
		Args: cobra.NoArgs,
	}
	flags, b := cmd.Flags(), &in.Body
	flags.StringVar(&b.Slug, "slug", "", "The short name that stands in addresses and commands (default: made of the name)")
	flags.StringVar(&b.Name, "name", "", "The name that people see (default: the slug)")
	flags.StringVar(&b.Region, "region", "", "Where the tenant is")
	flags.StringVar(&b.Plan, "plan", "", "What the tenant has booked")
	flags.IntVar(&maxUsers, "max-users", 0, "How many users it may have")
	flags.IntVar(&maxAgents, "max-agents", 0, "How many agents it may have")
	flags.IntVar(&quota, "storage-quota-gb", 0, "How many gigabytes it may store")
	flags.StringArrayVar(&b.Features, "feature", nil, "A feature that is switched on; repeat it")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		b.MaxUsers, b.MaxAgents = changed(cmd, "max-users", &maxUsers), changed(cmd, "max-agents", &maxAgents)
		b.StorageQuotaGB = changed(cmd, "storage-quota-gb", &quota)
		return one(ctx, o, api.CreateTenant, in)
	})
}

func newTenantsListCommand(i *invocation) *cobra.Command {
	var in api.Paging
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List tenants",
		Long:    "Lists tenants, part by part.",
		Example: "  gatehouse admin tenants list",
		Args:    cobra.NoArgs,
	}
	pageFlags(cmd, &in)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.ListTenants, in) })
}

func newTenantsShowCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "show TENANT",
		Short:   "Show a tenant",
		Long:    "Shows a tenant with its limits and features.",
		Example: "  gatehouse admin tenants show acme --output json",
	}, api.ShowTenant, tenantPath)
}

func newTenantsAcceptAuthenticatorsCommand(i *invocation) *cobra.Command {
	var in api.AcceptedAuthenticators
	var anyModel bool
	cmd := &cobra.Command{
		Use:   "accept-authenticators TENANT",
		Short: "Say with what a tenant's people may make passkeys",
		Long: `Says which models of authenticators the people of a tenant may make passkeys with,
by AAGUID. The authenticator must attest its model; the attestation is held to the
file of passkey_metadata_file where there is one. Passkeys that there are stay.`,
		Example: `  gatehouse admin tenants accept-authenticators acme --aaguid 2fc0579f-8113-47ea-b116-bb5a8db9202a
  gatehouse admin tenants accept-authenticators acme --any`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringArrayVar(&in.Body.AAGUIDs, "aaguid", nil, "A model that is accepted; repeat it")
	cmd.Flags().BoolVar(&anyModel, "any", false, "Accept any model again")
	cmd.MarkFlagsOneRequired("aaguid", "any")
	cmd.MarkFlagsMutuallyExclusive("aaguid", "any")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.TenantPath = tenantPath(args[0])
		if anyModel {
			in.Body.AAGUIDs = []string{}
		}
		return one(ctx, o, api.AcceptAuthenticators, in)
	})
}
