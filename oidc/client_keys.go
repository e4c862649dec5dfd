package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
)

// maxClientKeys bounds a key set.
const maxClientKeys = 32

// keySource is where the public keys of a client or an issuer are: a document, or the
// address of one.
type keySource struct {
	owner    string
	document []byte
	address  string
}

func keysOf(c *storage.Client) keySource {
	return keySource{string(c.ID), c.JWKS, c.Metadata.JWKSURI}
}

// signedBy proves that a client signed a token and reads its claims.
func (p *Provider) signedBy(ctx context.Context, c *storage.Client, token *jwt.JSONWebToken, claims any) bool {
	// FAPI 2.0 §5.4.1: never RS256.
	if c.Metadata.Profile != "" && (len(token.Headers) != 1 || token.Headers[0].Algorithm == string(jose.RS256)) {
		return false
	}
	return p.signedWith(ctx, keysOf(c), token, claims)
}

// signedWith proves that one of the keys signed a token and reads its claims. A key that
// is not in the set that was fetched last may have been published since.
func (p *Provider) signedWith(ctx context.Context, from keySource, token *jwt.JSONWebToken, claims any) bool {
	set, err := p.keySet(ctx, from)
	if err == nil && verifiedBy(set, token, claims) {
		return true
	}
	if from.address == "" {
		return false
	}
	if set, err = p.keySets.Refresh(ctx, from.address); err != nil {
		p.Log.InfoContext(ctx, "keys cannot be had", "owner", from.owner, "cause", err)
	}
	return err == nil && verifiedBy(set, token, claims)
}

// keySet is the keys by value, or as they were fetched last.
func (p *Provider) keySet(ctx context.Context, from keySource) (jose.JSONWebKeySet, error) {
	if from.address != "" {
		return p.keySets.Get(ctx, from.address)
	}
	return parseKeySet(from.document)
}

// verifiedBy tries the registered keys that the header can mean. Keys that the
// token itself carries or points to are never looked at.
func verifiedBy(set jose.JSONWebKeySet, token *jwt.JSONWebToken, claims any) bool {
	if len(token.Headers) != 1 {
		return false
	}
	header := token.Headers[0]
	// RFC 7515 §4.1.11: nothing that a header can call critical is understood here, and
	// b64 (RFC 7797) would make two readings of one token.
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, present := header.ExtraHeaders[name]; present {
			return false
		}
	}
	for _, key := range set.Keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || !isFor(key, header.Algorithm) || !key.IsPublic() {
			continue
		}
		if token.Claims(dpop.Verifier(key.Key), claims) == nil {
			return true
		}
	}
	return false
}

// isFor: a key that names an algorithm is for that one, by either of its names.
func isFor(key jose.JSONWebKey, algorithm string) bool {
	if _, is := key.Key.(ed25519.PublicKey); is {
		return true
	}
	return key.Algorithm == "" || key.Algorithm == algorithm
}

// publishedKeySet reads the answer of a jwks_uri.
func publishedKeySet(a outbound.Answer) (jose.JSONWebKeySet, error) { return parseKeySet(a.Body) }

// parseKeySet reads somebody's key set (RFC 7517 §5). Keys that are of no use here
// are left out: the set may serve other purposes too.
func parseKeySet(document []byte) (jose.JSONWebKeySet, error) {
	var published struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &published); err != nil {
		return jose.JSONWebKeySet{}, fmt.Errorf("read key set: %w", err)
	}
	if len(published.Keys) > maxClientKeys {
		return jose.JSONWebKeySet{}, fmt.Errorf("read key set: %d keys are more than %d", len(published.Keys), maxClientKeys)
	}
	var set jose.JSONWebKeySet
	for _, raw := range published.Keys {
		// A private key is of no use here, and to read one is to judge its primes.
		var private struct {
			D json.RawMessage `json:"d"`
		}
		if json.Unmarshal(raw, &private) != nil || private.D != nil {
			continue
		}
		var key jose.JSONWebKey
		// The parser refuses points that are not on their curve.
		if json.Unmarshal(raw, &key) == nil && usable(key) {
			set.Keys = append(set.Keys, key)
		}
	}
	return set, nil
}

// usable: a public key whose strength is neither too small to trust nor so large
// that checking it is an attack.
func usable(key jose.JSONWebKey) bool {
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= 2048 && public.N.BitLen() <= 4096 && public.E >= 65537
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}
