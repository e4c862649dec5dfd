package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newScopesCommand(i *invocation) *cobra.Command {
	return group("scopes", "See, describe, grant and explain scopes",
		`Sees the registry of scopes and writes to it, grants scopes to single users beyond
role and groups, and explains who would be granted what, and why.`,
		`  gatehouse admin scopes put reports:read --title "See reports"
  gatehouse admin scopes grant ann reports:read --tenant acme
  gatehouse admin scopes explain --user ann --client shop-4f2a --scope "openid reports:read"`,
		newScopesListCommand(i), newScopesPutCommand(i), newScopesExplainCommand(i),
		onOne(i, &cobra.Command{
			Use:     "show SCOPE",
			Short:   "Show what is said of a scope",
			Long:    "Shows the words of the consent page for a scope, and the sign-in that it needs.",
			Example: "  gatehouse admin scopes show billing",
		}, api.ShowScope, scopePath),
		deletion(i, &cobra.Command{
			Use:   "delete SCOPE",
			Short: "Take a scope out of the registry",
			Long: `Takes a scope out of the registry. One that a role, a group, a user, a client or a
resource server names stays until they do no more.`,
			Example: "  gatehouse admin scopes delete reports:read",
		}, scopePath, api.ShowScope, func(s api.Scope) string { return fmt.Sprintf("the scope %s (%s)", s.Name, s.Title) },
			api.DeleteScope, func(p api.ScopePath) api.ScopeDeletion { return api.ScopeDeletion{ScopePath: p} }),
		newScopesGrantCommand(i), newScopesRevokeCommand(i))
}

func scopePath(name string) api.ScopePath { return api.ScopePath{Scope: name} }

func newScopesListCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:     "list",
		Short:   "List the registry of scopes",
		Long:    "Lists the scopes that are described, with the words of the consent page and the sign-in that each needs.",
		Example: "  gatehouse admin scopes list",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		return list(ctx, o, api.ListScopes, struct{}{})
	})
}

func newScopesPutCommand(i *invocation) *cobra.Command {
	var in api.ScopeWords
	cmd := &cobra.Command{
		Use:     "put SCOPE",
		Aliases: []string{"create", "update"},
		Short:   "Describe a scope, or change what is said of it",
		Long: `Writes what the consent page says of a scope, and how strong a sign-in it needs:
aal1 (one factor), aal2 (two) or phr (a passkey). Until the user has signed in
like that, the scope is withheld (RFC 9470).`,
		Example: `  gatehouse admin scopes put billing --title "Manage billing" --description "Plans and invoices." --needs-acr phr`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&in.Body.Title, "title", "", "What the consent page calls it")
	cmd.Flags().StringVar(&in.Body.Description, "description", "", "What it means, in a sentence")
	cmd.Flags().StringVar(&in.Body.NeedsACR, "needs-acr", "", "The sign-in that it needs: aal1, aal2 or phr")
	require(cmd, "title")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.Scope = args[0]
		return one(ctx, o, api.PutScope, in)
	})
}

func newScopesGrantCommand(i *invocation) *cobra.Command {
	var in api.NewUserScope
	cmd := &cobra.Command{
		Use:   "grant USER SCOPE",
		Short: "Grant a scope to a user",
		Long: `Grants a scope to a user beyond what role and groups give, in one tenant or, without
--tenant, in all of them. The scope may be a pattern such as "agents:*".`,
		Example: "  gatehouse admin scopes grant ann reports:read --tenant acme",
		Args:    cobra.ExactArgs(2),
	}
	userScopeTenantFlag(cmd, &in.Body.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.User, in.Body.Scope = args[0], args[1]
		if err := one(ctx, o, api.GrantUserScope, in); err != nil {
			return err
		}
		i.nameUndescribed(ctx, o, in.Body.Scope)
		return nil
	})
}

func newScopesRevokeCommand(i *invocation) *cobra.Command {
	var in api.UserScopePath
	cmd := &cobra.Command{
		Use:     "revoke USER SCOPE",
		Short:   "Take a granted scope from a user",
		Long:    "Takes from a user a scope that was granted to them, in one tenant or, without --tenant, in all of them.",
		Example: "  gatehouse admin scopes revoke ann reports:read --tenant acme",
		Args:    cobra.ExactArgs(2),
	}
	userScopeTenantFlag(cmd, &in.Tenant)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in.User, in.Scope = args[0], args[1]
		return one(ctx, o, api.RevokeUserScope, in)
	})
}

func userScopeTenantFlag(cmd *cobra.Command, tenant *string) {
	cmd.Flags().StringVar(tenant, "tenant", "", "The tenant in which it counts: id or slug (default: all tenants)")
}
