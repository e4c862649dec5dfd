package dpop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// nonceWindow is how long a nonce is handed out; it is good for that long again.
const nonceWindow = 5 * time.Minute

// Nonces makes nonces (RFC 9449 §8, §9) that every replica with the same key knows
// and none has to keep: the number of the window, under the key.
type Nonces struct{ key []byte }

// NewNonces takes a secret key of at least 16 random bytes, for nothing else.
func NewNonces(key []byte) *Nonces { return &Nonces{key} }

func (n *Nonces) at(window int64) string {
	body := binary.BigEndian.AppendUint64(nil, uint64(window))
	mac := hmac.New(sha256.New, n.key)
	mac.Write(body)
	return base64.RawURLEncoding.EncodeToString(append(body, mac.Sum(nil)[:16]...))
}

// Current is the nonce to hand out at the instant now.
func (n *Nonces) Current(now time.Time) string { return n.at(window(now)) }

// Fits reports whether a proof may carry the nonce at the instant now: the current
// one, or the one before it.
func (n *Nonces) Fits(nonce string, now time.Time) bool {
	w := window(now)
	return hmac.Equal([]byte(nonce), []byte(n.at(w))) || hmac.Equal([]byte(nonce), []byte(n.at(w-1)))
}

func window(now time.Time) int64 { return now.Unix() / int64(nonceWindow/time.Second) }
