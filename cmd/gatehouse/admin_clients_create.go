package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/storage"
)

// credentials are what a new client signs in with. The secret is null for a
// client that has none.
type credentials struct {
	ClientID     string  `json:"client_id"`
	ClientSecret *string `json:"client_secret"`
}

// printCredentials shows the secret this once: only its digest is kept.
func (i *invocation) printCredentials(id authz.ClientID, secret directory.Secret) error {
	c := credentials{ClientID: string(id)}
	if !secret.IsZero() {
		text := secret.Reveal()
		c.ClientSecret = &text
		fmt.Fprintln(i.errs, "The client secret is shown this once. Keep it where only the client can read it.")
	}
	return i.print().One(c)
}

// clientFlags is a new client as the command line says it.
type clientFlags struct {
	directory.CreateClient
	id, kind, owner, keysFile string
	scopes                    []string
}

func newClientsCreateCommand(i *invocation) *cobra.Command {
	var n clientFlags
	cmd := &cobra.Command{
		Use:   "create --name NAME --kind KIND",
		Short: "Create a client",
		Long: `Creates a client and prints its client_id and, where it has one, its secret, which
is not shown again.

The kind decides what is left out: a web application and a service get a secret;
a spa and a native application cannot keep one and get none; an agent acts for
itself with a secret, and never exceeds its owner. With private_key_jwt the
client's public keys come from a file, and there is no secret at all.`,
		Example: `  gatehouse admin clients create --name Shop --kind spa --redirect-uri https://shop.example.com/callback --scope "openid profile"
  gatehouse admin clients create --name Reports --kind service --scope agents:read --introspect --output json
  gatehouse admin clients create --name Bot --kind agent --owner ann --scope tools:execute --auth-method private_key_jwt --jwks-file bot.jwks`,
		Args: cobra.NoArgs,
	}
	n.declare(cmd)
	return i.clientSecretOperation(cmd, func(ctx context.Context, o *operator, _ []string) error {
		if err := n.read(ctx, i, o); err != nil {
			return err
		}
		client, secret, err := o.CreateClient(ctx, o.as, n.CreateClient)
		if err != nil {
			return err
		}
		return i.printCredentials(client.ID, secret)
	})
}

func (n *clientFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&n.Name, "name", "", "The name that people see when they are asked for consent")
	flags.StringVar(&n.kind, "kind", "", "web, spa, native, service or agent")
	flags.StringVar(&n.id, "id", "", "The client_id (default: made from the name)")
	scopeFlag(cmd, &n.scopes, "A scope or pattern that the client may ask for")
	flags.StringArrayVar(&n.RedirectURIs, "redirect-uri", nil, "Where people are sent back to, byte by byte; repeat it")
	flags.StringArrayVar(&n.PostLogoutRedirectURIs, "post-logout-redirect-uri", nil, "Where people are sent after signing out; repeat it")
	flags.StringVar(&n.AuthMethod, "auth-method", "", "client_secret_basic, client_secret_post, private_key_jwt or none (default: by kind)")
	flags.StringVar(&n.keysFile, "jwks-file", "", "The file of the client's public keys (RFC 7517 §5), or - for standard input")
	flags.BoolVar(&n.Introspect, "introspect", false, "Let the client ask about the tokens that are made for it")
	flags.BoolVar(&n.FirstParty, "first-party", false, "Mark the client as the operator's own")
	flags.BoolVar(&n.SkipConsent, "skip-consent", false, "Ask nobody for consent")
	flags.StringVar(&n.Tenant, "tenant", "", "The slug of the tenant that it belongs to (default: the first tenant)")
	flags.BoolVar(&n.AllTenants, "all-tenants", false, "Make a client of the whole deployment")
	flags.StringVar(&n.owner, "owner", "", "The user who answers for an agent: id, user name or e-mail address")
	flags.StringVar(&n.IDTokenAlg, "id-token-alg", "", "How ID tokens are signed: ES256 or RS256 (default ES256)")
	require(cmd, "name", "kind")
	cmd.MarkFlagsMutuallyExclusive("tenant", "all-tenants")
}

// read fills in what is not a plain text.
func (n *clientFlags) read(ctx context.Context, i *invocation, o *operator) (err error) {
	n.ID, n.Kind = authz.ClientID(n.id), storage.ClientKind(n.kind)
	if n.Scopes, err = patterns(n.scopes); err != nil {
		return err
	}
	if n.owner != "" {
		owner, err := o.User(ctx, o.as, n.owner)
		if err != nil {
			return fmt.Errorf("owner: %w", err)
		}
		n.Owner = owner.ID
	}
	if n.keysFile != "" {
		n.JWKS, err = i.readKeys(n.keysFile)
	}
	return err
}

// maxKeys bounds a file of public keys, with room for one byte more so that a
// longer one is refused and not cut.
const maxKeys = 64 << 10

func (i *invocation) readKeys(path string) ([]byte, error) {
	f, err := i.open(path)
	if err != nil {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	defer f.Close()
	document, err := io.ReadAll(io.LimitReader(f, maxKeys+1))
	if err != nil {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	if len(document) > maxKeys {
		return nil, fmt.Errorf("read public keys: %s has more than %d bytes", path, maxKeys)
	}
	return document, nil
}

func newClientsRotateSecretCommand(i *invocation) *cobra.Command {
	var overlap string
	cmd := &cobra.Command{
		Use:   "rotate-secret CLIENT",
		Short: "Give a client a new secret",
		Long: `Gives a client a new secret and prints it this once. The old one works on for the
time of overlap, so that the client can be told in peace; with --overlap 0s it is
dead at once.`,
		Example: `  gatehouse admin clients rotate-secret shop-4f2a --overlap 7d
  gatehouse admin clients rotate-secret shop-4f2a --overlap 0s --output json`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&overlap, "overlap", "24h", "How long the old secret works on")
	return i.clientSecretOperation(cmd, func(ctx context.Context, o *operator, args []string) error {
		lasting, err := config.ParseDuration(overlap)
		if err != nil {
			return fmt.Errorf("--overlap: %w", err)
		}
		id := authz.ClientID(args[0])
		secret, err := o.RotateClientSecret(ctx, o.as, id, lasting)
		if err != nil {
			return err
		}
		return i.printCredentials(id, secret)
	})
}
