package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/cmd/internal/remote"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web/api"
)

// operator is an admin command at work: where its operations are answered, and
// where their answers go.
type operator struct {
	api   *client.Client
	print output.Printer
	// warnOfWeak: what is done here is for trying things out, and a weak password
	// will do.
	warnOfWeak bool
}

// local is the name of no server but the database of the settings.
const local = "local"

// operation makes a command that calls operations of the API: those of the server
// that is chosen or signed in to, or else those of this process, in the name of the
// host, on the database of the settings.
func (i *invocation) operation(cmd *cobra.Command, run func(context.Context, *operator, []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := i.settings(cmd)
		if err != nil {
			return err
		}
		if err := i.useSelected(cmd); err != nil {
			return err
		}
		signedIn, err := i.signedIn(c)
		if err != nil {
			return err
		}
		perform := func(o *operator) error {
			if err := run(cmd.Context(), o, args); err != nil {
				return err
			}
			if scopes, err := cmd.Flags().GetStringArray("scope"); err == nil {
				i.nameUndescribed(cmd.Context(), o, scopes...)
			}
			return nil
		}
		if signedIn != nil {
			return perform(&operator{api: signedIn, print: i.printFor(cmd)})
		}
		return i.withStore(cmd.Context(), c, func(s *postgres.Store) error {
			here, err := i.localAPI(c, s)
			if err != nil {
				return err
			}
			return perform(&operator{client.Local(here), i.printFor(cmd), c.Env == config.Development})
		})
	}
	return cmd
}

// signedIn is the API of the server that the command is for; nil for this host.
func (i *invocation) signedIn(c *config.Config) (*client.Client, error) {
	if c.Server == local {
		return nil, nil
	}
	file, err := i.credentials()
	if err != nil && c.Server == "" {
		return nil, nil // nobody can have signed in
	}
	if err != nil {
		return nil, err
	}
	held, err := file.Load()
	switch {
	case errors.Is(err, remote.ErrNotSignedIn) && c.Server == "":
		return nil, nil
	case errors.Is(err, remote.ErrNotSignedIn):
		return nil, fmt.Errorf("nobody is signed in to %s: run \"gatehouse login --issuer %s\"", c.Server, c.Server)
	case err != nil:
		return nil, fmt.Errorf("%w (or choose --server local)", err)
	case c.Server != "" && strings.TrimSuffix(c.Server, "/") != held.Issuer:
		return nil, fmt.Errorf("you are signed in to %s: run \"gatehouse login --issuer %s\"", held.Issuer, c.Server)
	}
	return client.Remote(held.Issuer, remote.NewTransport(file, held, i.now)), nil
}

// localAPI is the API in this process, for the operator at this machine.
func (i *invocation) localAPI(c *config.Config, s *postgres.Store) (http.Handler, error) {
	master, err := masterSecret(c)
	if err != nil {
		return nil, err
	}
	pepper, err := storage.ClientSecretPepper(master)
	if err != nil {
		return nil, err
	}
	a, err := api.New(api.Config{
		Issuer: c.Issuer, Store: s, Directory: directory.New(s, pepper, i.now), Hasher: authn.NewHasher(), Outbound: outbound.New(c.InsecureOutbound), Secret: master,
		WeakPasswords: c.Env == config.Development, Log: i.logger(c), Now: i.now,
		Keys: func(ctx context.Context) (*keys.Ring, error) { return keys.Open(ctx, s, master, i.now) },
	})
	if err != nil {
		return nil, err
	}
	return a.ForHost(hostActor()), nil
}

// masterSecret is the one that the servers of these settings have.
func masterSecret(c *config.Config) ([]byte, error) {
	if err := c.ValidateSecret(); err != nil {
		return nil, err
	}
	secret, err := c.MasterSecret()
	return []byte(secret.Reveal()), err
}

// hostActor is the operator at this machine, under the name of their account.
func hostActor() directory.Actor {
	name := "host"
	if account, err := user.Current(); err == nil {
		name += ":" + account.Username
	}
	return directory.Actor{Name: name, Host: true}
}

// printFor is where the answers of a command go. A list without items says how the first one
// is made, where a command beside it does that.
func (i *invocation) printFor(cmd *cobra.Command) output.Printer {
	p := i.print()
	p.Nothing = "There is nothing to list."
	for _, beside := range cmd.Parent().Commands() {
		if slices.Contains([]string{"create", "add"}, beside.Name()) {
			p.Nothing += " To make one: " + beside.CommandPath() + " --help"
		}
	}
	return p
}

// one calls an operation and prints the document that it answers.
func one[I, O any](ctx context.Context, o *operator, operation api.Operation[I, O], in I) error {
	document, err := client.Call(ctx, o.api, operation, in)
	if err != nil {
		return err
	}
	return o.print.One(document)
}

// list calls an operation and prints the list that it answers.
func list[I, T any](ctx context.Context, o *operator, operation api.Operation[I, api.List[T]], in I) error {
	page, err := client.Call(ctx, o.api, operation, in)
	if err != nil {
		return err
	}
	return output.List(o.print, page, page.Items, page.Next)
}

// onOne makes a command that does one thing to what its argument names.
func onOne[I, O any](i *invocation, cmd *cobra.Command, operation api.Operation[I, O], named func(string) I) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		return one(ctx, o, operation, named(args[0]))
	})
}

// pageFlags ask for a part of a list.
func pageFlags(cmd *cobra.Command, p *api.Paging) {
	cmd.Flags().IntVar(&p.Limit, "limit", 50, "How many to show, 1 to 500")
	cmd.Flags().StringVar(&p.After, "after", "", "Continue a list: what the part before it said")
}

// scopeFlag may be given several times, and may hold several scopes each time.
func scopeFlag(cmd *cobra.Command, scopes *[]string, help string) {
	cmd.Flags().StringArrayVar(scopes, "scope", nil, help+"; repeat it, or separate by spaces")
}

// nameUndescribed tells the operator which of the scopes that they named the registry does not
// know: services bring scopes of their own, so they are taken, and so would be one that was
// mistyped. The command is done by then: who may not read the registry is told nothing.
func (i *invocation) nameUndescribed(ctx context.Context, o *operator, scopes ...string) {
	if len(scopes) == 0 {
		return
	}
	registry, err := client.Call(ctx, o.api, api.ListScopes, struct{}{})
	if err != nil {
		return
	}
	for _, scope := range words(scopes) {
		if !slices.ContainsFunc(registry.Items, func(described api.Scope) bool {
			return authz.Pattern(scope).Matches(authz.Scope(described.Name))
		}) {
			fmt.Fprintf(i.errs, "Nobody has described %s yet. If it is what you meant, describe it with: gatehouse admin scopes put SCOPE --title TITLE\n", output.Visible(scope))
		}
	}
}

// words are the scopes of such flags, one by one.
func words(scopes []string) []string { return strings.Fields(joined(scopes)) }

func joined(scopes []string) string { return strings.Join(scopes, " ") }

// maxSecretInput is more than any password may have, so that a longer one is
// refused and not cut.
const maxSecretInput = 8 << 10

// readSecret takes a secret from standard input. One newline at its end is that
// of echo or of the return key, and not part of it.
func (i *invocation) readSecret(what string) (string, error) {
	text, err := io.ReadAll(io.LimitReader(i.in, maxSecretInput))
	if err != nil {
		return "", fmt.Errorf("read %s from standard input: %w", what, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("there is no %s on standard input: pipe it in, as in printf %%s \"$%s\" | gatehouse …", what, strings.ToUpper(what))
	}
	return secret, nil
}
