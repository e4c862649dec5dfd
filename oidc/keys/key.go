package keys

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/storage"
)

// key is one opened key pair. It is immutable.
type key struct {
	*scheme
	kid     string
	private crypto.Signer
	sealed  string
	headers map[Type]string
	proven  proven
}

// generate makes a key pair, published from now on.
func generate(algorithm Algorithm, at time.Time, seal sealer) (storage.SigningKey, error) {
	s, err := schemeOf(string(algorithm))
	if err != nil {
		return storage.SigningKey{}, err
	}
	private, err := s.generate()
	if err != nil {
		return storage.SigningKey{}, fmt.Errorf("generate %s key: %w", algorithm, err)
	}
	public := publicJWK(private, algorithm)
	if public.KeyID, err = kidOf(public); err != nil {
		return storage.SigningKey{}, err
	}
	document, err := public.MarshalJSON()
	if err != nil {
		return storage.SigningKey{}, fmt.Errorf("encode public key: %w", err)
	}
	sealed, err := seal.seal(private, public.KeyID, algorithm)
	if err != nil {
		return storage.SigningKey{}, err
	}
	return storage.SigningKey{
		KID:           public.KeyID,
		Algorithm:     string(algorithm),
		PublicJWK:     document,
		PrivateSealed: sealed,
		CreatedAt:     at,
		PublishedAt:   at,
	}, nil
}

// openKey unseals a row. The error wraps [ErrSealBroken] where the seal does not
// open.
func openKey(row storage.SigningKey, seal sealer) (*key, error) {
	s, err := schemeOf(row.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("open signing key %s: %w", row.KID, err)
	}
	private, err := seal.open(row.PrivateSealed, row.KID, s.algorithm)
	if err != nil {
		return nil, err
	}
	k := &key{scheme: s, kid: row.KID, private: private, sealed: string(row.PrivateSealed), headers: map[Type]string{}}
	for _, typ := range types {
		if k.headers[typ], err = encodeHeader(s.algorithm, row.KID, typ); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// encodeHeader is the first part of a token. Its form is fixed: tokens outlive
// the release that issued them, and are known again by these very bytes.
func encodeHeader(algorithm Algorithm, kid string, typ Type) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm Algorithm `json:"alg"`
		KID       string    `json:"kid"`
		Type      Type      `json:"typ"`
	}{algorithm, kid, typ})
	if err != nil {
		return "", fmt.Errorf("encode token header: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(header), nil
}

func publicJWK(private crypto.Signer, algorithm Algorithm) jose.JSONWebKey {
	return jose.JSONWebKey{Key: private.Public(), Algorithm: string(algorithm), Use: "sig"}
}

// kidOf is the first half of the RFC 7638 thumbprint in hexadecimal: short, the
// same wherever it is computed, and, unlike base64url, never to be mistaken for
// an option on a command line.
func kidOf(public jose.JSONWebKey) (string, error) {
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("compute key id: %w", err)
	}
	return hex.EncodeToString(thumbprint[:16]), nil
}
