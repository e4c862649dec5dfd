package authn

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/gatehouse/gatehouse/storage"
)

// ErrBusy says that too many passwords are being checked already; the same call
// may succeed a few seconds later.
var ErrBusy = errors.New("too many passwords are being checked at this moment")

// The cost of a hash is OWASP's first choice for argon2id: 46 MiB, one pass, one
// lane. One lane, because an instance has as many passwords to check as cores.
var cost = argon2id.Params{Memory: 46 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const (
	// A stored hash may be costlier than ours, but not so much that checking a few
	// of them at once takes the memory of the machine.
	maxMemory = 128 << 10 // KiB
	maxPasses = 16
	// The shortest digest and salt (RFC 9106 §3.1 recommends 16 bytes). A digest
	// of no bytes would equal that of any password.
	minDigest = 16
	minSalt   = 8

	// A password that waited for so long answers 503 rather than late.
	patience = 2 * time.Second
	// More than this many waiting per place cannot be served within patience.
	queuePerPlace = 32
)

// Hasher makes and checks argon2id hashes in PHC string format. One less
// runs at once than there are cores (46 MiB each); the rest waits for up to
// two seconds, then gets [ErrBusy]. It may be used from many goroutines.
type Hasher struct {
	queue, places chan struct{}
	// nobody is a hash that no password has: salt and digest are random.
	nobody string
	check  func(password, encoded string) (bool, *argon2id.Params, error)
}

// NewHasher makes a hasher for this process; there should be one.
func NewHasher() *Hasher {
	// One processor is left to everybody else: a hash lets go of its own only after
	// milliseconds, and whoever checks a token would wait for that.
	places := max(1, runtime.GOMAXPROCS(0)-1)
	return &Hasher{
		queue:  make(chan struct{}, places*queuePerPlace),
		places: make(chan struct{}, places),
		nobody: fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", cost.Memory, cost.Iterations, cost.Parallelism,
			randomPart(cost.SaltLength), randomPart(cost.KeyLength)),
		check: argon2id.CheckHash,
	}
}

func randomPart(length uint32) string {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return base64.RawStdEncoding.EncodeToString(b)
}

// Hash makes the hash of a new password. It fails on a password longer than
// [MaxPasswordBytes] and with [ErrBusy]; whether the password is a good one is
// asked of [CheckNewPassword].
func (h *Hasher) Hash(ctx context.Context, password Password) (string, error) {
	if len(password.reveal()) > MaxPasswordBytes {
		return "", fmt.Errorf("hash password: longer than %d bytes", MaxPasswordBytes)
	}
	defer StepAside(ctx)()
	leave, err := h.enter(ctx)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	defer leave()
	encoded, err := argon2id.CreateHash(password.reveal(), &cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return encoded, nil
}

// Verify reports whether the password is the one of the hash, and whether the
// hash should be made anew with today's cost. The unusable mark
// ([storage.UnusablePassword]) fits no password but costs the same work. The
// error is [ErrBusy], that of the context, or that the hash is none of argon2id.
func (h *Hasher) Verify(ctx context.Context, encoded string, password Password) (ok, needsRehash bool, err error) {
	if encoded == storage.UnusablePassword {
		return false, false, h.VerifyNobody(ctx, password)
	}
	params, err := parseHash(encoded)
	if err != nil {
		return false, false, errors.Join(err, h.VerifyNobody(ctx, password))
	}
	if ok, err = h.evaluate(ctx, encoded, password); err != nil {
		return false, false, err
	}
	return ok, ok && params != cost, nil
}

// VerifyNobody does the work of [Hasher.Verify] for an account that is not there.
func (h *Hasher) VerifyNobody(ctx context.Context, password Password) error {
	_, err := h.evaluate(ctx, h.nobody, password)
	return err
}

func (h *Hasher) evaluate(ctx context.Context, encoded string, password Password) (bool, error) {
	// That a password is too long shows in the request alone, so refusing it
	// without the work tells nothing about the account.
	if len(password.reveal()) > MaxPasswordBytes {
		return false, nil
	}
	defer StepAside(ctx)()
	leave, err := h.enter(ctx)
	if err != nil {
		return false, fmt.Errorf("check password: %w", err)
	}
	defer leave()
	ok, _, err := h.check(password.reveal(), encoded)
	if err != nil {
		return false, fmt.Errorf("check password: %w", err)
	}
	return ok, nil
}

func (h *Hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return nil, ErrBusy
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case h.places <- struct{}{}:
		return func() { <-h.places }, nil
	case <-timeout.C:
		return nil, ErrBusy
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ErrBusy
		}
		return nil, ctx.Err()
	}
}

// parseHash reads the parameters of a hash. The library takes any, and panics on
// some.
func parseHash(encoded string) (argon2id.Params, error) {
	params, _, _, err := argon2id.DecodeHash(encoded)
	if err != nil {
		// The library's error may quote the hash.
		return argon2id.Params{}, errors.New("check password: the stored hash is not one of argon2id")
	}
	p := *params
	if p.Memory == 0 || p.Memory > maxMemory || p.Iterations == 0 || p.Iterations > maxPasses ||
		p.Parallelism == 0 || p.SaltLength < minSalt || p.KeyLength < minDigest {
		return argon2id.Params{}, errors.New("check password: the stored hash has parameters out of bounds")
	}
	return p, nil
}

// CheckHash says whether a hash from elsewhere is one that [Hasher.Verify] takes.
func CheckHash(encoded string) error {
	_, err := parseHash(encoded)
	return err
}
