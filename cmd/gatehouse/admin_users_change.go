package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
)

func newUsersCreateCommand(i *invocation) *cobra.Command {
	var n directory.CreateUser
	var role string
	var withPassword bool
	cmd := &cobra.Command{
		Use:   "create --username NAME --email ADDRESS",
		Short: "Create a user",
		Long: `Creates a user in a tenant, the first one where none is named. The password comes
from standard input; production refuses one that others would guess. Without
--password-stdin the account has none, and nobody can sign in with one until it
is set.`,
		Example: `  printf %s "$PASSWORD" | gatehouse admin users create --username ann --email ann@example.com --role user --password-stdin
  gatehouse admin users create --username bob --email bob@example.com --tenant acme --output json`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&n.Username, "username", "", "The name to sign in with")
	flags.StringVar(&n.Email, "email", "", "The e-mail address")
	flags.StringVar(&n.DisplayName, "display-name", "", "The full name")
	flags.StringVar(&role, "role", string(authz.RoleUser), "viewer, user, admin or owner")
	flags.StringVar(&n.Tenant, "tenant", "", "The slug of the tenant to belong to (default: the first tenant)")
	flags.BoolVar(&withPassword, "password-stdin", false, "Read the password from standard input")
	require(cmd, "username", "email")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) (err error) {
		if n.Role, err = authz.ParseRole(role); err != nil {
			return err
		}
		if withPassword {
			if n.PasswordHash, err = i.newPasswordHash(ctx, o, n.Username, n.Email, n.DisplayName, n.Tenant); err != nil {
				return err
			}
		}
		user, err := o.CreateUser(ctx, o.as, n)
		if err != nil {
			return err
		}
		if !withPassword {
			fmt.Fprintln(i.errs, "The account has no password. Set one with: gatehouse admin users update USER --password-stdin")
		}
		return o.print.One(describeUser(user))
	})
}

// newPasswordHash reads a new password, judges it by what is known about its
// user, and hashes it. For trying things out a weak one will do, with a warning;
// in production none is set.
func (i *invocation) newPasswordHash(ctx context.Context, o *operator, about ...string) (string, error) {
	text, err := i.readSecret("password")
	if err != nil {
		return "", err
	}
	password := authn.NewPassword(text)
	if err := authn.CheckNewPassword(password, about...); err != nil {
		if !o.development {
			return "", err
		}
		fmt.Fprintf(i.errs, "Warning: production would refuse this password. %v\n", err)
	}
	return authn.NewHasher().Hash(ctx, password)
}

func newUsersUpdateCommand(i *invocation) *cobra.Command {
	var email, name, avatar, role string
	var withPassword bool
	cmd := &cobra.Command{
		Use:   "update USER",
		Short: "Change a user",
		Long: `Changes what is named by a flag and leaves the rest. A new role narrows the tokens
that are out there at once. A new password, read from standard input, ends every
session of the user.`,
		Example: `  gatehouse admin users update ann --role admin
  gatehouse admin users update ann --display-name "Ann Other" --email ann.other@example.com
  printf %s "$PASSWORD" | gatehouse admin users update ann --password-stdin`,
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&email, "email", "", "The e-mail address")
	flags.StringVar(&name, "display-name", "", "The full name")
	flags.StringVar(&avatar, "avatar-url", "", "The address of a picture")
	flags.StringVar(&role, "role", "", "viewer, user, admin or owner")
	flags.BoolVar(&withPassword, "password-stdin", false, "Read a new password from standard input")
	cmd.MarkFlagsOneRequired("email", "display-name", "avatar-url", "role", "password-stdin")
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		var change directory.UserChange
		for flag, field := range map[string]struct {
			text *string
			into **string
		}{"email": {&email, &change.Email}, "display-name": {&name, &change.DisplayName}, "avatar-url": {&avatar, &change.AvatarURL}} {
			if flags.Changed(flag) {
				*field.into = field.text
			}
		}
		if flags.Changed("role") {
			parsed, err := authz.ParseRole(role)
			if err != nil {
				return err
			}
			change.Role = &parsed
		}
		user, err := o.User(ctx, o.as, args[0])
		if err != nil {
			return err
		}
		if withPassword {
			hash, err := i.newPasswordHash(ctx, o, user.Username, user.Email, user.DisplayName, email, name)
			if err != nil {
				return err
			}
			if err := o.SetPasswordHash(ctx, o.as, user.ID, hash); err != nil {
				return err
			}
		}
		if user, err = o.UpdateUser(ctx, o.as, user.ID, change); err != nil {
			return err
		}
		return o.print.One(describeUser(user))
	})
}

// userChange makes a command that does one thing to one user.
func (i *invocation) userChange(cmd *cobra.Command, status string, change func(*operator) func(context.Context, directory.Actor, authz.UserID) error) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	return i.operation(cmd, func(ctx context.Context, o *operator, args []string) error {
		user, err := o.User(ctx, o.as, args[0])
		if err != nil {
			return err
		}
		if err := change(o)(ctx, o.as, user.ID); err != nil {
			return err
		}
		return o.print.One(outcome{user.ID.String(), status})
	})
}

// idChange is a method of the directory that changes one user.
type idChange = func(context.Context, directory.Actor, authz.UserID) error

func newUsersDisableCommand(i *invocation) *cobra.Command {
	return i.userChange(&cobra.Command{
		Use:     "disable USER",
		Short:   "Keep a user out",
		Long:    "Ends everything of a user, everywhere, and lets them sign in no more until they are enabled.",
		Example: "  gatehouse admin users disable ann",
	}, "disabled", func(o *operator) idChange { return o.DisableUser })
}

func newUsersEnableCommand(i *invocation) *cobra.Command {
	return i.userChange(&cobra.Command{
		Use:     "enable USER",
		Short:   "Let a disabled user in again",
		Long:    "Lets a disabled user sign in again. What was ended stays ended.",
		Example: "  gatehouse admin users enable ann",
	}, "enabled", func(o *operator) idChange { return o.EnableUser })
}

func newUsersDeleteCommand(i *invocation) *cobra.Command {
	return i.userChange(&cobra.Command{
		Use:   "delete USER",
		Short: "Delete a user",
		Long: `Deletes a user for good, with everything that is theirs, and ends their tokens.
The id is never used again. To keep the record, disable the user instead.`,
		Example: "  gatehouse admin users delete ann",
	}, "deleted", func(o *operator) idChange { return o.DeleteUser })
}
