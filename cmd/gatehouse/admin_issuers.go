package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newIssuersCommand(i *invocation) *cobra.Command {
	return group("issuers", "See, add and remove issuers whose signed word counts here",
		`Sees, adds and removes issuers that others run and that are trusted here. One that
vouches for people signs assertions, which a client exchanges for a token of such a
person (RFC 7523). One that vouches for software signs what a client says of itself
when it registers (RFC 7591).`,
		`  gatehouse admin issuers add https://idp.example.com --jwks-uri https://idp.example.com/jwks --subject email --scope "agents:read"
  gatehouse admin issuers list`,
		newIssuersAddCommand(i), newIssuersListCommand(i),
		onOne(i, &cobra.Command{
			Use:     "show ID",
			Short:   "Show a trusted issuer",
			Long:    "Shows a trusted issuer by its id here, with its keys where they are kept here.",
			Example: "  gatehouse admin issuers show 019f7c1e-5a30-7b2f-9d31-6f0a4f6b8c11",
		}, api.ShowTrustedIssuer, trustedIssuerPath),
		onOne(i, &cobra.Command{
			Use:     "remove ID",
			Short:   "Trust an issuer no more",
			Long:    "Trusts an issuer no more. Every token that came of its assertions ends at once; clients that it vouched for stay.",
			Example: "  gatehouse admin issuers remove 019f7c1e-5a30-7b2f-9d31-6f0a4f6b8c11",
		}, api.RemoveTrustedIssuer, trustedIssuerPath))
}

func trustedIssuerPath(id string) api.TrustedIssuerPath { return api.TrustedIssuerPath{Issuer: id} }

func newIssuersAddCommand(i *invocation) *cobra.Command {
	var in api.NewTrustedIssuer
	var scopes []string
	var keysFile string
	cmd := &cobra.Command{
		Use:   "add ISSUER",
		Short: "Trust an issuer with people or with software",
		Long: `Trusts an issuer, by the iss of its tokens, with people or with software.

With people it can name anybody who belongs to the tenant, for what --scope says
and no more, and to the clients alone whose metadata has the issuer in
takes_assertions_of. Its sub is an e-mail address that is verified here, unless
--subject says otherwise.`,
		Example: `  gatehouse admin issuers add https://idp.example.com --jwks-uri https://idp.example.com/jwks --subject email --scope "agents:read"
  gatehouse admin issuers add https://catalogue.example.com --vouches-for software --jwks-file catalogue.jwks --all-tenants`,
		Args: cobra.ExactArgs(1),
	}
	flags, b := cmd.Flags(), &in.Body
	flags.StringVar(&b.VouchesFor, "vouches-for", "people", "What it is trusted with: people or software")
	flags.StringVar(&b.Subject, "subject", "", "What its sub names people by: id, username or email (default email)")
	scopeFlag(cmd, &scopes, "A scope or pattern that its assertions can be good for at most")
	flags.StringVar(&keysFile, "jwks-file", "", "The file of its public keys (RFC 7517 §5), or - for standard input")
	flags.StringVar(&b.JWKSURI, "jwks-uri", "", "Where it publishes its public keys, instead of --jwks-file")
	flags.StringArrayVar(&b.Algorithms, "alg", nil, "An algorithm that it may sign with (default: all that are supported); repeat it")
	tenantFlag(cmd, &b.Tenant)
	flags.BoolVar(&b.AllTenants, "all-tenants", false, "The whole deployment trusts it")
	cmd.MarkFlagsMutuallyExclusive("tenant", "all-tenants")
	cmd.MarkFlagsMutuallyExclusive("jwks-file", "jwks-uri")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) (err error) {
		b.Issuer, b.Scopes = args[0], words(scopes)
		if keysFile != "" {
			if b.JWKS, err = i.readKeys(keysFile); err != nil {
				return err
			}
		}
		return one(ctx, o, api.AddTrustedIssuer, in)
	})
}

func newIssuersListCommand(i *invocation) *cobra.Command {
	var in api.TrustedIssuerFilter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the trusted issuers",
		Long:    "Lists the trusted issuers, the oldest first, with what each is trusted with.",
		Example: "  gatehouse admin issuers list --tenant acme",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&in.Tenant, "tenant", "", "Only those that this tenant trusts by itself: id or slug")
	pageFlags(cmd, &in.Paging)
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		return list(ctx, o, api.ListTrustedIssuers, in)
	})
}
