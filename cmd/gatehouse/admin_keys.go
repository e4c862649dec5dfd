package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/web/api"
)

func newKeysCommand(i *invocation) *cobra.Command {
	return group("keys", "See, rotate and revoke the keys that sign tokens",
		`Shows, rotates and revokes the keys that sign tokens. Servers rotate by
themselves: a key signs for 90 days, and its successor has been published for two
days when it takes over.`,
		`  gatehouse admin keys list
  gatehouse admin keys rotate --now`,
		newKeysListCommand(i), newKeysRotateCommand(i), newKeysRevokeCommand(i))
}

func newKeysListCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:   "list",
		Short: "List the signing keys",
		Long: `Lists the signing keys and where they are in their lives: next (published, not
signing yet), active (signing), retired (published for the tokens that it signed)
or expired.`,
		Example: "  gatehouse admin keys list --output json",
		Args:    cobra.NoArgs,
	}, func(ctx context.Context, o *operator, _ []string) error {
		return list(ctx, o, api.ListKeys, struct{}{})
	})
}

func newKeysRotateCommand(i *invocation) *cobra.Command {
	var in api.KeyRotation
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the signing keys that are due",
		Long: `Replaces the keys that have signed for 90 days by the next ones, and makes those
that are missing. It does nothing when nothing is due.

With --now every key that signs is replaced. Twice within two days this promotes
keys that a cache of the JWKS may not have met: tokens are refused there until it
has looked again.`,
		Example: `  gatehouse admin keys rotate
  gatehouse admin keys rotate --now`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&in.Body.Now, "now", false, "Replace every key that signs, due or not")
	return i.operation(cmd, func(ctx context.Context, o *operator, _ []string) error { return list(ctx, o, api.RotateKeys, in) })
}

func newKeysRevokeCommand(i *invocation) *cobra.Command {
	return i.operation(&cobra.Command{
		Use:   "revoke KID",
		Short: "Take a key that is no longer safe out of use at once",
		Long: `Takes a key out of the JWKS and erases its private half. Every token that it
signed is refused from then on, within a minute on every replica; people sign in
again. If the key was active, the next one signs.`,
		Example: "  gatehouse admin keys revoke 3f1c9a52c0d74be1a86f3d2b90e4715c",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, o *operator, args []string) error {
		return list(ctx, o, api.RevokeKey, api.KeyPath{KID: args[0]})
	})
}
