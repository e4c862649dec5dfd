package keys

import (
	"crypto/sha256"
	"sync"
)

// provenLimit bounds how many tokens one key remembers, of about fifty bytes each;
// past it, memory begins anew, one part at a time.
const provenLimit = 100_000

// proven are the tokens whose signature is known to fit, because it was judged or
// because it was made here: a token is presented many times, and to judge its signature
// costs more than all else in an answer. It hangs on the key, so that nothing is remembered
// of a key that is gone, and says nothing of expiry or revocation. There are parts so that
// few callers meet at a lock, and no pointers, so that collecting garbage passes it by.
type proven [64]struct {
	mu      sync.Mutex
	digests map[digest]struct{}
}

// digest is over the whole token: another signature under the same claims is another token.
type digest [sha256.Size]byte

// fits judges a signature, once.
func (p *proven) fits(token []byte, judge func() bool) bool {
	d := digest(sha256.Sum256(token))
	part := &p[d[0]%byte(len(p))]
	part.mu.Lock()
	_, known := part.digests[d]
	part.mu.Unlock()
	if known {
		return true
	}
	if !judge() {
		return false
	}
	p.keep(d)
	return true
}

// made remembers a token that this process has signed.
func (p *proven) made(token []byte) { p.keep(sha256.Sum256(token)) }

func (p *proven) keep(d digest) {
	part := &p[d[0]%byte(len(p))]
	part.mu.Lock()
	defer part.mu.Unlock()
	if part.digests == nil || len(part.digests) >= provenLimit/len(p) {
		part.digests = map[digest]struct{}{}
	}
	part.digests[d] = struct{}{}
}
