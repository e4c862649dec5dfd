package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Header is the name of the header that carries a proof, Scheme that of the
// authorization scheme, NonceHeader that of the header that hands out a nonce
// (RFC 9449 §4.1, §7.1, §8).
const (
	Header      = "DPoP"
	Scheme      = "DPoP"
	NonceHeader = "DPoP-Nonce"
)

// Algorithms is what a proof may be signed with: asymmetric, nothing else.
var Algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA, Ed25519, jose.RS256}

// AlgorithmNames is [Algorithms] as a challenge lists them (RFC 9449 §7.1).
func AlgorithmNames() string {
	names := make([]string, len(Algorithms))
	for i, algorithm := range Algorithms {
		names[i] = string(algorithm)
	}
	return strings.Join(names, " ")
}

const (
	// Leeway is how far the clock of a client may be from ours, either way.
	Leeway = time.Minute
	// maxSize bounds a proof, in bytes: the largest has an RSA key of 4096 bits.
	maxSize = 8 << 10
	// maxID bounds a jti.
	maxID = 255
)

// ErrInvalid is the error of every proof that is not good for its request. Its
// text tells the client's developer why.
var ErrInvalid = errors.New("DPoP proof")

func invalid(why string) error { return fmt.Errorf("%w: %s", ErrInvalid, why) }

// Request is what a proof was made for.
type Request struct {
	Method string
	// URL is the request's without query and fragment, as the client knows it.
	URL string
	// AccessToken is the one presented beside the proof, "" where none is.
	AccessToken string
}

// Proof is a proof that is good for its request.
type Proof struct {
	// Thumbprint is of the key that signed it (RFC 7638, SHA-256, base64url): the jkt
	// that tokens are bound to.
	Thumbprint string
	// ID is the jti, to be used once until ExpiresAt.
	ID        string
	ExpiresAt time.Time
	// Nonce is the server's nonce that it carries, "" for none.
	Nonce string
}

// Parse judges a proof for a request at the instant now (RFC 9449 §4.3). Its error
// is [ErrInvalid].
func Parse(proof string, r Request, now time.Time) (Proof, error) {
	if len(proof) > maxSize {
		return Proof{}, invalid("it is longer than 8 KiB")
	}
	signed, err := jose.ParseSignedCompact(proof, Algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return Proof{}, invalid("it is not a JWT signed with one of the supported algorithms")
	}
	protected := signed.Signatures[0].Protected
	if typ, _ := protected.ExtraHeaders[jose.HeaderType].(string); typ != "dpop+jwt" {
		return Proof{}, invalid("its typ is not dpop+jwt")
	}
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, present := protected.ExtraHeaders[name]; present {
			return Proof{}, invalid("its header has crit or b64, which are not understood")
		}
	}
	key := protected.JSONWebKey
	if key == nil || !key.IsPublic() || !usable(key.Key) {
		return Proof{}, invalid("its jwk is missing, not public, or not a key of a supported kind")
	}
	payload, err := signed.Verify(Verifier(key.Key))
	if err != nil {
		return Proof{}, invalid("its signature does not fit its jwk")
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return Proof{}, invalid("its jwk has no thumbprint")
	}
	p := Proof{Thumbprint: base64.RawURLEncoding.EncodeToString(thumbprint)}
	return p, p.judge(payload, r, now)
}

func (p *Proof) judge(payload []byte, r Request, now time.Time) error {
	var c struct {
		ID       string   `json:"jti"`
		Method   string   `json:"htm"`
		URL      string   `json:"htu"`
		IssuedAt *float64 `json:"iat"`
		Hash     string   `json:"ath"`
		Nonce    string   `json:"nonce"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return invalid("its claims are malformed")
	}
	if c.ID == "" || len(c.ID) > maxID {
		return invalid("its jti is missing or longer than 255 bytes")
	}
	if c.Method != r.Method {
		return invalid("its htm is another method")
	}
	if !sameURL(c.URL, r.URL) {
		return invalid("its htu is another address")
	}
	if c.IssuedAt == nil || *c.IssuedAt < 0 || *c.IssuedAt > 1<<40 {
		return invalid("its iat is missing or not a time")
	}
	issued := time.Unix(int64(*c.IssuedAt), 0)
	if issued.Before(now.Add(-Leeway)) || issued.After(now.Add(Leeway)) {
		return invalid("its iat is more than a minute away: make a new proof for each request, and check the clock")
	}
	if r.AccessToken != "" && subtle.ConstantTimeCompare([]byte(c.Hash), []byte(TokenHash(r.AccessToken))) != 1 {
		return invalid("its ath is not the hash of the access token")
	}
	p.ID, p.Nonce, p.ExpiresAt = c.ID, c.Nonce, issued.Add(2*Leeway)
	return nil
}

// TokenHash is the ath of an access token (RFC 9449 §4.2).
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// usable: keys of the algorithms, neither too weak nor so large that checking them
// is an attack. The parser refuses points that are not on their curve.
func usable(key any) bool {
	switch public := key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= 2048 && public.N.BitLen() <= 4096 && public.E >= 65537
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// sameURL compares as RFC 9449 §4.3 asks: without query and fragment, scheme and
// host in any case, the default port left out or not.
func sameURL(claimed, actual string) bool {
	if claimed == actual {
		return true
	}
	a, errA := url.Parse(claimed)
	b, errB := url.Parse(actual)
	if errA != nil || errB != nil || a.User != nil || a.Opaque != "" {
		return false
	}
	return strings.EqualFold(a.Scheme, b.Scheme) && host(a) == host(b) && path(a) == path(b)
}

func host(u *url.URL) string {
	port := u.Port()
	if strings.EqualFold(u.Scheme, "https") && port == "443" || strings.EqualFold(u.Scheme, "http") && port == "80" {
		port = ""
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

func path(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}
