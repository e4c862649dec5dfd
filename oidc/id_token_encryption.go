package oidc

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/storage"
)

// What ID tokens can be encrypted with (RFC 7518 §4.1, §5.1). RSA1_5 is left out:
// it can be attacked by whoever learns which ciphertexts are refused.
var (
	keyEncryptions     = []jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.ECDH_ES, jose.ECDH_ES_A256KW}
	contentEncryptions = []jose.ContentEncryption{jose.A128CBC_HS256, jose.A256CBC_HS512, jose.A128GCM, jose.A256GCM}
)

// encrypted wraps a signed ID token for its client's eyes (OpenID Connect Core
// §10.2), when the client is registered for it.
func (p *Provider) encrypted(ctx context.Context, c *storage.Client, signed string) (string, error) {
	algorithm := jose.KeyAlgorithm(c.Metadata.IDTokenEncryptionAlg)
	if algorithm == "" {
		return signed, nil
	}
	set, err := p.keySet(ctx, keysOf(c))
	if err != nil {
		return "", fmt.Errorf("encrypt ID token: %w", err)
	}
	i := slices.IndexFunc(set.Keys, func(k jose.JSONWebKey) bool { return encrypts(k, algorithm) })
	if i < 0 {
		return "", badRequest("invalid_client_metadata", "The client has published no key that its ID tokens could be encrypted to.")
	}
	content := jose.ContentEncryption(cmp.Or(c.Metadata.IDTokenEncryptionEnc, string(jose.A128CBC_HS256)))
	encrypter, err := jose.NewEncrypter(content, jose.Recipient{Algorithm: algorithm, Key: set.Keys[i].Key, KeyID: set.Keys[i].KeyID},
		(&jose.EncrypterOptions{}).WithContentType("JWT"))
	if err != nil {
		return "", fmt.Errorf("encrypt ID token: %w", err)
	}
	sealed, err := encrypter.Encrypt([]byte(signed))
	if err != nil {
		return "", fmt.Errorf("encrypt ID token: %w", err)
	}
	return sealed.CompactSerialize()
}

// encrypts: a key for encryption, of the kind that the algorithm needs.
func encrypts(k jose.JSONWebKey, algorithm jose.KeyAlgorithm) bool {
	if k.Use == "sig" || k.Algorithm != "" && k.Algorithm != string(algorithm) {
		return false
	}
	_, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: algorithm, Key: k.Key}, nil)
	return err == nil
}
