package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/web/api"
)

func newUsersCreateCommand(i *invocation) *cobra.Command {
	var in api.NewUser
	var reached contact
	var withPassword, withLink bool
	cmd := &cobra.Command{
		Use:   "create --email ADDRESS",
		Short: "Create a user",
		Long: `Creates a user in a tenant, the first one where none is named. Without --username the
name to sign in with is what stands before the @ of the address. The password comes
from standard input; production refuses one that others would guess. Or, with
--setup-link, a link is shown, this once, with which the user chooses one. Without
either the account has none, and nobody can sign in with one until it is set.`,
		Example: `  printf %s "$PASSWORD" | gatehouse admin users create --username ann --email ann@example.com --role user --password-stdin
  gatehouse admin users create --username bob --email bob@example.com --tenant acme --setup-link --output json`,
		Args: cobra.NoArgs,
	}
	flags, b := cmd.Flags(), &in.Body
	flags.StringVar(&b.Username, "username", "", "The name to sign in with (default: the address up to its @)")
	flags.StringVar(&b.Email, "email", "", "The e-mail address")
	flags.StringVar(&b.DisplayName, "display-name", "", "The full name")
	flags.StringVar(&b.Language, "language", "", "The language of pages and mails: en, de, es, fr, ja or ar; what the browser says when left out")
	reached.flags(cmd)
	flags.StringVar(&b.Role, "role", "user", "viewer, user, admin or owner")
	tenantFlag(cmd, &b.Tenant)
	flags.BoolVar(&withPassword, "password-stdin", false, "Read the password from standard input")
	flags.BoolVar(&withLink, "setup-link", false, "Show a link, for three days, with which the user chooses a password")
	cmd.MarkFlagsMutuallyExclusive("password-stdin", "setup-link")
	require(cmd, "email")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) (err error) {
		b.PhoneNumber, b.PhoneVerified, b.Address = reached.phone, reached.verified, &reached.address
		if b.Username == "" {
			b.Username, _, _ = strings.Cut(b.Email, "@")
		}
		if withPassword {
			if b.Password, err = i.newPassword(o, b.Username, b.Email, b.DisplayName, b.Tenant); err != nil {
				return err
			}
		}
		user, err := client.Call(ctx, o.api, api.CreateUser, in)
		if err != nil {
			return err
		}
		if withLink {
			link, err := client.Call(ctx, o.api, api.CreateSetUpLink, userPath(user.ID))
			if err != nil {
				return err
			}
			return o.print.One(newcomer{user, link.URL, link.ExpiresAt})
		}
		if !withPassword {
			fmt.Fprintf(i.errs, "The account has no password. Set one with: gatehouse admin users update %s --password-stdin\n", output.Visible(b.Username))
		}
		return o.print.One(user)
	})
}

// newcomer is a user who was just made, and how they get in.
type newcomer struct {
	api.User
	SetUpURL       string     `json:"setup_url"`
	SetUpExpiresAt *time.Time `json:"setup_expires_at"`
}

// newPassword reads a new password. Whether it will do is for the API to say; where
// it takes a weak one, for trying things out, there is a warning.
func (i *invocation) newPassword(o *operator, about ...string) (string, error) {
	text, err := i.readSecret("password")
	if err == nil && o.warnOfWeak {
		if weak := authn.CheckNewPassword(authn.NewPassword(text), about...); weak != nil {
			fmt.Fprintf(i.errs, "Warning: production would refuse this password. %v\n", weak)
		}
	}
	return text, err
}

func newUsersUpdateCommand(i *invocation) *cobra.Command {
	var username, email, name, avatar, language, role string
	var reached contact
	var disabled, withPassword bool
	cmd := &cobra.Command{
		Use:   "update USER",
		Short: "Change a user",
		Long: `Changes what is named by a flag and leaves the rest. A new role narrows the tokens
that are out there at once. A new password, read from standard input, and
--disabled end every session of the user.`,
		Example: `  gatehouse admin users update ann --role admin
  gatehouse admin users update ann --display-name "Ann Other" --email ann.other@example.com
  printf %s "$PASSWORD" | gatehouse admin users update ann --password-stdin`,
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&username, "username", "", "The name to sign in with")
	flags.StringVar(&email, "email", "", "The e-mail address")
	flags.StringVar(&name, "display-name", "", "The full name")
	flags.StringVar(&avatar, "avatar-url", "", "The address of a picture")
	flags.StringVar(&language, "language", "", "The language of pages and mails: en, de, es, fr, ja or ar; \"\" for what the browser says")
	reached.flags(cmd)
	flags.StringVar(&role, "role", "", "viewer, user, admin or owner")
	flags.BoolVar(&disabled, "disabled", false, "Whether the user is kept out")
	flags.BoolVar(&withPassword, "password-stdin", false, "Read a new password from standard input")
	requireAny(cmd)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		in := api.UserChange{UserPath: userPath(args[0])}
		b := &in.Body
		b.Username, b.Disabled = changed(cmd, "username", &username), changed(cmd, "disabled", &disabled)
		b.Email, b.DisplayName = changed(cmd, "email", &email), changed(cmd, "display-name", &name)
		b.AvatarURL, b.Role = changed(cmd, "avatar-url", &avatar), changed(cmd, "role", &role)
		b.Language = changed(cmd, "language", &language)
		reached.change(cmd, &in)
		if withPassword {
			password, err := i.newPassword(o, args[0], username, email, name)
			if err != nil {
				return err
			}
			b.Password = &password
		}
		return one(ctx, o, api.UpdateUser, in)
	})
}

// changed is the value of a flag that was given, and nil for one that was not.
func changed[T any](cmd *cobra.Command, flag string, value *T) *T {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return value
}

func newUsersDisableCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "disable USER",
		Short:   "Keep a user out",
		Long:    "Ends everything of a user, everywhere, and lets them sign in no more until they are enabled.",
		Example: "  gatehouse admin users disable ann",
	}, api.DisableUser, userPath)
}

func newUsersEnableCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:     "enable USER",
		Short:   "Let a disabled user in again",
		Long:    "Lets a disabled user sign in again. What was ended stays ended.",
		Example: "  gatehouse admin users enable ann",
	}, api.EnableUser, userPath)
}

func newUsersRemoveAuthenticatorsCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:   "remove-authenticators USER",
		Short: "Help a user who has lost their phone or passkey",
		Long: `Takes passkeys, authenticator app and recovery codes from a user, and ends every
session of theirs. They sign in by password alone until they set up others; whoever
has no password needs a new one. Make sure that it is the user who asks.`,
		Example: "  gatehouse admin users remove-authenticators ann",
	}, api.RemoveAuthenticators, userPath)
}

func newUsersDeleteCommand(i *invocation) *cobra.Command {
	return deletion(i, &cobra.Command{
		Use:   "delete USER",
		Short: "Delete a user",
		Long: `Deletes a user for good, with everything that is theirs, and ends their tokens.
The id is never used again. To keep the record, disable the user instead.`,
		Example: "  gatehouse admin users delete ann",
	}, userPath, api.ShowUser, func(p api.Person) string {
		return with(fmt.Sprintf("the user %s (%s)", p.Username, p.Email),
			number(len(p.Groups), "membership"), number(len(p.ExtraScopes), "extra scope"), number(len(p.Agents), "agent"))
	}, api.DeleteUser, func(p api.UserPath) api.UserDeletion { return api.UserDeletion{UserPath: p} })
}
