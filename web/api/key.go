package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on signing keys.
var (
	ListKeys   = Operation[struct{}, List[Key]]{"GET", "/keys", "listKeys", "List the keys that sign tokens", 200, operator}
	RotateKeys = Operation[KeyRotation, List[Key]]{"POST", "/keys:rotate", "rotateKeys", "Replace the signing keys that are due", 200, operator}
	RevokeKey  = Operation[KeyPath, List[Key]]{"DELETE", "/keys/{kid}", "revokeKey", "Take a key that is no longer safe out of use at once", 200, operator}
)

func (a *API) keyRoutes() {
	add(a, ListKeys, a.listKeys)
	add(a, RotateKeys, a.rotateKeys)
	add(a, RevokeKey, a.revokeKey)
}

// Key is a signing key without its private half.
type Key struct {
	KID         string     `json:"kid"`
	Algorithm   string     `json:"algorithm"`
	State       string     `json:"state" enum:"next,active,retired,expired"`
	PublishedAt *time.Time `json:"published_at"`
	ActiveAt    *time.Time `json:"active_at"`
	RetiredAt   *time.Time `json:"retired_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
}

func (a *API) listKeys(ctx context.Context, actor directory.Actor, _ *struct{}) (List[Key], error) {
	if err := a.Directory.MayManageKeys(actor); err != nil {
		return List[Key]{}, err
	}
	now := a.Now()
	rows, err := a.Store.SigningKeys(ctx)
	return List[Key]{Items: each(rows, func(k storage.SigningKey) Key {
		return Key{
			KID: k.KID, Algorithm: k.Algorithm, State: string(keys.StateAt(k, now)),
			PublishedAt: instant(k.PublishedAt), ActiveAt: instant(k.ActiveAt), RetiredAt: instant(k.RetiredAt), ExpiresAt: instant(k.ExpiresAt),
		}
	})}, err
}

// changeKeys opens the keys, changes them and lists what came of it.
func (a *API) changeKeys(ctx context.Context, actor directory.Actor, change func(*keys.Ring) error) (List[Key], error) {
	if err := a.Directory.MayManageKeys(actor); err != nil {
		return List[Key]{}, err
	}
	ring, err := a.Keys(ctx)
	if err != nil {
		return List[Key]{}, err
	}
	if err := change(ring); err != nil {
		return List[Key]{}, err
	}
	return a.listKeys(ctx, actor, nil)
}

// KeyRotation asks for other keys.
type KeyRotation struct {
	Body struct {
		Now bool `json:"now,omitempty" doc:"Replace every key that signs, due or not"`
	}
}

func (a *API) rotateKeys(ctx context.Context, actor directory.Actor, in *KeyRotation) (List[Key], error) {
	return a.changeKeys(ctx, actor, func(r *keys.Ring) error {
		rotate := r.Rotate
		if in.Body.Now {
			rotate = r.RotateNow
		}
		_, err := rotate(ctx)
		return err
	})
}

// KeyPath names a key.
type KeyPath struct {
	KID string `path:"kid" maxLength:"64"`
}

func (a *API) revokeKey(ctx context.Context, actor directory.Actor, in *KeyPath) (List[Key], error) {
	return a.changeKeys(ctx, actor, func(r *keys.Ring) error {
		_, err := r.Revoke(ctx, in.KID)
		if errors.Is(err, keys.ErrUnknownKey) {
			err = fmt.Errorf("%w: %w", storage.ErrNotFound, err)
		}
		return err
	})
}
