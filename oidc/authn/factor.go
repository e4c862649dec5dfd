package authn

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// ErrCode says that a code was wrong, used already, or too old. Nobody is told which.
var ErrCode = errors.New("the code is wrong or was used already")

// Factors are what a person proves beside a password: codes of an authenticator
// app (RFC 6238), and recovery codes. It may be used from many goroutines.
type Factors struct {
	store    *postgres.Store
	limits   *Limits
	secrets  sealer
	pending  sealer
	enrols   sealer
	recovery []byte
	issuer   string
	now      func() time.Time
}

// NewFactors keeps secrets under keys derived from the master secret. issuer is the
// host that an authenticator app shows.
func NewFactors(store *postgres.Store, limits *Limits, master []byte, issuer string, now func() time.Time) (*Factors, error) {
	f := &Factors{store: store, limits: limits, issuer: issuer, now: now}
	var err error
	for purpose, into := range map[string]*sealer{"authenticator app secret": &f.secrets, "first factor": &f.pending, "authenticator app enrolment": &f.enrols} {
		if *into, err = newSealer(master, purpose); err != nil {
			return nil, err
		}
	}
	if f.recovery, err = hkdf.Key(sha256.New, master, nil, "gatehouse recovery codes", 32); err != nil {
		return nil, fmt.Errorf("derive key for recovery codes: %w", err)
	}
	return f, nil
}

// Method is a way to prove more beside what was proven.
type Method string

// The ways.
const (
	MethodTOTP     Method = "totp"
	MethodRecovery Method = "recovery"
	MethodPasskey  Method = "passkey"
)

// With is the proof with what a method adds. Two factors are two only where they
// are of different kinds (NIST SP 800-63B-4 §2.2): a code that a person has stands
// beside a password that they know, and is nothing new beside a link in a mail.
func (p Proof) With(m Method) Proof {
	known := slices.Contains(p.AMR, "pwd")
	switch {
	case !known:
		return p
	case m == MethodTOTP:
		p.AMR = join(p.AMR, "otp", "mfa")
	case m == MethodRecovery:
		// RFC 8176 has no name for a code from a list; that there were two factors it has.
		p.AMR = join(p.AMR, "mfa")
	default:
		return p
	}
	if !p.ACR.Satisfies(authz.ACRMultiFactor) {
		p.ACR = authz.ACRMultiFactor
	}
	return p
}

// WithPasskey is the proof with that of a passkey of the same user.
func (p Proof) WithPasskey(passkey Proof) Proof {
	p.AMR, p.ACR = join(p.AMR, passkey.AMR...), passkey.ACR
	p.Evidence.Passkey = passkey.Evidence.Passkey
	return p
}

func join(amr []string, more ...string) []string {
	joined := slices.Clone(amr)
	for _, m := range more {
		if !slices.Contains(joined, m) {
			joined = append(joined, m)
		}
	}
	return joined
}

// Reaches lists the methods by which a user can bring a proof up to a class.
func Reaches(a storage.Authenticators, amr []string, need authz.ACR) []Method {
	var methods []Method
	if len(a.Passkeys) > 0 && authz.ACRPhishingResistant.Satisfies(need) {
		methods = append(methods, MethodPasskey)
	}
	if !slices.Contains(amr, "pwd") || !authz.ACRMultiFactor.Satisfies(need) {
		return methods
	}
	if a.TOTP != nil {
		methods = append(methods, MethodTOTP)
	}
	if a.Strong() && a.RecoveryCodes > 0 {
		methods = append(methods, MethodRecovery)
	}
	return methods
}

// FirstFactor is a password that was right, of a user who has set up a second factor.
type FirstFactor struct {
	Proof Proof `json:"p"`
	// Remember is what the person asked for.
	Remember bool `json:"r"`
	// Password is the digest of the hash that the password was right for.
	Password []byte `json:"h"`
}

// Pend seals a first factor for the browser that gave it, for five minutes.
func (f *Factors) Pend(p Proof, remember bool, browser string) (string, error) {
	return ask(f.pending, browser, f.now(), FirstFactor{p, remember, digest(p.Evidence.PasswordHash)})
}

// Pending opens what Pend has sealed. It is [ErrExpired] when the password was
// changed or the account disabled since.
func (f *Factors) Pending(ctx context.Context, sealed, browser string) (FirstFactor, storage.Person, error) {
	first, err := asked[FirstFactor](f.pending, browser, sealed, f.now())
	if err != nil {
		return first, storage.Person{}, err
	}
	person, err := f.store.ForUser(first.Proof.User).Person(ctx)
	if errors.Is(err, storage.ErrNotFound) || err == nil && (!person.DisabledAt.IsZero() || !hmac.Equal(first.Password, digest(person.PasswordHash))) {
		return first, person, ErrExpired
	}
	first.Proof.Evidence.PasswordHash = person.PasswordHash
	return first, person, err
}

// attempt counts a guess at a code, and takes it back when it was right.
func (f *Factors) attempt(ctx context.Context, user authz.UserID, addr netip.Addr, judge func() (bool, error)) error {
	release, err := f.limits.ReserveCode(ctx, user, addr)
	if err != nil {
		return err
	}
	right, err := judge()
	if err != nil {
		return errors.Join(err, release(ctx))
	}
	if !right {
		return ErrCode
	}
	return release(ctx)
}

// freshness is how young a sign-in must be for a change to how its user signs in.
const freshness = 5 * time.Minute

// Standing is what a session lacks for a sensitive change.
type Standing int

// What it lacks.
const (
	// StandsFresh: nothing.
	StandsFresh Standing = iota
	// StandsOld: a sign-in by a method of the user's own, in the last five minutes.
	StandsOld
	// StandsWeak: a second factor, which the user has.
	StandsWeak
)

// Stands judges a session by when, by what means and how strongly its user signed
// in. A link in a mail opens the account and changes nothing about how it is
// opened; whoever has more than a password must have shown it, or a stolen password
// would be enough to take the account for good.
func Stands(s storage.Session, a storage.Authenticators, now time.Time) Standing {
	own := slices.ContainsFunc(s.AMR, func(m string) bool { return m == "pwd" || m == "hwk" || m == "swk" })
	switch {
	case !own, now.Sub(s.AuthTime) > freshness:
		return StandsOld
	case a.Strong() && !s.ACR.Satisfies(authz.ACRMultiFactor):
		return StandsWeak
	}
	return StandsFresh
}
