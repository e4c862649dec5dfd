package authn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Counter counts attempts for the whole deployment.
type Counter interface {
	// TakeToken takes one attempt from the counter named key, which allows burst
	// at once and burst per period. It answers how long to wait, 0 when the attempt
	// was taken. However many ask at the same time, no more than burst get one.
	TakeToken(ctx context.Context, key []byte, per time.Duration, burst int, now time.Time) (retryAfter time.Duration, err error)
	// Refund gives back what TakeToken took.
	Refund(ctx context.Context, key []byte, per time.Duration, burst int) error
}

// LimitError says that there were too many attempts.
type LimitError struct {
	// RetryAfter is when the next attempt may be made, counted from now.
	RetryAfter time.Duration
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many attempts: wait %v", e.RetryAfter.Round(time.Second))
}

// Attempt is a try to prove who one is, by password or by code.
type Attempt struct {
	// User is the account that is tried, or zero when there is none.
	User authz.UserID
	// Identifier is what was typed. It counts only where there is no User: all
	// spellings of all names of an account are one account.
	Identifier string
	// Addr is where the attempt comes from.
	Addr netip.Addr
}

// limit allows burst attempts per period for each key.
type limit struct {
	per   time.Duration
	burst int
	key   func(Attempt) []byte
}

// Every limit must allow an attempt. Those of an account count per address too,
// so that nobody can lock another one out. The longer of them makes the delay
// grow: whoever goes on at five a minute soon waits for three minutes each time.
//
// The address comes first: who tries ever new names is stopped by it before they
// leave more counters behind.
var limits = []limit{
	{time.Minute, 30, byAddress},
	{time.Minute, 5, byAccount("minute")},
	{time.Hour, 20, byAccount("hour")},
}

// userCodeLimits bound guesses at the code that a device shows (RFC 8628 §5.1):
// five by one person, and five from one address, in the ten minutes of a code.
var userCodeLimits = []limit{
	{10 * time.Minute, 5, func(a Attempt) []byte { return counterKey("user code by address", AddressGroup(a.Addr)) }},
	{10 * time.Minute, 5, func(a Attempt) []byte { return counterKey("user code by user", a.User.String()) }},
}

// codeLimits bound guesses at a second factor: those of a password, which share
// their counters, and one for the account whatever the address. Whoever guesses
// here has the password already, so nobody else can use it to lock somebody out.
var codeLimits = append(limits[:len(limits):len(limits)],
	limit{time.Hour, 30, func(a Attempt) []byte { return counterKey("second factor", a.User.String()) }})

// mailRequestLimits bound how much mail one person can cause, mailLimits how much one can get:
// nobody fills another's mailbox, from however many addresses.
var (
	mailRequestLimits = []limit{{10 * time.Minute, 10, func(a Attempt) []byte { return counterKey("mail by address", AddressGroup(a.Addr)) }}}
	mailLimits        = []limit{{time.Hour, 3, func(a Attempt) []byte { return counterKey("mail to user", a.User.String()) }}}
	strangerLimits    = []limit{{time.Hour, 3, func(a Attempt) []byte { return counterKey("mail to stranger", storage.FoldIdentifier(a.Identifier)) }}}
)

// Limits keeps attempts within bounds, wherever they come in.
type Limits struct {
	counter Counter
	now     func() time.Time
}

// NewLimits keeps its counts in counter.
func NewLimits(counter Counter, now func() time.Time) *Limits {
	return &Limits{counter: counter, now: now}
}

// Reserve takes the attempt from every counter, before anything is evaluated: no
// number of parallel attempts gets past the limits. The error is a [*LimitError]
// when one of them refuses.
//
// The caller calls release when the attempt turned out not to be a wrong one,
// because it succeeded or because nothing was evaluated; then it has not counted.
func (l *Limits) Reserve(ctx context.Context, a Attempt) (release func(context.Context) error, err error) {
	return l.reserve(ctx, limits, a)
}

// ReserveUserCode is [Limits.Reserve] for a guess at the code of a device, by a
// user who is signed in.
func (l *Limits) ReserveUserCode(ctx context.Context, user authz.UserID, addr netip.Addr) (release func(context.Context) error, err error) {
	return l.reserve(ctx, userCodeLimits, Attempt{User: user, Addr: addr})
}

// ReserveCode is [Limits.Reserve] for a guess at a second factor, by whoever has
// proven the first.
func (l *Limits) ReserveCode(ctx context.Context, user authz.UserID, addr netip.Addr) (release func(context.Context) error, err error) {
	return l.reserve(ctx, codeLimits, Attempt{User: user, Addr: addr})
}

// TakeMailRequest counts that a mail was asked for, whether there will be one or
// not. The error is a [*LimitError] when there were too many from an address.
func (l *Limits) TakeMailRequest(ctx context.Context, addr netip.Addr) error {
	_, err := l.reserve(ctx, mailRequestLimits, Attempt{Addr: addr})
	return err
}

// TakeMail counts a mail to a user that somebody asked for. The error is a
// [*LimitError] when they got too many.
func (l *Limits) TakeMail(ctx context.Context, user authz.UserID) error {
	_, err := l.reserve(ctx, mailLimits, Attempt{User: user})
	return err
}

// TakeMailTo is [Limits.TakeMail] for an address that no account has.
func (l *Limits) TakeMailTo(ctx context.Context, email string) error {
	_, err := l.reserve(ctx, strangerLimits, Attempt{Identifier: email})
	return err
}

func (l *Limits) reserve(ctx context.Context, limits []limit, a Attempt) (release func(context.Context) error, err error) {
	for i, limit := range limits {
		retryAfter, err := l.counter.TakeToken(ctx, limit.key(a), limit.per, limit.burst, l.now())
		if err == nil && retryAfter > 0 {
			err = &LimitError{RetryAfter: retryAfter}
		}
		if err != nil {
			if refundErr := l.refund(ctx, limits[:i], a); refundErr != nil {
				return nil, refundErr
			}
			return nil, fmt.Errorf("count attempt: %w", err)
		}
	}
	return func(ctx context.Context) error { return l.refund(ctx, limits, a) }, nil
}

func (l *Limits) refund(ctx context.Context, taken []limit, a Attempt) error {
	// The attempt must not stay counted because the browser has gone away.
	ctx = context.WithoutCancel(ctx)
	for _, limit := range taken {
		if err := l.counter.Refund(ctx, limit.key(a), limit.per, limit.burst); err != nil {
			return fmt.Errorf("refund attempt: %w", err)
		}
	}
	return nil
}

func byAddress(a Attempt) []byte { return counterKey("address", AddressGroup(a.Addr)) }

func byAccount(period string) func(Attempt) []byte {
	return func(a Attempt) []byte {
		account := "user " + a.User.String()
		if a.User.IsZero() {
			account = "nobody " + storage.FoldIdentifier(a.Identifier)
		}
		return counterKey("account per "+period, AddressGroup(a.Addr), account)
	}
}

// AddressGroup is what one person has in hand: an IPv4 address, or all of a /64.
func AddressGroup(addr netip.Addr) string {
	addr = addr.Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	// The zero Addr, of a caller without a network address, yields the zero Prefix.
	prefix, _ := addr.Prefix(bits)
	return prefix.String()
}

// counterKey is a digest, so that a table of counters tells no names and a long
// name makes no long key.
func counterKey(parts ...string) []byte {
	digest := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(digest, "%d:%s", len(part), part)
	}
	return digest.Sum(nil)[:16]
}
