package authn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

func TestSignInYieldsAProof(t *testing.T) {
	h := newHouse(t)
	got, err := h.SignIn(t.Context(), "ALICE@example.com", NewPassword(goodPassword), home)
	if err != nil {
		t.Fatal(err)
	}
	want := Proof{User: alice.ID, ACR: authz.ACRSingleFactor, AMR: []string{"pwd"}, AuthTime: start, Evidence: storage.Evidence{PasswordHash: hashOfGood}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestI1_GuessingIsLimitedWithoutLockingTheOwnerOut(t *testing.T) {
	h := newHouse(t)
	var limited *LimitError
	for i := range 20 {
		err := h.try(t, "alice", "wrong", home)
		if want := i >= 5; errors.As(err, &limited) != want {
			t.Fatalf("try %d: %v", i+1, err)
		}
	}
	if limited.RetryAfter <= 0 || limited.RetryAfter > 12*time.Second {
		t.Errorf("retry after %v, want up to 12 s", limited.RetryAfter)
	}
	if err := h.try(t, "alice", goodPassword, netip.MustParseAddr("198.51.100.7")); err != nil {
		t.Errorf("the owner, from elsewhere: %v", err)
	}
	// Whoever goes on for an hour waits longer and longer.
	evaluated := h.watch.total.Load()
	for range 60 * 60 {
		h.now.Add(1)
		if err := h.try(t, "alice", "wrong", home); errors.As(err, &limited) && limited.RetryAfter > 3*time.Minute {
			t.Fatalf("retry after %v: longer than the delay may grow", limited.RetryAfter)
		}
	}
	if n := h.watch.total.Load() - evaluated; n > 40 {
		t.Errorf("%d guesses in an hour, want at most 40", n)
	}
}

func TestI2_ParallelGuessesDoNotRacePastTheLimit(t *testing.T) {
	h := newHouse(t)
	h.watch.on(h.hasher, func(password, encoded string) (bool, *argon2id.Params, error) {
		time.Sleep(10 * time.Millisecond) // so that all the guesses overlap
		return right(password, encoded)
	})
	var guesses sync.WaitGroup
	for range 200 {
		guesses.Go(func() {
			var limited *LimitError
			if err := h.try(t, "alice", "wrong", home); !errors.Is(err, ErrCredentials) && !errors.As(err, &limited) {
				t.Errorf("%v", err)
			}
		})
	}
	guesses.Wait()
	if n := h.watch.total.Load(); n > 5 {
		t.Errorf("%d guesses were evaluated, want 5", n)
	}
}

func TestI3_SpellingsShareOneCounter(t *testing.T) {
	spellings := map[string][]string{
		"known":   {"alice", "Alice", " alice ", "ALICE@EXAMPLE.COM", "alice@example.com", "ａｌｉｃｅ", "aliCe"},
		"unknown": {"nobody", "Nobody", " NOBODY", "ｎｏｂｏｄｙ", "nobOdy", "nobody\u00a0"},
	}
	for name, all := range spellings {
		h := newHouse(t)
		for i := range 30 {
			_ = h.try(t, all[i%len(all)], "wrong", home)
		}
		if n := h.watch.total.Load(); n != 5 {
			t.Errorf("%s: %d guesses were evaluated, want 5", name, n)
		}
	}
}

func TestI6_EveryFailureLooksTheSameAndCostsTheSame(t *testing.T) {
	failures := map[string][2]string{
		"unknown account":                  {"nobody", "wrong"},
		"unknown account, good password":   {"nobody", goodPassword},
		"wrong password":                   {"alice", "wrong"},
		"empty password":                   {"alice", ""},
		"no password set":                  {"keyed", "wrong"},
		"no password set, the mark itself": {"keyed", storage.UnusablePassword},
		"disabled, wrong password":         {"gone", "wrong"},
		"disabled, right password":         {"gone", goodPassword},
		"no identifier":                    {"", "wrong"},
		"identifier PostgreSQL refuses":    {"a\x00\xff", "wrong"},
	}
	for name, try := range failures {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if err := h.try(t, try[0], try[1], home); err != ErrCredentials { // the very value: nothing is wrapped around it
				t.Errorf("err = %v", err)
			}
			if n := h.watch.total.Load(); n != 1 {
				t.Errorf("%d hashes were evaluated, want 1", n)
			}
			for range 4 {
				_ = h.try(t, try[0], try[1], home)
			}
			var limited *LimitError
			if err := h.try(t, try[0], try[1], home); !errors.As(err, &limited) {
				t.Errorf("the sixth try: %v", err)
			}
		})
	}
}

