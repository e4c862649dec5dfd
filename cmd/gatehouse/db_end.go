package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

func newDBRestoredCommand(i *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "restored",
		Short: "End everything that a restored database had issued",
		Long: `Ends every session and authorization, revokes every signing key, and takes back
the links that were mailed and the letters that wait: what was revoked or spent after the back-up
must not come back to life with it. People sign in again.

"db import" does this by itself. Run it after you restored the database in any other way (a snapshot, a
base backup, recovery to a point in time), before the first server starts on it.`,
		Example: "  gatehouse db restored",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := i.settings(cmd)
			if err != nil {
				return err
			}
			if err := c.ValidateSecret(); err != nil {
				return err
			}
			secret, err := c.MasterSecret()
			if err != nil {
				return err
			}
			return i.withDatabase(cmd.Context(), c, func(d *database) error {
				if err := withMigrator(d, func(m *postgres.Migrator) error { _, err := m.Up(cmd.Context()); return err }); err != nil {
					return err
				}
				ended, err := i.endEverything(cmd.Context(), d, secret)
				if err != nil {
					return err
				}
				return i.print().One(ended)
			})
		},
	}
}

// endEverything ends what a restored database has issued. Its ledger does not
// know what was revoked after the back-up, nor its sessions those begun since.
func (i *invocation) endEverything(ctx context.Context, restored *database, secret config.Secret) (storage.Ended, error) {
	store, err := i.openStore(ctx, restored.dsn, postgres.Options{MaxConns: 2})
	if err != nil {
		return storage.Ended{}, err
	}
	defer store.Close()
	d := directory.New(store, nil, i.now)
	ended, err := d.EndAll(ctx, hostActor())
	if err != nil {
		return ended, err
	}
	signing, err := store.SigningKeys(ctx)
	if err != nil || len(signing) == 0 {
		return ended, err
	}
	ring, err := keys.Open(ctx, store, []byte(secret.Reveal()), i.now)
	if err != nil {
		return ended, err
	}
	for _, k := range signing {
		if err := d.RevokeKey(ctx, hostActor(), ring, k.KID); err != nil {
			return ended, fmt.Errorf("end the keys: %w", err)
		}
		ended.Keys++
	}
	return ended, nil
}
