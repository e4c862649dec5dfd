package oidc

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// Wrong secrets are counted for each client and address: whoever guesses is stopped
// where they are, and nobody else is kept from using the client. The count by
// address alone bounds how many counters one address can leave behind.
const (
	wrongPerMinute          = 10
	wrongOfAddressPerMinute = 60
	// An authorization code cannot be guessed; trying must not be free all the same.
	madeUpCodesPerMinute = 60
)

// guesses remembers who has guessed too often, so that the right secret costs no
// trip to the database: only wrong ones are counted there, for all replicas.
type guesses struct {
	// until is when the last of them is forgotten, in nanoseconds since 1970: while nobody
	// guesses, which is nearly always, no lock is shared.
	until   atomic.Int64
	mu      sync.Mutex
	blocked map[[32]byte]time.Time
}

// maxBlocked bounds what is remembered. Whoever is forgotten is found again by their
// next wrong secret.
const maxBlocked = 10_000

// any says whether anybody is remembered.
func (g *guesses) any(now time.Time) bool { return now.UnixNano() < g.until.Load() }

func (g *guesses) isBlocked(key [32]byte, now time.Time) bool {
	if !g.any(now) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return now.Before(g.blocked[key])
}

func (g *guesses) block(key [32]byte, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.blocked) >= maxBlocked || g.blocked == nil {
		g.blocked = map[[32]byte]time.Time{}
	}
	g.blocked[key] = until
	g.until.Store(max(g.until.Load(), until.UnixNano()))
}

// guess judges a secret. From an address that has sent too many wrong ones for this
// client none is answered, so a right one tells nothing either.
func (p *Provider) guess(ctx context.Context, c *storage.Client, given credentials) (bool, error) {
	now, fits := p.Now(), p.secretFits(c, given.secret)
	if fits && !p.guesses.any(now) {
		return true, nil
	}
	group := authn.AddressGroup(p.CallerAddress(ctx))
	key := [32]byte(digest([]byte("wrong secret\x00" + given.id + "\x00" + group)))
	if p.guesses.isBlocked(key, now) {
		return false, errGuessing
	}
	if fits {
		return true, nil
	}
	wait, err := p.Store.TakeToken(ctx, digest([]byte("wrong secrets\x00"+group)), time.Minute, wrongOfAddressPerMinute, now)
	if err != nil {
		return false, err
	}
	if wait > 0 {
		return false, errGuessing
	}
	if wait, err = p.Store.TakeToken(ctx, key[:], time.Minute, wrongPerMinute, now); err != nil || wait == 0 {
		return false, err
	}
	p.guesses.block(key, now.Add(wait))
	return false, errGuessing
}

var errGuessing = &Error{Code: "temporarily_unavailable", Status: http.StatusTooManyRequests,
	Description: "Too many wrong secrets for this client from this address. Wait a minute, then try again with the right one."}

// codeGuesses is where codes that nobody was given are counted; nil where they are
// not. They are counted for public clients alone, whose callers are the people
// themselves: a confidential client has proven who it is, and speaks from one address
// for everybody, so that anyone could have it send codes of their making and shut out
// all the others.
func (p *Provider) codeGuesses(ctx context.Context, grantType string, id authz.ClientID) (*[32]byte, error) {
	if grantType != storage.GrantAuthorizationCode {
		return nil, nil
	}
	c, err := p.Store.Client(ctx, id)
	if err != nil || !c.Public() {
		return nil, ignoreNotFound(err)
	}
	key := [32]byte(digest([]byte("made-up codes\x00" + string(id) + "\x00" + authn.AddressGroup(p.CallerAddress(ctx)))))
	if p.guesses.isBlocked(key, p.Now()) {
		return nil, errMakingUpCodes
	}
	return &key, nil
}

// countCode counts a code that nobody was given, and passes on what is wrong with it.
func (p *Provider) countCode(ctx context.Context, key [32]byte, cause error) error {
	now := p.Now()
	wait, err := p.Store.TakeToken(ctx, key[:], time.Minute, madeUpCodesPerMinute, now)
	switch {
	case err != nil:
		return err
	case wait == 0:
		return cause
	}
	p.guesses.block(key, now.Add(wait))
	return errMakingUpCodes
}

var errMakingUpCodes = &Error{Code: "temporarily_unavailable", Status: http.StatusTooManyRequests,
	Description: "Too many authorization codes that were never issued came from this address. Wait a minute, then sign in again."}
