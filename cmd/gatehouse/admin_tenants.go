package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
)

func newTenantsCommand(i *invocation) *cobra.Command {
	return group("tenants", "See, create, suspend and resume tenants",
		"Sees and changes tenants: the customers of this deployment. A TENANT is named by id or slug.",
		`  gatehouse admin tenants create --slug acme --name "Acme Corp" --max-users 50
  gatehouse admin tenants suspend acme`,
		newTenantsCreateCommand(i), newTenantsListCommand(i), newTenantsShowCommand(i),
		i.tenantChange(&cobra.Command{
			Use:     "suspend TENANT",
			Short:   "Keep a tenant out",
			Long:    "Keeps a tenant out: its clients stop, and its people cannot choose it.",
			Example: "  gatehouse admin tenants suspend acme",
		}, "suspended", func(o *operator) tenantIDChange { return o.SuspendTenant }),
		i.tenantChange(&cobra.Command{
			Use:     "resume TENANT",
			Short:   "Let a suspended tenant in again",
			Long:    "Lets a suspended tenant and its clients in again.",
			Example: "  gatehouse admin tenants resume acme",
		}, "resumed", func(o *operator) tenantIDChange { return o.ResumeTenant }))
}

func newTenantsCreateCommand(i *invocation) *cobra.Command {
	var n directory.CreateTenant
	var maxUsers, maxAgents, quota int
	cmd := &cobra.Command{
		Use:   "create --slug SLUG",
		Short: "Create a tenant",
		Long:  "Creates a tenant. A limit that is not named is no limit.",
		Example: `  gatehouse admin tenants create --slug acme --name "Acme Corp" --region iad --plan professional \
    --max-users 50 --max-agents 10 --storage-quota-gb 100 --feature custom_domains`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&n.Slug, "slug", "", "The short name that stands in addresses and commands")
	flags.StringVar(&n.Name, "name", "", "The name that people see (default: the slug)")
	flags.StringVar(&n.Region, "region", "", "Where the tenant is")
	flags.StringVar(&n.Plan, "plan", "", "What the tenant has booked")
	flags.IntVar(&maxUsers, "max-users", 0, "How many users it may have")
	flags.IntVar(&maxAgents, "max-agents", 0, "How many agents it may have")
	flags.IntVar(&quota, "storage-quota-gb", 0, "How many gigabytes it may store")
	flags.StringArrayVar(&n.Features, "feature", nil, "A feature that is switched on; repeat it")
	require(cmd, "slug")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		n.Name = cmp.Or(n.Name, n.Slug)
		for name, limit := range map[string]struct {
			value *int
			into  **int
		}{"max-users": {&maxUsers, &n.MaxUsers}, "max-agents": {&maxAgents, &n.MaxAgents}, "storage-quota-gb": {&quota, &n.StorageQuotaGB}} {
			if flags.Changed(name) {
				*limit.into = limit.value
			}
		}
		tenant, err := o.CreateTenant(ctx, o.as, n)
		if err != nil {
			return err
		}
		return o.print.One(describeTenant(tenant))
	})
}

func newTenantsListCommand(i *invocation) *cobra.Command {
	var page directory.Paging
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List tenants",
		Long:    "Lists tenants, part by part.",
		Example: "  gatehouse admin tenants list",
		Args:    cobra.NoArgs,
	}
	pageFlags(cmd, &page)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		tenants, err := o.Tenants(ctx, o.as, page)
		if err != nil {
			return err
		}
		return output.List(o.print, "tenants", each(tenants.Items, describeTenant), tenants.Next)
	})
}

func newTenantsShowCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "show TENANT",
		Short:   "Show a tenant",
		Long:    "Shows a tenant with its limits and features.",
		Example: "  gatehouse admin tenants show acme --output json",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		tenant, err := o.Tenant(ctx, o.as, args[0])
		if err != nil {
			return err
		}
		return o.print.One(describeTenant(tenant))
	})
}

// tenantIDChange is a method of the directory that changes one tenant.
type tenantIDChange = func(context.Context, directory.Actor, authz.TenantID) error

func (i *invocation) tenantChange(cmd *cobra.Command, status string, change func(*operator) tenantIDChange) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		tenant, err := o.Tenant(ctx, o.as, args[0])
		if err != nil {
			return err
		}
		if err := change(o)(ctx, o.as, tenant.ID); err != nil {
			return err
		}
		return o.print.One(outcome{tenant.ID.String(), status})
	})
}