// The counting above says that the work is the same; this says that the work is
// real. The bounds are wide, for the machine has other things to do.
func TestI7_UnknownAccountsTakeAsLong(t *testing.T) {
	h := newHouse(t)
	encoded, err := h.hasher.Hash(t.Context(), NewPassword(goodPassword))
	if err != nil {
		t.Fatal(err)
	}
	h.accounts.users[0].PasswordHash = encoded
	h.hasher.check = argon2id.CheckHash
	took := map[string][]time.Duration{}
	names := []string{"alice", "nobody", "keyed"}
	for i := range 11 {
		for _, name := range names {
			h.now.Add(3600)
			begin := time.Now()
			if err := h.try(t, name, "wrong", home); err != ErrCredentials {
				t.Fatalf("%s, round %d: %v", name, i, err)
			}
			took[name] = append(took[name], time.Since(begin))
		}
	}
	median := func(name string) time.Duration { slices.Sort(took[name]); return took[name][len(took[name])/2] }
	known := median("alice")
	for _, name := range names[1:] {
		if got := median(name); got < known/2 || got > known*2 {
			t.Errorf("%s takes %v, a known account %v", name, got, known)
		}
	}
}

func TestI12_SprayingIsLimitedByAddress(t *testing.T) {
	tests := map[string]func(i int) netip.Addr{
		"one address": func(int) netip.Addr { return home },
		"one address, v4-mapped in turn": func(i int) netip.Addr {
			if i%2 == 0 {
				return netip.AddrFrom16(home.As16())
			}
			return home
		},
		"all of a /64": func(i int) netip.Addr {
			return netip.MustParseAddr(fmt.Sprintf("2001:db8:1:2:%x:%x::%x", i, i, i))
		},
		"a zone":     func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fe80::1%%eth%d", i)) },
		"no address": func(int) netip.Addr { return netip.Addr{} },
	}
	for name, from := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			for i := range 500 {
				err := h.try(t, fmt.Sprintf("user-%d", i), "wrong", from(i))
				var limited *LimitError
				if want := i >= 30; errors.As(err, &limited) != want {
					t.Fatalf("try %d: %v", i+1, err)
				}
			}
		})
	}
	h := newHouse(t)
	for i := range 100 {
		addr := netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", i))
		if err := h.try(t, "nobody", "wrong", addr); err != ErrCredentials {
			t.Fatalf("another /64 shares the counter: %v", err)
		}
	}
}

func TestOnlyWrongPasswordsCount(t *testing.T) {
	h := newHouse(t)
	for i := range 200 {
		if err := h.try(t, "alice", goodPassword, home); err != nil {
			t.Fatalf("success %d: %v", i+1, err)
		}
	}
	// Refused tries of one account do not use up what others behind the same
	// address may try.
	for range 100 {
		_ = h.try(t, "alice", "wrong", home)
	}
	if err := h.try(t, "nobody", "wrong", home); err != ErrCredentials {
		t.Errorf("another account: %v", err)
	}
	// A browser that goes away while it waits has not guessed.
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range cap(h.hasher.places) {
			h.hasher.places <- struct{}{}
		}
		if _, err := h.SignIn(ctx, "keyed", NewPassword("x"), home); !errors.Is(err, context.Canceled) {
			t.Fatalf("err = %v", err)
		}
		for range cap(h.hasher.places) {
			<-h.hasher.places
		}
	}
	if err := h.try(t, "keyed", "wrong", home); err != ErrCredentials {
		t.Errorf("after cancelled tries: %v", err)
	}
}

