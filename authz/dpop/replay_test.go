package dpop

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestC17_ReplaysOfAProof(t *testing.T) {
	at := now
	r := NewReplays(func() time.Time { return at })
	p := Proof{Thumbprint: "key", ID: "one"}
	if err := r.Spend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, later := range []time.Duration{0, time.Second, generation - time.Second, generation - time.Nanosecond} {
		at = now.Add(later)
		if err := r.Spend(t.Context(), p); !errors.Is(err, ErrInvalid) {
			t.Errorf("after %s: %v", later, err)
		}
	}
	if err := r.Spend(t.Context(), Proof{Thumbprint: "another", ID: "one"}); err != nil {
		t.Errorf("the same jti of another key: %v", err)
	}
	at = now.Add(2*generation + time.Second)
	if err := r.Spend(t.Context(), Proof{Thumbprint: "key", ID: "two"}); err != nil || len(r.young)+len(r.old) != 1 {
		t.Errorf("%v, %d remembered", err, len(r.young)+len(r.old))
	}
}

func TestC17_ReplaysAreBounded(t *testing.T) {
	at := now
	r := NewReplays(func() time.Time { return at })
	r.most = 100
	for i := range 100 {
		if err := r.Spend(t.Context(), Proof{ID: strconv.Itoa(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Spend(t.Context(), Proof{ID: "one more"}); !errors.Is(err, ErrFull) {
		t.Errorf("the one too many: %v", err)
	}
	if err := r.Spend(t.Context(), Proof{ID: "7"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a used one: %v", err)
	}
	at = at.Add(generation)
	if err := r.Spend(t.Context(), Proof{ID: "one more"}); err != nil {
		t.Errorf("later: %v", err)
	}
}

func TestC17_OneOfManyAtOnce(t *testing.T) {
	r := NewReplays(nil)
	var won atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if r.Spend(t.Context(), Proof{ID: "one"}) == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d have used one proof", won.Load())
	}
}

func TestNonces(t *testing.T) {
	n := NewNonces([]byte("sixteen bytes or more"))
	nonce := n.Current(now)
	for later, fits := range map[time.Duration]bool{0: true, nonceWindow: true, 2 * nonceWindow: false, -nonceWindow: false} {
		if n.Fits(nonce, now.Add(later)) != fits {
			t.Errorf("after %s", later)
		}
	}
	if n.Fits("", now) || NewNonces([]byte("another key of anybody")).Fits(nonce, now) {
		t.Error("a nonce of somebody else fits")
	}
}
