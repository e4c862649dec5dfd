package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage/postgres"
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

// keyDocument is a signing key without its private half.
type keyDocument struct {
	KID         string     `json:"kid"`
	Algorithm   string     `json:"algorithm"`
	State       string     `json:"state"`
	PublishedAt *time.Time `json:"published_at"`
	ActiveAt    *time.Time `json:"active_at"`
	RetiredAt   *time.Time `json:"retired_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
}

func newKeysListCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the signing keys",
		Long: `Lists the signing keys and where they are in their lives: next (published, not
signing yet), active (signing), retired (published for the tokens that it signed)
or expired.`,
		Example: "  gatehouse admin keys list --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			return i.withStore(cmd.Context(), c, func(s *postgres.Store) error { return i.printKeys(cmd.Context(), s) })
		},
	}
}

func (i *invocation) printKeys(ctx context.Context, s *postgres.Store) error {
	rows, err := s.SigningKeys(ctx)
	if err != nil {
		return err
	}
	var list []keyDocument
	for _, k := range rows {
		list = append(list, keyDocument{
			KID: k.KID, Algorithm: k.Algorithm, State: string(keys.StateAt(k, i.now())),
			PublishedAt: at(k.PublishedAt), ActiveAt: at(k.ActiveAt), RetiredAt: at(k.RetiredAt), ExpiresAt: at(k.ExpiresAt),
		})
	}
	return printList(i.print(), list, "")
}

// changeKeys opens the keys, changes them and prints what came of it.
func (i *invocation) changeKeys(cmd *cobra.Command, change func(*keys.Ring) error) error {
	c, err := i.settings(cmd)
	if err != nil {
		return err
	}
	if err := c.ValidateSecret(); err != nil {
		return err
	}
	return i.withStore(cmd.Context(), c, func(s *postgres.Store) error {
		secret, err := c.MasterSecret()
		if err != nil {
			return err
		}
		ring, err := keys.Open(cmd.Context(), s, []byte(secret.Reveal()), i.now)
		if err != nil {
			return err
		}
		if err := change(ring); err != nil {
			return err
		}
		return i.printKeys(cmd.Context(), s)
	})
}

func newKeysRotateCommand(i *invocation) *cobra.Command {
	var now bool
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			return i.changeKeys(cmd, func(r *keys.Ring) error {
				if now {
					_, err := r.RotateNow(cmd.Context())
					return err
				}
				_, err := r.Rotate(cmd.Context())
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "Replace every key that signs, due or not")
	return cmd
}

func newKeysRevokeCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke KID",
		Short: "Take a key that is no longer safe out of use at once",
		Long: `Takes a key out of the JWKS and erases its private half. Every token that it
signed is refused from then on, within a minute on every replica; people sign in
again. If the key was active, the next one signs.`,
		Example: "  gatehouse admin keys revoke 3f1c9a52c0d74be1a86f3d2b90e4715c",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return i.changeKeys(cmd, func(r *keys.Ring) error {
				_, err := r.Revoke(cmd.Context(), args[0])
				return err
			})
		},
	}
}
