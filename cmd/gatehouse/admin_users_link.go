package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newUsersSetUpLinkCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:   "setup-link USER",
		Short: "Make a link with which a new user chooses a password",
		Long: `Makes a link with which the owner of an account without a password chooses one. It
works once, for three days, and is shown this once: hand it over by a way that
nobody else reads.`,
		Example: "  gatehouse admin users setup-link bob",
	}, api.CreateSetUpLink, userPath)
}

func newUsersResetLinkCommand(i *invocation) *cobra.Command {
	return onOne(i, &cobra.Command{
		Use:   "reset-link USER",
		Short: "Make a link with which a user chooses another password",
		Long: `Makes a link with which a user who cannot sign in chooses another password. It
works once, for half an hour, and is shown this once.`,
		Example: "  gatehouse admin users reset-link ann",
	}, api.CreateResetLink, userPath)
}

func newUsersInviteCommand(i *invocation) *cobra.Command {
	var in api.NewInvitation
	cmd := &cobra.Command{
		Use:   "invite --email ADDRESS",
		Short: "Mail an invitation to join a tenant",
		Long: `Mails an invitation that works once, for seven days, for nobody but this address.
Who has an account joins with it; who has none makes one.`,
		Example: "  gatehouse admin users invite --email carl@example.com --tenant acme",
		Args:    cobra.NoArgs,
	}
	flags, b := cmd.Flags(), &in.Body
	flags.StringVar(&b.Email, "email", "", "The address to invite")
	flags.StringVar(&b.Tenant, "tenant", "", "The tenant to join: its slug (default: the first tenant)")
	flags.StringVar(&b.Role, "role", "user", "The role of a new account: viewer, user, admin or owner")
	flags.StringVar(&b.Language, "language", "", "The language of the mail, such as de")
	require(cmd, "email")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return one(ctx, o, api.InviteUser, in) })
}
