package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newScopesExplainCommand(i *invocation) *cobra.Command {
	var in api.Question
	var scopes []string
	cmd := &cobra.Command{
		Use:   "explain --client CLIENT [--user USER]",
		Short: "Show which scopes a client would be granted for a user, and why",
		Long: `Shows what would become of each scope if a client asked for it: granted or not,
and which role, group or rule decided. It is the decision that the server itself
makes.

Without --user the client acts for itself. Without --tenant the tenant is the one
in which the user lands by default. Without --scope the question is what a
request gets that names none.`,
		Example: `  gatehouse admin scopes explain --user ann --client shop-4f2a --scope "openid agents:read billing"
  gatehouse admin scopes explain --user ann --client shop-4f2a --tenant acme --project website --acr phr --output json`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&in.User, "user", "", "The user who would sign in: id, user name or e-mail address")
	flags.StringVar(&in.Client, "client", "", "The client_id")
	flags.StringVar(&in.Tenant, "tenant", "", "The tenant that the token would be for: id or slug")
	flags.StringVar(&in.Project, "project", "", "The project that the token would be for: id or name")
	flags.StringVar(&in.ACR, "acr", "", "How strongly the user would have signed in: aal1, aal2 or phr")
	scopeFlag(cmd, &scopes, "A scope that is asked for")
	require(cmd, "client")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		in.Scope = joined(scopes)
		return list(ctx, o, api.ExplainScopes, in)
	})
}
