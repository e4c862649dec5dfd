package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/api"
)

// printCredentials shows the secret this once: only its digest is kept.
func (i *invocation) printCredentials(c api.Credentials) error {
	if c.ClientSecret != nil {
		fmt.Fprintln(i.errs, "The client secret is shown this once. Keep it where only the client can read it.")
	}
	return i.print().One(c)
}

func newClientsCreateCommand(i *invocation) *cobra.Command {
	var in api.NewClient
	var scopes []string
	var keysFile, metadataFile string
	var closed bool
	cmd := &cobra.Command{
		Use:   "create --name NAME --kind KIND",
		Short: "Create a client",
		Long: `Creates a client and prints its client_id and, where it has one, its secret, which
is not shown again.

The kind decides what is left out: a web application and a service get a secret;
a spa and a native application cannot keep one and get none; an agent acts for
itself with a secret, and never exceeds its owner. With private_key_jwt the
client's public keys come from a file, and there is no secret at all.

People may use the client who are of its tenant, or anybody when it is a client of
the whole deployment: that is what --open-to says when it is left out. With --group
it is open to the members of those groups alone, with --closed to nobody until
"clients update" says more. Through the API a client begins closed.`,
		Example: `  gatehouse admin clients create --name Shop --kind spa --redirect-uri https://shop.example.com/callback --scope "openid profile"
  gatehouse admin clients create --name Reports --kind service --scope agents:read --introspect --output json
  gatehouse admin clients create --name Bot --kind agent --owner ann --scope tools:execute --auth-method private_key_jwt --jwks-file bot.jwks`,
		Args: cobra.NoArgs,
	}
	flags, b := cmd.Flags(), &in.Body
	flags.StringVar(&b.Name, "name", "", "The name that people see when they are asked for consent")
	flags.StringVar(&b.Kind, "kind", "", "web, spa, native, service or agent")
	flags.StringVar(&b.ID, "id", "", "The client_id (default: made from the name)")
	scopeFlag(cmd, &scopes, "A scope or pattern that the client may ask for")
	flags.StringArrayVar(&b.RedirectURIs, "redirect-uri", nil, "Where people are sent back to, byte by byte; repeat it")
	flags.StringArrayVar(&b.PostLogoutRedirectURIs, "post-logout-redirect-uri", nil, "Where people are sent after signing out; repeat it")
	flags.StringVar(&b.AuthMethod, "auth-method", "", "client_secret_basic, client_secret_post, private_key_jwt or none (default: by kind)")
	flags.StringVar(&keysFile, "jwks-file", "", "The file of the client's public keys (RFC 7517 §5), or - for standard input")
	flags.StringVar(&b.Metadata.JWKSURI, "jwks-uri", "", "Where the client publishes its public keys, instead of --jwks-file")
	flags.StringVar((*string)(&b.Metadata.Profile), "profile", "", "Hold the client to all of a profile: fapi2 or fapi2-message-signing")
	flags.StringVar(&metadataFile, "metadata-file", "", "More of the client's metadata by its registered names (RFC 7591), as a JSON file")
	flags.BoolVar(&b.Introspect, "introspect", false, "Let the client ask about the tokens that are made for it")
	flags.BoolVar(&b.FirstParty, "first-party", false, "Mark the client as the operator's own")
	flags.BoolVar(&b.SkipConsent, "skip-consent", false, "Ask nobody for consent")
	tenantFlag(cmd, &b.Tenant)
	flags.BoolVar(&b.AllTenants, "all-tenants", false, "Make a client of the whole deployment")
	flags.StringVar(&b.Owner, "owner", "", "The user who answers for an agent: id, user name or e-mail address")
	flags.StringVar(&b.IDTokenAlg, "id-token-alg", "", "How ID tokens are signed: ES256 or RS256 (default ES256)")
	openFlags(cmd, &b.OpenTo, &b.Groups, &closed)
	require(cmd, "name", "kind")
	cmd.MarkFlagsMutuallyExclusive("tenant", "all-tenants")
	cmd.MarkFlagsMutuallyExclusive("jwks-file", "jwks-uri")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) (err error) {
		b.Scopes = words(scopes)
		b.OpenTo = opening(b.OpenTo, b.Groups, closed, b.Kind, b.AllTenants)
		if keysFile != "" {
			if b.JWKS, err = i.readKeys(keysFile); err != nil {
				return err
			}
		}
		if metadataFile != "" {
			if err := i.readMetadata(metadataFile, &b.Metadata); err != nil {
				return err
			}
		}
		client, err := client.Call(ctx, o.api, api.CreateClient, in)
		if err != nil {
			return err
		}
		return i.printCredentials(client.Credentials())
	})
}

// openFlags say who may sign in through a client.
func openFlags(cmd *cobra.Command, openTo *string, groups *[]string, closed *bool) {
	flags := cmd.Flags()
	flags.StringVar(openTo, "open-to", "", "Who may sign in through it: nobody, tenant or everyone")
	flags.StringArrayVar(groups, "group", nil, "Open it to the members of this group alone: id, or name in its tenant; repeat it")
	flags.BoolVar(closed, "closed", false, "Open it to nobody yet")
	cmd.MarkFlagsMutuallyExclusive("open-to", "group", "closed")
}

// opening is who may use a new client. At the command line, where the operator
// stands, that is the client's tenant unless they say otherwise.
func opening(said string, groups []string, closed bool, kind string, allTenants bool) string {
	switch {
	case said != "":
		return said
	case len(groups) > 0:
		return "groups"
	case closed, kind == "service", kind == "agent":
		return "nobody"
	case allTenants:
		return "everyone"
	}
	return "tenant"
}

// maxDocument bounds a file of public keys or metadata, with room for one byte more so that a
// longer one is refused and not cut.
const maxDocument = 64 << 10

func (i *invocation) readKeys(path string) ([]byte, error) {
	return i.readDocument("public keys", path)
}

// readMetadata adds the members of a JSON file to what the flags have said. One that
// is not known is refused: a typing error must not weaken a client.
func (i *invocation) readMetadata(path string, into *storage.ClientMetadata) error {
	return i.readJSON("metadata", path, into)
}

func (i *invocation) readJSON(what, path string, into any) error {
	document, err := i.readDocument(what, path)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read %s: %s: %w", what, path, err)
	}
	return nil
}

func (i *invocation) readDocument(what, path string) ([]byte, error) {
	f, err := i.open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer f.Close()
	document, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if len(document) > maxDocument {
		return nil, fmt.Errorf("read %s: %s has more than %d bytes", what, path, maxDocument)
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
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		lasting, err := config.ParseDuration(overlap)
		if err != nil {
			return fmt.Errorf("--overlap: %w", err)
		}
		in := api.SecretRotation{ClientPath: clientPath(args[0])}
		in.Body.OverlapSeconds = int(lasting.Seconds())
		c, err := client.Call(ctx, o.api, api.RotateClientSecret, in)
		if err != nil {
			return err
		}
		return i.printCredentials(c)
	})
}
