package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

func newScopesCommand(i *invocation) *cobra.Command {
	return group("scopes", "See, describe, grant and explain scopes",
		`Sees the registry of scopes and writes to it, grants scopes to single users beyond
role and groups, and explains who would be granted what, and why.`,
		`  gatehouse admin scopes put reports:read --title "See reports"
  gatehouse admin scopes grant ann reports:read --tenant acme
  gatehouse admin scopes explain --user ann --client shop-4f2a --scope "openid reports:read"`,
		newScopesListCommand(i), newScopesPutCommand(i), newScopesExplainCommand(i),
		i.userScopeChange("grant", "Grant a scope to a user", "granted", func(o *direct) userScopeChange { return o.GrantUserScope }),
		i.userScopeChange("revoke", "Take a granted scope from a user", "revoked", func(o *direct) userScopeChange { return o.RevokeUserScope }))
}

func newScopesListCommand(i *invocation) *cobra.Command {
	return i.directly(&cobra.Command{
		Use:     "list",
		Short:   "List the registry of scopes",
		Long:    "Lists the scopes that are described, with the words of the consent page and the sign-in that each needs.",
		Example: "  gatehouse admin scopes list",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *direct, _ []string) error {
		scopes, err := o.Scopes(ctx, o.as)
		if err != nil {
			return err
		}
		return printList(o.print, each(scopes, describeScope), "")
	})
}

func newScopesPutCommand(i *invocation) *cobra.Command {
	var info storage.ScopeInfo
	var acr string
	cmd := &cobra.Command{
		Use:   "put SCOPE",
		Short: "Describe a scope, or change what is said of it",
		Long: `Writes what the consent page says of a scope, and how strong a sign-in it needs:
aal1 (one factor), aal2 (two) or phr (a passkey). Until the user has signed in
like that, the scope is withheld (RFC 9470).`,
		Example: `  gatehouse admin scopes put billing --title "Manage billing" --description "Plans and invoices." --needs-acr phr`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&info.Title, "title", "", "What the consent page calls it")
	cmd.Flags().StringVar(&info.Description, "description", "", "What it means, in a sentence")
	cmd.Flags().StringVar(&acr, "needs-acr", "", "The sign-in that it needs: aal1, aal2 or phr")
	require(cmd, "title")
	return i.directly(cmd, func(ctx context.Context, o *direct, args []string) (err error) {
		if info.Name, err = authz.ParseScope(args[0]); err != nil {
			return err
		}
		info.NeedsACR = authz.ACR(acr)
		if err := o.PutScope(ctx, o.as, info); err != nil {
			return err
		}
		return o.print.One(describeScope(info))
	})
}

// userScopeChange is a method of the directory that changes what one user holds.
type userScopeChange = func(context.Context, directory.Actor, authz.UserID, authz.TenantID, authz.Pattern) error

func (i *invocation) userScopeChange(name, short, status string, change func(*direct) userScopeChange) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:   name + " USER SCOPE",
		Short: short,
		Long: short + `: beyond what role and groups give, in one tenant or, without --tenant,
in all of them. The scope may be a pattern such as "agents:*".`,
		Example: "  gatehouse admin scopes " + name + " ann reports:read --tenant acme",
		Args:    cobra.ExactArgs(2),
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "The tenant in which it counts: id or slug (default: all tenants)")
	return i.directly(cmd, func(ctx context.Context, o *direct, args []string) error {
		scope, err := authz.ParsePattern(args[1])
		if err != nil {
			return err
		}
		user, err := o.User(ctx, o.as, args[0])
		if err != nil {
			return err
		}
		var where authz.TenantID
		if tenant != "" {
			t, err := o.Tenant(ctx, o.as, tenant)
			if err != nil {
				return err
			}
			where = t.ID
		}
		if err := change(o)(ctx, o.as, user.ID, where, scope); err != nil {
			return err
		}
		return o.print.One(struct {
			UserID   string `json:"user_id"`
			TenantID string `json:"tenant_id"`
			Scope    string `json:"scope"`
			Status   string `json:"status"`
		}{user.ID.String(), where.String(), string(scope), status})
	})
}
