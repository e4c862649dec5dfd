package main

import (
	"context"
	"fmt"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// endEverything ends what an imported database has issued. Its ledger does not
// know what was revoked after the export, nor its sessions those begun since:
// the sessions end one by one, and what is out there besides was signed by the
// keys, which end too.
func (i *invocation) endEverything(ctx context.Context, d *database, secret config.Secret) error {
	store, err := postgres.Open(ctx, d.dsn, postgres.Options{MaxConns: 2})
	if err != nil {
		return err
	}
	defer store.Close()
	o := i.operator(store, nil)
	err = o.everyUser(ctx, directory.UserFilter{}, func(u storage.User) error {
		_, err := o.RevokeAllSessions(ctx, o.as, u.ID)
		return err
	})
	if err != nil {
		return err
	}
	imported, err := store.SigningKeys(ctx)
	if err != nil || len(imported) == 0 {
		return err
	}
	ring, err := keys.Open(ctx, store, []byte(secret.Reveal()), i.now)
	if err != nil {
		return err
	}
	for _, k := range imported {
		if _, err := ring.Revoke(ctx, k.KID); err != nil {
			return fmt.Errorf("end imported keys: %w", err)
		}
	}
	return nil
}
