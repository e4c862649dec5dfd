package authn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// ErrCredentials says that the sign-in failed: the account does not exist, has no
// password or is disabled, or the password is wrong. Nobody is told which.
var ErrCredentials = errors.New("the user name or the password is wrong")

// Accounts is where users are found.
type Accounts interface {
	// UserByIdentifier finds a user by user name or e-mail address in any spelling
	// ([storage.FoldIdentifier]), disabled users too. The error is
	// [storage.ErrNotFound] when there is none.
	UserByIdentifier(ctx context.Context, identifier string) (storage.User, error)
	// UpdatePasswordHash replaces the hash of an unchanged password, and nothing
	// when old is no longer the stored one. It gives the one that is stored then.
	UpdatePasswordHash(ctx context.Context, user authz.UserID, old, encoded string) (string, error)
	// SignInFailed writes down that somebody failed to sign in, to this account or,
	// for the zero user, to none. What was typed is not kept: it may be a password.
	SignInFailed(ctx context.Context, user authz.UserID, addr netip.Addr, at time.Time) error
}

// Proof is that a user has proven who they are.
type Proof struct {
	User authz.UserID
	// ACR is how strong the proof is.
	ACR authz.ACR
	// AMR is by what means it was given (RFC 8176 §2), such as "pwd".
	AMR []string
	// AuthTime is when.
	AuthTime time.Time
	// Evidence is what must still be so when the session begins.
	Evidence storage.Evidence `json:"-"`
}

// Authenticator decides on sign-ins. It may be used from many goroutines.
type Authenticator struct {
	accounts Accounts
	hasher   *Hasher
	limits   *Limits
	now      func() time.Time
}

// New decides on sign-ins of the accounts, with one hasher and one set of limits
// for the whole process.
func New(accounts Accounts, hasher *Hasher, limits *Limits, now func() time.Time) *Authenticator {
	return &Authenticator{accounts: accounts, hasher: hasher, limits: limits, now: now}
}

// SignIn proves a user by password. identifier is what was typed as user name or
// e-mail address, addr where it came from.
//
// The error is [ErrCredentials], a [*LimitError] with the time to wait, [ErrBusy],
// or a fault of the machinery. A user is told of the limit and of being busy; the
// two say nothing about the account.
func (a *Authenticator) SignIn(ctx context.Context, identifier string, password Password, addr netip.Addr) (Proof, error) {
	user, err := a.accounts.UserByIdentifier(ctx, identifier)
	if errors.Is(err, storage.ErrNotFound) {
		user, err = storage.User{PasswordHash: storage.UnusablePassword}, nil
	}
	if err != nil {
		return Proof{}, fmt.Errorf("sign in: %w", err)
	}
	release, err := a.limits.Reserve(ctx, Attempt{User: user.ID, Identifier: identifier, Addr: addr})
	if err != nil {
		return Proof{}, fmt.Errorf("sign in: %w", err)
	}
	right, needsRehash, err := a.hasher.Verify(ctx, user.PasswordHash, password)
	if err != nil {
		return Proof{}, fmt.Errorf("sign in: %w", errors.Join(err, release(ctx)))
	}
	// That an account is disabled is asked last: before, it would show in the time
	// or let a disabled account be told from a wrong password.
	if !right || !user.DisabledAt.IsZero() {
		// The limits bound how many of these there can be.
		if err := a.accounts.SignInFailed(ctx, user.ID, addr, a.now()); err != nil {
			return Proof{}, fmt.Errorf("sign in: %w", err)
		}
		return Proof{}, ErrCredentials
	}
	if err := release(ctx); err != nil {
		return Proof{}, fmt.Errorf("sign in: %w", err)
	}
	fits := user.PasswordHash
	if needsRehash {
		if fits, err = a.rehash(ctx, user, password); err != nil {
			return Proof{}, fmt.Errorf("sign in: %w", err)
		}
	}
	return Proof{
		User: user.ID, ACR: authz.ACRSingleFactor, AMR: []string{"pwd"}, AuthTime: a.now(), Evidence: storage.Evidence{PasswordHash: fits},
	}, nil
}

// rehash brings a hash to today's cost, now that the password is at hand, and gives the
// one that the password fits then.
func (a *Authenticator) rehash(ctx context.Context, user storage.User, password Password) (string, error) {
	encoded, err := a.hasher.Hash(ctx, password)
	if errors.Is(err, ErrBusy) {
		return user.PasswordHash, nil // the next sign-in will do
	}
	if err != nil {
		return "", err
	}
	stored, err := a.accounts.UpdatePasswordHash(ctx, user.ID, user.PasswordHash, encoded)
	if err != nil || stored == encoded {
		return stored, err
	}
	// Another sign-in was faster, or the password was changed: then the former one must not do.
	right, _, err := a.hasher.Verify(ctx, stored, password)
	if right {
		return stored, err
	}
	return user.PasswordHash, err
}
