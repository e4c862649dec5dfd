package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newClientsUpdateCommand(i *invocation) *cobra.Command {
	var in api.ClientChange
	var name, alg, logo, policy, terms, openTo, keysFile string
	var scopes, redirects, afterLogout []string
	var introspect, firstParty, skipConsent, closed bool
	cmd := &cobra.Command{
		Use:   "update CLIENT",
		Short: "Change a client",
		Long: `Changes what is said of a client; what is left out stays. A list replaces the list
there is. What the client may no longer ask for, and whoever it is no longer open
to, is gone from its tokens at once.`,
		Example: `  gatehouse admin clients update shop-4f2a --open-to tenant
  gatehouse admin clients update shop-4f2a --group staff --group testers
  gatehouse admin clients update shop-4f2a --name "The shop" --redirect-uri https://shop.example.com/callback`,
		Args: cobra.ExactArgs(1),
	}
	flags, b := cmd.Flags(), &in.Body
	flags.StringVar(&name, "name", "", "The name that people see when they are asked for consent")
	scopeFlag(cmd, &scopes, "A scope or pattern that the client may ask for")
	flags.StringArrayVar(&redirects, "redirect-uri", nil, "Where people are sent back to, byte by byte; repeat it")
	flags.StringArrayVar(&afterLogout, "post-logout-redirect-uri", nil, "Where people are sent after signing out; repeat it")
	flags.StringVar(&keysFile, "jwks-file", "", "The file of the client's public keys (RFC 7517 §5), or - for standard input")
	flags.StringVar(&alg, "id-token-alg", "", "How ID tokens are signed: ES256 or RS256")
	flags.BoolVar(&introspect, "introspect", false, "Let the client ask about the tokens that are made for it")
	flags.BoolVar(&firstParty, "first-party", false, "Mark the client as the operator's own")
	flags.BoolVar(&skipConsent, "skip-consent", false, "Ask nobody for consent")
	flags.StringVar(&logo, "logo-uri", "", "The address of its picture, kept for those who ask; our pages load nothing of others")
	flags.StringVar(&policy, "policy-uri", "", "The privacy policy that the consent page links to")
	flags.StringVar(&terms, "tos-uri", "", "The terms of service that the consent page links to")
	openFlags(cmd, &openTo, &b.Groups, &closed)
	requireAny(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) (err error) {
		in.Client = args[0]
		held := words(scopes)
		b.Name, b.IDTokenAlg, b.Scopes = changed(cmd, "name", &name), changed(cmd, "id-token-alg", &alg), changed(cmd, "scope", &held)
		b.LogoURI, b.PolicyURI, b.TOSURI = changed(cmd, "logo-uri", &logo), changed(cmd, "policy-uri", &policy), changed(cmd, "tos-uri", &terms)
		b.Introspect, b.FirstParty = changed(cmd, "introspect", &introspect), changed(cmd, "first-party", &firstParty)
		b.SkipConsent = changed(cmd, "skip-consent", &skipConsent)
		b.RedirectURIs = changed(cmd, "redirect-uri", &redirects)
		b.PostLogoutRedirectURIs = changed(cmd, "post-logout-redirect-uri", &afterLogout)
		b.OpenTo = reopening(openTo, b.Groups, closed)
		if keysFile != "" {
			if b.JWKS, err = i.readKeys(keysFile); err != nil {
				return err
			}
		}
		return one(ctx, o, api.UpdateClient, in)
	})
}

// reopening is who may use a client from now on; nil when nothing is said of it.
func reopening(said string, groups []string, closed bool) *string {
	switch {
	case closed:
		said = "nobody"
	case len(groups) > 0:
		said = "groups"
	}
	if said == "" {
		return nil
	}
	return &said
}
