package main

import (
	"context"
	"fmt"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// endEverything ends what an imported database has issued. Its ledger does not
// know what was revoked after the export, nor its sessions those begun since:
// the sessions end one by one, and what is out there besides was signed by the
// keys, which end too.
func (i *invocation) endEverything(ctx context.Context, imported *database, secret config.Secret) error {
	store, err := postgres.Open(ctx, imported.dsn, postgres.Options{MaxConns: 2})
	if err != nil {
		return err
	}
	defer store.Close()
	d, everybody := directory.New(store, nil, i.now), directory.UserFilter{Paging: directory.Paging{Limit: 500}}
	for more := true; more; more = everybody.Cursor != "" {
		page, err := d.Users(ctx, hostActor(), everybody)
		if err != nil {
			return err
		}
		for _, u := range page.Items {
			if _, err := d.RevokeAllSessions(ctx, hostActor(), u.ID); err != nil {
				return err
			}
		}
		everybody.Cursor = page.Next
	}
	signing, err := store.SigningKeys(ctx)
	if err != nil || len(signing) == 0 {
		return err
	}
	ring, err := keys.Open(ctx, store, []byte(secret.Reveal()), i.now)
	if err != nil {
		return err
	}
	for _, k := range signing {
		if err := d.RevokeKey(ctx, hostActor(), ring, k.KID); err != nil {
			return fmt.Errorf("end imported keys: %w", err)
		}
	}
	return nil
}
