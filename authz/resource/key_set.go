package resource

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxKeys is how many keys an issuer may publish.
const maxKeys = 32

// keyName is how a token names the key that signed it.
type keyName struct{ kid, algorithm string }

// keySet is the usable keys of an issuer, each under every algorithm that it may
// be used with.
type keySet map[keyName]verifier

// parseKeySet reads a JWKS (RFC 7517 §5). A key that is of no use here is left
// out, as that section asks; a set without a usable key is an error.
func parseKeySet(document []byte) (keySet, error) {
	var published struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &published); err != nil {
		return nil, fmt.Errorf("decode key set: %w", err)
	}
	if len(published.Keys) > maxKeys {
		return nil, fmt.Errorf("key set has %d keys, more than %d", len(published.Keys), maxKeys)
	}
	set := keySet{}
	for _, key := range published.Keys {
		set.add(key)
	}
	if len(set) == 0 {
		return nil, errors.New("key set has no usable key")
	}
	return set, nil
}

// jwk is what is read of a JWK (RFC 7517 §4).
type jwk struct {
	publicKey
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`

	Private json.RawMessage `json:"d"`
}

// publicKey is the members that make up a public key (RFC 7518 §6), and all that
// go-jose gets to see: it would also parse certificates and prove private keys,
// at a cost that the author of the set chooses.
type publicKey struct {
	Type     string `json:"kty"`
	Curve    string `json:"crv,omitempty"`
	X        string `json:"x,omitempty"`
	Y        string `json:"y,omitempty"`
	Modulus  string `json:"n,omitempty"`
	Exponent string `json:"e,omitempty"`
}

func (s keySet) add(document []byte) {
	var k jwk
	if json.Unmarshal(document, &k) != nil {
		return
	}
	// Whoever can read the set could sign with a key whose private part stands in it.
	if k.KeyID == "" || k.Private != nil || (k.Use != "" && k.Use != "sig") {
		return
	}
	for algorithm, verify := range verifiersOf(k.public()) {
		if k.Algorithm == "" || k.Algorithm == algorithm {
			s[keyName{k.KeyID, algorithm}] = verify
		}
	}
}

// public is the key in its Go form, or nil when it is none of the known kinds. A
// point that is not on its curve is none.
func (k publicKey) public() any {
	switch k.Type {
	case "EC", "RSA":
	case "OKP":
		// 32 bytes; go-jose would pad a shorter key with zeros and cut a longer one.
		if len(k.X) != 43 {
			return nil
		}
	default:
		return nil
	}
	document, err := json.Marshal(k)
	if err != nil {
		return nil
	}
	var parsed jose.JSONWebKey
	if parsed.UnmarshalJSON(document) != nil {
		return nil
	}
	return parsed.Key
}