func TestI13_OldHashesAreUpgradedAtSignIn(t *testing.T) {
	h := newHouse(t)
	h.hasher.check = argon2id.CheckHash
	old, err := argon2id.CreateHash(goodPassword, &argon2id.Params{Memory: 8 << 10, Iterations: 2, Parallelism: 2, SaltLength: 16, KeyLength: 16})
	if err != nil {
		t.Fatal(err)
	}
	h.accounts.users[0].PasswordHash = old
	if err := h.try(t, "alice", "wrong", home); err != ErrCredentials || h.accounts.users[0].PasswordHash != old {
		t.Fatalf("a wrong password changed the hash, or: %v", err)
	}
	if err := h.try(t, "alice", goodPassword, home); err != nil {
		t.Fatal(err)
	}
	upgraded := h.accounts.users[0].PasswordHash
	if !strings.HasPrefix(upgraded, "$argon2id$v=19$m=47104,t=1,p=1$") {
		t.Fatalf("the hash became %q", upgraded)
	}
	if err := h.try(t, "alice", goodPassword, home); err != nil || h.accounts.users[0].PasswordHash != upgraded {
		t.Errorf("signing in again: %v, or the hash changed again", err)
	}
}

// What is stored is upgraded or changed while a password is judged: the sign-in rests on what
// is stored only where the password fits it.
func TestI13_UpgradeMeetsAnotherChange(t *testing.T) {
	hashOf := func(password string) string {
		hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 8 << 10, Iterations: 2, Parallelism: 2, SaltLength: 16, KeyLength: 16})
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	old := hashOf(goodPassword)
	for name, c := range map[string]struct {
		stored string
		rests  bool
	}{
		"nothing": {old, true}, "the same password upgraded": {hashOf(goodPassword), true}, "another password": {hashOf("another"), false}, "no password": {storage.UnusablePassword, false},
	} {
		h := newHouse(t)
		h.accounts.users[0].PasswordHash = old
		h.hasher.check = func(password, encoded string) (bool, *argon2id.Params, error) {
			if encoded == old {
				h.accounts.users[0].PasswordHash = c.stored
			}
			return argon2id.CheckHash(password, encoded)
		}
		proof, err := h.SignIn(t.Context(), "alice", NewPassword(goodPassword), home)
		if stored := h.accounts.users[0].PasswordHash; err != nil || (proof.Evidence.PasswordHash == stored) != c.rests {
			t.Errorf("%s: rests on %q where %q is stored, %v", name, proof.Evidence.PasswordHash, stored, err)
		}
	}
}

func TestI14_ADisabledAccountIsNotUpgradedNorRefunded(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		if err := h.try(t, "gone", goodPassword, home); err != ErrCredentials {
			t.Fatal(err)
		}
	}
	var limited *LimitError
	if err := h.try(t, "gone", goodPassword, home); !errors.As(err, &limited) {
		t.Errorf("the right password of a disabled account does not count like a wrong one: %v", err)
	}
	if h.accounts.users[1].PasswordHash != hashOfGood {
		t.Error("the hash was changed")
	}
}

func TestFaultsAreNotCredentials(t *testing.T) {
	fault := errors.New("connection refused")
	for name, breakIt := range map[string]func(*house){
		"accounts": func(h *house) { h.accounts.down = fault },
		"counter":  func(h *house) { h.counter.down = fault },
		"hash": func(h *house) {
			h.watch.on(h.hasher, func(string, string) (bool, *argon2id.Params, error) { return false, nil, fault })
		},
	} {
		h := newHouse(t)
		breakIt(h)
		if err := h.try(t, "alice", goodPassword, home); !errors.Is(err, fault) || errors.Is(err, ErrCredentials) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
