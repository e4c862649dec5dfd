package keys

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Type is the typ of a token's header (RFC 7515 §4.1.9). It is what keeps a token
// of one kind from being taken for another (RFC 8725 §3.11).
type Type string

// The types of token that Gatehouse issues.
const (
	// TypeAccessToken is RFC 9068 §2.1.
	TypeAccessToken Type = "at+jwt"
	// TypeIDToken is what OpenID Connect Core leaves to RFC 7519 §5.1.
	TypeIDToken Type = "JWT"
	// TypeLogoutToken is OpenID Connect Back-Channel Logout §2.4.
	TypeLogoutToken Type = "logout+jwt"
	// TypeAuthorizationResponse is a signed authorization response. JARM names no type;
	// one of its own keeps it from passing for an ID token.
	TypeAuthorizationResponse Type = "oauth-authz-resp+jwt"
	// TypeUserInfo is a signed UserInfo answer (OpenID Connect Core §5.3.2), which has
	// no registered type either.
	TypeUserInfo Type = "userinfo+jwt"
	// TypeIntrospection is RFC 9701 §5.
	TypeIntrospection Type = "token-introspection+jwt"
	// TypeSecurityEvent is RFC 8417 §2.3.
	TypeSecurityEvent Type = "secevent+jwt"
)

var types = []Type{TypeAccessToken, TypeIDToken, TypeLogoutToken, TypeAuthorizationResponse, TypeUserInfo, TypeIntrospection, TypeSecurityEvent}

// MaxTokenLength is the length in bytes of the longest token that is looked at.
const MaxTokenLength = 16 << 10

// ErrInvalidToken says that a text is not a token of ours. What it wraps is for
// the log and never for the one who presented it.
var ErrInvalidToken = errors.New("not a valid token")

// Sign makes a token of the claims, which are encoded as JSON, with the active
// key of the algorithm: a JWS in compact serialization (RFC 7515 §7.1).
func (r *Ring) Sign(algorithm Algorithm, typ Type, claims any) (string, error) {
	k, known := r.snapshot.Load().signing[algorithm]
	if !known {
		return "", fmt.Errorf("sign token: there is no key for algorithm %q", algorithm)
	}
	header, known := k.headers[typ]
	if !known {
		return "", fmt.Errorf("sign token: unknown token type %q", typ)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign token: encode claims: %w", err)
	}
	length := base64.RawURLEncoding.EncodedLen
	token := make([]byte, 0, len(header)+1+length(len(payload))+1+length(k.length))
	token = append(append(token, header...), '.')
	token = base64.RawURLEncoding.AppendEncode(token, payload)
	signature, err := k.sign(k.private, token)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	token = append(token, '.')
	token = base64.RawURLEncoding.AppendEncode(token, signature)
	if typ == TypeAccessToken {
		k.proven.made(token) // it comes back; others do not
	}
	return string(token), nil
}

// Verified is a token that this deployment signed with a published key. Nothing
// is said about its claims.
type Verified struct {
	KID       string
	Algorithm Algorithm
	Type      Type
	// Payload is the claims as JSON.
	Payload []byte
}

// Verify proves that a token is ours, unaltered and of one of the accepted types.
// Every error is an [ErrInvalidToken].
//
// There is nothing in the header to be misled by: it must be one of the few that
// [Ring.Sign] writes, byte for byte, which leaves no room for alg none, a public
// key used as an HMAC secret, jku, jwk, x5u, crit or b64.
func (r *Ring) Verify(token string, accepted ...Type) (Verified, error) {
	if len(token) > MaxTokenLength {
		return Verified{}, fmt.Errorf("%w: longer than %d bytes", ErrInvalidToken, MaxTokenLength)
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, complete := strings.Cut(rest, ".")
	if !complete {
		return Verified{}, fmt.Errorf("%w: it has fewer than three parts", ErrInvalidToken)
	}
	from, known := r.snapshot.Load().headers[header]
	if !known {
		return Verified{}, fmt.Errorf("%w: no published key of ours has written this header", ErrInvalidToken)
	}
	if !slices.Contains(accepted, from.typ) {
		return Verified{}, fmt.Errorf("%w: type %q where one of %q was expected", ErrInvalidToken, from.typ, accepted)
	}
	claims, err := decodePart(payload)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: payload: %w", ErrInvalidToken, err)
	}
	raw, err := decodePart(signature)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: signature: %w", ErrInvalidToken, err)
	}
	whole := []byte(token)
	if !from.key.proven.fits(whole, func() bool {
		return from.key.verify(from.key.private.Public(), whole[:len(header)+1+len(payload)], raw)
	}) {
		return Verified{}, fmt.Errorf("%w: the signature does not fit", ErrInvalidToken)
	}
	return Verified{KID: from.key.kid, Algorithm: from.key.algorithm, Type: from.typ, Payload: claims}, nil
}

// decodePart reads base64url so that no two texts mean the same: the bits left
// over at the end must be zero, and there are no line breaks, which encoding/base64
// skips even when strict.
func decodePart(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, errors.New("line break in base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}
