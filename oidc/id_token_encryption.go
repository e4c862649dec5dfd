package oidc

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
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
	key, err := p.encryptionKey(ctx, c)
	if err != nil {
		return "", err
	}
	content := jose.ContentEncryption(cmp.Or(c.Metadata.IDTokenEncryptionEnc, string(jose.A128CBC_HS256)))
	encrypter, err := jose.NewEncrypter(content, jose.Recipient{Algorithm: algorithm, Key: key.Key, KeyID: key.KeyID},
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

// encryptionKey is what the ID tokens of a client are encrypted to.
func (p *Provider) encryptionKey(ctx context.Context, c *storage.Client) (jose.JSONWebKey, error) {
	set, err := p.keySet(ctx, keysOf(c))
	if err != nil {
		p.Log.InfoContext(ctx, "keys cannot be had", "owner", c.ID, "cause", err)
		return jose.JSONWebKey{}, &Error{Code: "temporarily_unavailable", Status: http.StatusServiceUnavailable,
			Description: "The client's keys, to which its ID tokens are encrypted, cannot be had at this moment. Try again shortly."}
	}
	algorithm := jose.KeyAlgorithm(c.Metadata.IDTokenEncryptionAlg)
	i := slices.IndexFunc(set.Keys, func(k jose.JSONWebKey) bool { return encrypts(k, algorithm) })
	if i < 0 {
		return jose.JSONWebKey{}, badRequest("unauthorized_client", "The client is registered for encrypted ID tokens (id_token_encrypted_response_alg) and has published no key for that.")
	}
	return set.Keys[i], nil
}

// encryptable refuses a request that would end in an ID token that cannot be encrypted,
// before anybody is asked anything and before anything is written.
func (p *Provider) encryptable(ctx context.Context, c *storage.Client, requested authz.ScopeSet) error {
	if c.Metadata.IDTokenEncryptionAlg == "" || !requested.Has(authz.ScopeOpenID) {
		return nil
	}
	_, err := p.encryptionKey(ctx, c)
	return err
}

func (p *Provider) checkIDTokenEncryption(ctx context.Context, a *authorization) error {
	return p.encryptable(ctx, a.client.Client, a.requested)
}

// encrypts: a key for encryption, of the kind that the algorithm needs.
func encrypts(k jose.JSONWebKey, algorithm jose.KeyAlgorithm) bool {
	if k.Use == "sig" || k.Algorithm != "" && k.Algorithm != string(algorithm) {
		return false
	}
	_, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: algorithm, Key: k.Key}, nil)
	return err == nil
}
