package directory

import (
	"context"
	"errors"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
)

// SigningKeys lists the keys that sign tokens, expired ones too.
func (s *Service) SigningKeys(ctx context.Context, a Actor) ([]storage.SigningKey, error) {
	if err := may(a, manageKeys); err != nil {
		return nil, err
	}
	return s.store.SigningKeys(ctx)
}

// RotateKeys replaces the keys of a ring that are due or, when now is set, every one
// that signs.
func (s *Service) RotateKeys(ctx context.Context, a Actor, ring *keys.Ring, now bool) error {
	if err := may(a, manageKeys); err != nil {
		return err
	}
	by := ring.By(s.event(a, "", authz.TenantID{}))
	rotate := by.Rotate
	if now {
		rotate = by.RotateNow
	}
	_, err := rotate(ctx)
	return err
}

// RevokeKey takes a key out of use at once, with every token that it signed.
func (s *Service) RevokeKey(ctx context.Context, a Actor, ring *keys.Ring, kid string) error {
	if err := may(a, manageKeys); err != nil {
		return err
	}
	_, err := ring.By(s.event(a, "", authz.TenantID{})).Revoke(ctx, kid)
	if errors.Is(err, keys.ErrUnknownKey) {
		return unknown("key", "%q does not exist", kid)
	}
	return err
}
