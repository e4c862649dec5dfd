package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/cmd/internal/remote"
)

func newLoginCommand(i *invocation) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in to a server from this terminal",
		Long: `Signs you in by the browser of this machine, which is opened (RFC 8252). Where there is
none, over SSH for one, and with --device, it shows an address and a code for a browser
on any other device, and waits until you have said yes there (RFC 8628). The variable
BROWSER names a program that opens addresses, in place of that of the system.

What the server gives is kept in gatehouse/credentials.json in your configuration
directory, for your account alone. A sign-in that was kept there before is ended.`,
		Example: `  gatehouse login
  gatehouse login --issuer https://id.example.com --device`,
		Args: cobra.NoArgs,
	}
	device := cmd.Flags().Bool("device", false, "Sign in by a code, on any device")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return i.login(cmd, *device) }
	cmd.Flags().String("issuer", "", "The server to sign in to (default: the issuer of the settings)")
	return cmd
}

func (i *invocation) login(cmd *cobra.Command, device bool) error {
	c, err := i.settings(cmd)
	if err != nil {
		return err
	}
	file, err := i.credentials()
	if err != nil {
		return err
	}
	before, err := file.Load()
	if err != nil && !errors.Is(err, remote.ErrNotSignedIn) {
		return err
	}
	wasSignedIn, ctx := err == nil, cmd.Context()
	server, err := remote.Discover(ctx, strings.TrimSuffix(c.Issuer, "/"), i.now)
	if err != nil {
		return err
	}
	given, err := i.signIn(ctx, server, device)
	if err != nil {
		return err
	}
	if err := file.Save(given); err != nil {
		return errors.Join(err, server.Revoke(ctx, given))
	}
	if wasSignedIn {
		if err := before.GiveBack(ctx, i.now); err != nil {
			fmt.Fprintf(i.errs, "The sign-in before this one was not ended: %s\n", output.Visible(err.Error()))
		}
	}
	person, err := server.WhoAmI(ctx, given)
	if err != nil {
		return err
	}
	return i.print().One(newIdentity(given, person))
}

// signIn is by the browser of this machine where there is one, and else by a code.
func (i *invocation) signIn(ctx context.Context, server *remote.Server, device bool) (remote.Credentials, error) {
	browser, ok := i.browser()
	if device || !ok {
		return i.signInByCode(ctx, server)
	}
	loopback, err := server.Listen(ctx)
	if err != nil {
		return remote.Credentials{}, err
	}
	if err := browser(loopback.Address); err != nil {
		return remote.Credentials{}, errors.Join(fmt.Errorf("open the browser: %w (sign in by a code with --device)", err), loopback.Close())
	}
	fmt.Fprintf(i.errs, "\nYour browser was opened at:\n\n    %s\n\nTo sign in on another device, run gatehouse login --device.\n\n", output.Visible(loopback.Address))
	return loopback.Wait(ctx)
}

func (i *invocation) signInByCode(ctx context.Context, server *remote.Server) (remote.Credentials, error) {
	pending, err := server.Begin(ctx)
	if err != nil {
		return remote.Credentials{}, err
	}
	// Beside the answer, which programs read.
	fmt.Fprintf(i.errs, "\nOpen this address in a browser, on any device:\n\n    %s\n\nand check that it shows this code:\n\n    %s\n\n",
		output.Visible(pending.VerificationURIComplete), output.Visible(pending.UserCode))
	return server.Wait(ctx, pending)
}

// credentials is the file of this account, beside its settings.
func (i *invocation) credentials() (remote.File, error) {
	dir := config.UserDirectory(i.environ)
	if !filepath.IsAbs(dir) {
		return remote.File{}, errors.New("there is no configuration directory: set HOME or XDG_CONFIG_HOME")
	}
	return remote.File{Path: filepath.Join(dir, "credentials.json")}, nil
}

func newLogoutCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "End the sign-in of this terminal",
		Long: `Tells the server to revoke what "gatehouse login" was given, and forgets it. When
the server cannot be reached, nothing is forgotten.`,
		Example: "  gatehouse logout",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := i.credentials()
			if err != nil {
				return err
			}
			ended, err := file.SignOut(cmd.Context(), i.now)
			if err != nil {
				return err
			}
			return i.print().One(struct {
				SignedOutOf string `json:"signed_out_of"`
			}{ended.Issuer})
		},
	}
}

func newWhoAmICommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "whoami",
		Short: "Show who is signed in, and what they may do here",
		Long: `Asks the server whose the sign-in of this terminal is, and shows it with the
scopes that it was granted. A sign-in that ran out is renewed first.`,
		Example: `  gatehouse whoami
  gatehouse whoami --output json`,
		Args: cobra.NoArgs,
		RunE: i.showIdentity,
	}
}

// showIdentity asks the server who is signed in at this terminal.
func (i *invocation) showIdentity(cmd *cobra.Command, _ []string) error {
	file, err := i.credentials()
	if err != nil {
		return err
	}
	c, person, err := file.WhoAmI(cmd.Context(), i.now)
	if err != nil {
		return err
	}
	return i.print().One(newIdentity(c, person))
}

// identity is who is signed in at this terminal.
type identity struct {
	Issuer    string         `json:"issuer"`
	Subject   string         `json:"sub"`
	Username  string         `json:"username"`
	Name      string         `json:"name"`
	Email     string         `json:"email"`
	Scopes    authz.ScopeSet `json:"scopes"`
	ExpiresAt time.Time      `json:"expires_at"`
}

func newIdentity(c remote.Credentials, p remote.Person) identity {
	return identity{c.Issuer, p.Subject, p.Username, p.Name, p.Email, c.Scopes, c.ExpiresAt}
}
