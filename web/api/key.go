package api

import (
	"context"
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
	now := a.Now()
	rows, err := a.Directory.SigningKeys(ctx, actor)
	return List[Key]{Items: each(rows, func(k storage.SigningKey) Key {
		return Key{
			KID: k.KID, Algorithm: k.Algorithm, State: string(keys.StateAt(k, now)),
			PublishedAt: instant(k.PublishedAt), ActiveAt: instant(k.ActiveAt), RetiredAt: instant(k.RetiredAt), ExpiresAt: instant(k.ExpiresAt),
		}
	})}, err
}

// KeyRotation asks for other keys.
type KeyRotation struct {
	Body struct {
		Now bool `json:"now,omitempty" doc:"Replace every key that signs, due or not"`
	}
}

func (a *API) rotateKeys(ctx context.Context, actor directory.Actor, in *KeyRotation) (List[Key], error) {
	ring, err := a.Keys(ctx)
	if err == nil {
		err = a.Directory.RotateKeys(ctx, actor, ring, in.Body.Now)
	}
	if err != nil {
		return List[Key]{}, err
	}
	return a.listKeys(ctx, actor, nil)
}

// KeyPath names a key.
type KeyPath struct {
	KID string `path:"kid" maxLength:"64"`
}

func (a *API) revokeKey(ctx context.Context, actor directory.Actor, in *KeyPath) (List[Key], error) {
	ring, err := a.Keys(ctx)
	if err == nil {
		err = a.Directory.RevokeKey(ctx, actor, ring, in.KID)
	}
	if err != nil {
		return List[Key]{}, err
	}
	return a.listKeys(ctx, actor, nil)
}
