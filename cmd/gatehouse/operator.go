package main

import (
	"context"
	"fmt"
	"io"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// operator is an admin command at work: the directory, and in whose name.
type operator struct {
	*directory.Service
	as    directory.Actor
	print output.Printer
	// development: what is done here is for trying things out.
	development bool
}

// operation makes a command that works on the directory.
func (i *invocation) operation(cmd *cobra.Command, run func(context.Context, *operator, []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := i.settings(cmd)
		if err != nil {
			return err
		}
		return i.withStore(cmd.Context(), c, func(s *postgres.Store) error {
			// No pepper: this command digests no client secret.
			o := i.operator(s, nil)
			o.development = c.Env == config.Development
			return run(cmd.Context(), o, args)
		})
	}
	return cmd
}

// clientSecretOperation makes a command that also makes client secrets, for which
// it needs the master secret of the servers.
func (i *invocation) clientSecretOperation(cmd *cobra.Command, run func(context.Context, *operator, []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := i.settings(cmd)
		if err != nil {
			return err
		}
		pepper, err := clientSecretPepper(c)
		if err != nil {
			return err
		}
		return i.withStore(cmd.Context(), c, func(s *postgres.Store) error {
			return run(cmd.Context(), i.operator(s, pepper), args)
		})
	}
	return cmd
}

func clientSecretPepper(c *config.Config) ([]byte, error) {
	if err := c.ValidateSecret(); err != nil {
		return nil, err
	}
	secret, err := c.MasterSecret()
	if err != nil {
		return nil, err
	}
	return storage.ClientSecretPepper([]byte(secret.Reveal()))
}

func (i *invocation) operator(s *postgres.Store, pepper []byte) *operator {
	return &operator{Service: directory.New(s, pepper, i.now), as: hostActor(), print: i.print()}
}

// hostActor is the operator at this machine, under the name of their account.
func hostActor() directory.Actor {
	name := "host"
	if account, err := user.Current(); err == nil {
		name += ":" + account.Username
	}
	return directory.Actor{Name: name, Host: true}
}

// pageFlags ask for a part of a list.
func pageFlags(cmd *cobra.Command, p *directory.Paging) {
	cmd.Flags().IntVar(&p.Limit, "limit", 50, "How many to show, 1 to 500")
	cmd.Flags().StringVar(&p.Cursor, "after", "", "Continue a list: what the part before it said")
}

// scopeFlag may be given several times, and may hold several scopes each time.
func scopeFlag(cmd *cobra.Command, scopes *[]string, help string) {
	cmd.Flags().StringArrayVar(scopes, "scope", nil, help+"; repeat it, or separate by spaces")
}

func patterns(scopes []string) ([]authz.Pattern, error) {
	return authz.ParsePatterns(strings.Join(scopes, " "))
}

func scopeSet(scopes []string) (authz.ScopeSet, error) {
	return authz.ParseScopeSet(strings.Join(scopes, " "))
}

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
