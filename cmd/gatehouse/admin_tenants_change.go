package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/web/api"
)

func newTenantsUpdateCommand(i *invocation) *cobra.Command {
	var in api.TenantUpdate
	var slug, name, region, plan, accent, logo string
	var maxUsers, maxAgents, quota int
	var features, registration []string
	cmd := &cobra.Command{
		Use:   "update TENANT",
		Short: "Change a tenant",
		Long: `Changes a tenant; what is not named stays. A limit of -1 is no limit. One below what
the tenant has already takes nothing away: it lets nothing more in.

Name, logo and accent are what people see where they sign in to the tenant's clients.
Pages take from the accent what can be read by day and by night; the logo stands on white.

Registration says who may make an account of the role user for themselves, after a link in
a mail has proven the address: everybody, nobody, or who has an address in one of the
mail domains that are named.`,
		Example: `  gatehouse admin tenants update acme --plan enterprise --max-users 500
  gatehouse admin tenants update acme --logo acme.png --accent '#7a1fa2'
  gatehouse admin tenants update acme --registration example.com --registration example.org
  gatehouse admin tenants update acme --max-agents -1 --feature custom_domains --feature advanced_analytics`,
		Args: cobra.ExactArgs(1),
	}
	flags, b := cmd.Flags(), &in.Body
	flags.StringVar(&slug, "slug", "", "The short name that stands in addresses and commands")
	flags.StringVar(&name, "name", "", "The name that people see")
	flags.StringVar(&region, "region", "", "Where the tenant is")
	flags.StringVar(&plan, "plan", "", "What the tenant has booked")
	flags.IntVar(&maxUsers, "max-users", 0, "How many users it may have")
	flags.IntVar(&maxAgents, "max-agents", 0, "How many agents it may have")
	flags.IntVar(&quota, "storage-quota-gb", 0, "How many gigabytes it may store")
	flags.StringArrayVar(&features, "feature", nil, "A feature that is switched on, in place of those it had; repeat it")
	flags.StringVar(&accent, "accent", "", "The colour of its sign-in pages, as #rrggbb; '' for that of the house")
	flags.StringVar(&logo, "logo", "", "A PNG, JPEG or WebP file with the logo of its sign-in pages; '' for none")
	flags.StringArrayVar(&registration, "registration", nil, "Who may register: open, closed, or a mail domain; repeat it for more")
	requireAny(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Tenant = args[0]
		b.Slug, b.Name, b.Region, b.Plan = changed(cmd, "slug", &slug), changed(cmd, "name", &name), changed(cmd, "region", &region), changed(cmd, "plan", &plan)
		b.MaxUsers, b.MaxAgents = changed(cmd, "max-users", &maxUsers), changed(cmd, "max-agents", &maxAgents)
		b.StorageQuotaGB, b.Features = changed(cmd, "storage-quota-gb", &quota), changed(cmd, "feature", &features)
		b.Accent, b.Registration = changed(cmd, "accent", &accent), changed(cmd, "registration", &registration)
		if flags.Changed("logo") {
			if err := changeLogo(ctx, o, in.TenantPath, logo); err != nil {
				return err
			}
		}
		return one(ctx, o, api.UpdateTenant, in)
	})
}

// changeLogo sends the file, or takes the logo away when there is none.
func changeLogo(ctx context.Context, o *operator, tenant api.TenantPath, file string) error {
	if file == "" {
		_, err := client.Call(ctx, o.api, api.RemoveTenantLogo, tenant)
		return err
	}
	picture, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open logo: %w", err)
	}
	defer picture.Close()
	_, err = client.Call(ctx, o.api, api.SetTenantLogo, api.TenantLogo{TenantPath: tenant, Upload: api.Upload{Content: picture}})
	return err
}

func newTenantsDeleteCommand(i *invocation) *cobra.Command {
	var in api.TenantDeletion
	cmd := &cobra.Command{
		Use:   "delete TENANT --confirm SLUG",
		Short: "Delete a tenant for good",
		Long: `Deletes a tenant with its projects, groups, clients and resources, and ends every
session and token that counted in it. Its people keep their accounts. It cannot be
taken back, so the slug is said once more.`,
		Example: "  gatehouse admin tenants delete acme --confirm acme",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&in.Confirm, "confirm", "", "The slug of the tenant, once more")
	require(cmd, "confirm")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Tenant = args[0]
		return one(ctx, o, api.DeleteTenant, in)
	})
}

func newTenantsSelectCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:   "select TENANT",
		Short: "Make a tenant the one that --tenant means when it is left out",
		Long: `Makes a tenant the one that commands work in when --tenant is left out, until another
is selected. It is kept in your own configuration directory, and, when you are signed
in and belong to the tenant, on the server too: your next sign-ins begin there.`,
		Example: "  gatehouse admin tenants select acme",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		chosen, err := selectTenant(ctx, o, args[0])
		if err != nil {
			return err
		}
		if err := i.selectTenant(chosen.Slug); err != nil {
			return err
		}
		return o.print.One(chosen)
	})
}

// selectTenant keeps the choice on the server where the person belongs to the tenant.
// The host, and an operator who does not belong there, have it for --tenant alone.
func selectTenant(ctx context.Context, o *operator, name string) (api.Selected, error) {
	var choice api.TenantChoice
	choice.Body.Tenant = name
	chosen, err := client.Call(ctx, o.api, api.SelectTenant, choice)
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusForbidden && p.Status != http.StatusNotFound {
		return chosen, err
	}
	t, err := client.Call(ctx, o.api, api.ShowTenant, tenantPath(name))
	return api.Selected{ID: t.ID, Slug: t.Slug, Name: t.Name}, err
}

// selectedBy marks a flag that means the selected tenant when it is left out.
const selectedBy = "gatehouse_selected_tenant"

// selection is where the selected tenant is kept: beside the credentials.
func (i *invocation) selection() (string, error) {
	file, err := i.credentials()
	return filepath.Join(filepath.Dir(file.Path), "tenant"), err
}

func (i *invocation) selectTenant(slug string) error {
	path, err := i.selection()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("select tenant: %w", err)
	}
	if err := os.WriteFile(path, []byte(slug+"\n"), 0o600); err != nil {
		return fmt.Errorf("select tenant: %w", err)
	}
	return nil
}

// useSelected fills in the selected tenant where a command takes one and none is named.
func (i *invocation) useSelected(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup("tenant")
	if flag == nil || flag.Changed || flag.Annotations[selectedBy] == nil {
		return nil
	}
	if all := cmd.Flags().Lookup("all-tenants"); all != nil && all.Changed {
		return nil
	}
	path, err := i.selection()
	if err != nil {
		return nil // nobody can have selected one
	}
	if text, err := os.ReadFile(path); err == nil {
		return flag.Value.Set(strings.TrimSpace(string(text)))
	}
	return nil
}
