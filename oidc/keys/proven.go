package keys

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

// provenLimit bounds how many tokens one key remembers, of about a hundred bytes each;
// past it, the memory begins anew.
const provenLimit = 50_000

// proven are the tokens whose signature was found to fit: a token is presented many
// times, and to judge its signature again costs half of what answering takes. It hangs
// on the key, so that nothing is remembered of a key that is gone, and says nothing of
// expiry or revocation. Reading it takes no lock.
type proven struct {
	digests sync.Map
	size    atomic.Int64
}

// fits judges a signature, once: the digest is over the whole token, so another
// signature under the same claims is another token.
func (p *proven) fits(token string, judge func() bool) bool {
	digest := sha256.Sum256([]byte(token))
	if _, known := p.digests.Load(digest); known {
		return true
	}
	if !judge() {
		return false
	}
	if _, known := p.digests.LoadOrStore(digest, nil); !known && p.size.Add(1) > provenLimit {
		p.digests.Clear()
		p.size.Store(0)
	}
	return true
}
