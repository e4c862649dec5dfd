package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/web/api"
)

func newRegistrationTokensCommand(i *invocation) *cobra.Command {
	return group("registration-tokens", "Let clients register themselves",
		`Makes and revokes initial access tokens (RFC 7591): whoever holds one may register
clients within the bounds that it was made with. The server takes them where its
setting client_registration is token or open.`,
		`  gatehouse admin clients registration-tokens create --name "Build farm" --uses 20 --for 7d --redirect-host apps.example.com
  gatehouse admin clients registration-tokens list`,
		newRegistrationTokensCreateCommand(i), newRegistrationTokensListCommand(i),
		onOne(i, &cobra.Command{
			Use:     "revoke ID",
			Short:   "Let no more clients register with a token",
			Long:    "Lets no more clients register with a token. Those that came with it stay: see \"clients list --origin token\".",
			Example: "  gatehouse admin clients registration-tokens revoke 019f7c1e-5a30-7b2f-9d31-6f0a4f6b8c11",
		}, api.RevokeRegistrationToken, func(id string) api.RegistrationTokenPath { return api.RegistrationTokenPath{Token: id} }))
}

func newRegistrationTokensCreateCommand(i *invocation) *cobra.Command {
	var in api.NewRegistrationToken
	var scopes []string
	var lifetime, clientLifetime string
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make a token with which clients may register themselves",
		Long: `Makes a token with which clients may register themselves, and prints it this once.

It lets in so many clients until it expires. They can be no more than it says: the
grant types, the scopes and the hosts of their redirect URIs. Nobody can sign in
through them until you open them, unless --open-to says so beforehand.`,
		Example: `  gatehouse admin clients registration-tokens create --name "Build farm" --uses 20 --for 7d --redirect-host apps.example.com
  gatehouse admin clients registration-tokens create --name Partner --scope "openid agents:read" --open-to tenant --client-lifetime 90d`,
		Args: cobra.NoArgs,
	}
	flags, b := cmd.Flags(), &in.Body
	flags.StringVar(&b.Name, "name", "", "Whom the token is for")
	flags.IntVar(&b.Uses, "uses", 1, "How many clients it lets in")
	flags.StringVar(&lifetime, "for", "24h", "How long it may be used, such as 12h or 7d")
	flags.StringArrayVar(&b.GrantTypes, "grant-type", nil, "A grant type that its clients may have (default: authorization_code and refresh_token); repeat it")
	scopeFlag(cmd, &scopes, "A scope or pattern that its clients may ask for at most")
	flags.StringArrayVar(&b.RedirectHosts, "redirect-host", nil, "A host that its clients may send people to, with those below it (default: any); repeat it")
	flags.StringVar(&b.OpenTo, "open-to", "", "Who may sign in through its clients from the first moment on: nobody, tenant or everyone")
	flags.BoolVar(&b.Statement, "software-statement", false, "Let in only clients that a trusted issuer vouches for: see \"admin issuers add\"")
	flags.StringVar(&clientLifetime, "client-lifetime", "", "How long its clients work, such as 90d (default: for good)")
	tenantFlag(cmd, &b.Tenant)
	flags.BoolVar(&b.AllTenants, "all-tenants", false, "Its clients are of the whole deployment")
	require(cmd, "name")
	cmd.MarkFlagsMutuallyExclusive("tenant", "all-tenants")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		b.Scopes = words(scopes)
		for _, d := range []struct {
			flag, text string
			seconds    *int
		}{{"for", lifetime, &b.Lifetime}, {"client-lifetime", clientLifetime, &b.ClientSeconds}} {
			if d.text == "" {
				continue
			}
			lasting, err := config.ParseDuration(d.text)
			if err != nil {
				return fmt.Errorf("--%s: %w", d.flag, err)
			}
			*d.seconds = int(lasting.Seconds())
		}
		fmt.Fprintln(i.errs, "The token is shown this once. Hand it to whoever may register clients.")
		return one(ctx, o, api.CreateRegistrationToken, in)
	})
}

func newRegistrationTokensListCommand(i *invocation) *cobra.Command {
	var in api.RegistrationTokenFilter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens with which clients may register themselves",
		Long:    "Lists the tokens with which clients may register themselves, the newest first, with what is left of each.",
		Example: "  gatehouse admin clients registration-tokens list --tenant acme",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Tenant, "tenant", "", "Only those for clients of this tenant: id or slug")
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		return list(ctx, o, api.ListRegistrationTokens, in)
	})
}
