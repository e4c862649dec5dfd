package authn

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/gatehouse/gatehouse/storage"
)

func TestHashIsPHCAndSalted(t *testing.T) {
	h := NewHasher()
	var hashes [2]string
	for i := range hashes {
		encoded, err := h.Hash(t.Context(), NewPassword(goodPassword))
		if err != nil {
			t.Fatal(err)
		}
		hashes[i] = encoded
	}
	if !strings.HasPrefix(hashes[0], "$argon2id$v=19$m=47104,t=1,p=1$") {
		t.Errorf("hash = %q", hashes[0])
	}
	if hashes[0] == hashes[1] {
		t.Error("two hashes of one password are equal")
	}
	if ok, again, err := h.Verify(t.Context(), hashes[0], NewPassword(goodPassword)); !ok || again || err != nil {
		t.Errorf("Verify = %v, %v, %v", ok, again, err)
	}
	if ok, again, err := h.Verify(t.Context(), hashes[0], NewPassword("wrong")); ok || again || err != nil {
		t.Errorf("Verify of a wrong password = %v, %v, %v", ok, again, err)
	}
}

// 200 people at once: two per core are evaluated at a time, the others wait for at
// most two seconds, and those who could not be served by then are told at once.
func TestI8_EvaluationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 300 * time.Millisecond
		h := NewHasher()
		var w watch
		w.on(h, func(string, string) (bool, *argon2id.Params, error) { time.Sleep(each); return false, nil, nil })
		var served, busy atomic.Int32
		var people sync.WaitGroup
		for range 200 + cap(h.queue) {
			people.Go(func() {
				begin := time.Now()
				_, _, err := h.Verify(t.Context(), hashOfGood, NewPassword("wrong"))
				switch {
				case errors.Is(err, ErrBusy):
					busy.Add(1)
				case err != nil:
					t.Error(err)
				default:
					served.Add(1)
				}
				if waited := time.Since(begin); waited > patience+each {
					t.Errorf("waited for %v", waited)
				}
			})
		}
		synctest.Wait()
		// Nothing has moved yet: the places are taken, the queue is full, and all
		// others know already.
		if got, want := int(busy.Load()), 200-cap(h.places); got != want {
			t.Errorf("%d were refused at once, want %d", got, want)
		}
		people.Wait()
		if got, want := int(w.peak.Load()), cap(h.places); got != want {
			t.Errorf("%d evaluations at once, want %d", got, want)
		}
		if got, want := int(served.Load()), cap(h.places)*int(1+patience/each); got != want {
			t.Errorf("%d were served, want %d", got, want)
		}
		if len(h.places) != 0 || len(h.queue) != 0 {
			t.Errorf("%d places and %d places in the queue are still taken", len(h.places), len(h.queue))
		}
	})
}

// Whoever waits for a hash, or has one made, holds no place of the server.
func TestHashesTakeNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher()
		var w watch
		w.on(h, func(string, string) (bool, *argon2id.Params, error) {
			time.Sleep(time.Second)
			return false, nil, nil
		})
		var held counted
		var people sync.WaitGroup
		for range 2 * cap(h.queue) { // of some the queue is full, and the time of some runs out
			held.Return()
			people.Go(func() { _, _, _ = h.Verify(WithPlace(t.Context(), &held), hashOfGood, NewPassword("wrong")) })
		}
		synctest.Wait()
		if got, want := held.Load(), int64(cap(h.queue)-cap(h.places)); got != want {
			t.Errorf("%d hold a place; want the %d who were refused alone", got, want)
		}
		people.Wait()
		if got, want := held.Load(), int64(2*cap(h.queue)); got != want {
			t.Errorf("%d have their place again, want %d", got, want)
		}
	})
}

type counted struct{ atomic.Int64 }

func (c *counted) Leave()  { c.Add(-1) }
func (c *counted) Return() { c.Add(1) }

func TestADeadlineBeforeTheirTurnIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher()
		for range cap(h.places) {
			h.places <- struct{}{}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Hash(ctx, NewPassword(goodPassword)); !errors.Is(err, ErrBusy) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestI9_NothingIsTruncatedOrNormalised(t *testing.T) {
	h := NewHasher()
	long := strings.Repeat("0123456789abcdef", MaxPasswordBytes/16)
	pairs := map[string][2]string{
		"beyond 72 bytes":   {long[:72] + "a", long[:72] + "b"},
		"the last of 1 KiB": {long[:MaxPasswordBytes-1] + "x", long[:MaxPasswordBytes-1] + "y"},
		"beyond a NUL":      {"before\x00after", "before\x00other"},
		"a space at an end": {goodPassword, goodPassword + " "},
		"case":              {goodPassword, strings.ToUpper(goodPassword)},
		"normalisation":     {"caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301"},
		"invalid UTF-8":     {"ten bytes \xff", "ten bytes \xfe"},
	}
	for name, pair := range pairs {
		encoded, err := h.Hash(t.Context(), NewPassword(pair[0]))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, password := range pair {
			if ok, _, err := h.Verify(t.Context(), encoded, NewPassword(password)); ok != (i == 0) || err != nil {
				t.Errorf("%s, password %d: %v, %v", name, i, ok, err)
			}
		}
	}
}

func TestI9_LongerThan1KiBIsRefusedWithoutWork(t *testing.T) {
	h := NewHasher()
	var w watch
	w.on(h, right)
	long := NewPassword(strings.Repeat("x", MaxPasswordBytes+1))
	if _, err := h.Hash(t.Context(), long); err == nil {
		t.Error("hashed")
	}
	if ok, _, err := h.Verify(t.Context(), hashOfGood, long); ok || err != nil {
		t.Errorf("Verify = %v, %v", ok, err)
	}
	if err := h.VerifyNobody(t.Context(), long); err != nil {
		t.Error(err)
	}
	if n := w.total.Load(); n != 0 {
		t.Errorf("%d evaluations", n)
	}
}

func TestTheHashOfNobodyIsLikeAnyOther(t *testing.T) {
	h := NewHasher()
	params, err := parseHash(h.nobody)
	if err != nil || params != cost {
		t.Fatalf("parameters %+v, %v", params, err)
	}
	if h.nobody == NewHasher().nobody {
		t.Error("it is the same in every process")
	}
	for _, password := range []string{"", storage.UnusablePassword, goodPassword} {
		if ok, _, err := h.Verify(t.Context(), storage.UnusablePassword, NewPassword(password)); ok || err != nil {
			t.Errorf("password %q: %v, %v", password, ok, err)
		}
	}
}

var brokenHashes = []string{
	"", "!!", "x", "$", "$$$$$", "plain text",
	"$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
	"$argon2i$v=19$m=47104,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
	"$argon2id$v=16$m=47104,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
	"$argon2id$v=19$m=0,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
	"$argon2id$v=19$m=47104,t=0,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
	"$argon2id$v=19$m=47104,t=1,p=0$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
	"$argon2id$v=19$m=47104,t=1,p=256$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
	"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
	"$argon2id$v=19$m=47104,t=4294967295,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
	"$argon2id$v=19$m=47104,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$",
	"$argon2id$v=19$m=47104,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$Rdes",
	"$argon2id$v=19$m=47104,t=1,p=1$$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
}

func TestABrokenHashFitsNoPasswordAndTellsNothing(t *testing.T) {
	for _, encoded := range brokenHashes {
		h := NewHasher()
		var w watch
		w.on(h, right)
		ok, _, err := h.Verify(t.Context(), encoded, NewPassword(""))
		if ok || err == nil {
			t.Errorf("%q: %v, %v", encoded, ok, err)
			continue
		}
		if len(encoded) > 5 && strings.Contains(err.Error(), encoded[len(encoded)-5:]) {
			t.Errorf("the error quotes the hash: %v", err)
		}
		if n := w.total.Load(); n != 1 {
			t.Errorf("%q: %d evaluations, want 1", encoded, n)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(hashOfGood)
	for _, encoded := range brokenHashes {
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		p, err := parseHash(encoded)
		if err != nil {
			return
		}
		if p.Memory > maxMemory || p.Iterations*p.Memory == 0 || p.Iterations > maxPasses || p.Parallelism == 0 || p.KeyLength < minDigest {
			t.Errorf("parseHash(%q) = %+v", encoded, p)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	h := NewHasher()
	b.ReportAllocs()
	for b.Loop() {
		if err := h.VerifyNobody(b.Context(), NewPassword(goodPassword)); err != nil {
			b.Fatal(err)
		}
	}
}
