package resource

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// counting lets everybody in and counts how often it was asked.
type counting struct {
	asked atomic.Int64
	ends  time.Time
	err   error
}

func (c *counting) Authenticate(_ context.Context, token string) (*Principal, error) {
	c.asked.Add(1)
	if c.err != nil {
		return nil, c.err
	}
	return &Principal{Subject: token, ExpiresAt: c.ends}, nil
}

func TestCached(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	next := &counting{ends: now.Add(time.Hour)}
	c := NewCached(next, CacheConfig{For: time.Second, Most: 10, Now: func() time.Time { return now }})
	ask := func(token string, asked int64) {
		t.Helper()
		before := next.asked.Load()
		p, err := c.Authenticate(t.Context(), token)
		if err != nil || p.Subject != token {
			t.Fatalf("%v %v", p, err)
		}
		if got := next.asked.Load() - before; got != asked {
			t.Errorf("asked %d times, want %d", got, asked)
		}
	}
	ask("a", 1)
	ask("a", 0)
	ask("b", 1)
	now = now.Add(999 * time.Millisecond)
	ask("a", 0)
	now = now.Add(time.Millisecond)
	ask("a", 1)

	next.ends = now.Add(100 * time.Millisecond)
	ask("short", 1)
	now = now.Add(100 * time.Millisecond) // it has expired, and is not good for the rest of the second
	ask("short", 1)

	next.err = ErrInvalidToken
	for range 2 {
		if _, err := c.Authenticate(t.Context(), "refused"); !errors.Is(err, ErrInvalidToken) {
			t.Fatal(err)
		}
	}
	next.err = nil
	next.ends = now.Add(time.Hour)
	for i := range 1000 {
		ask(fmt.Sprint("many ", i), 1)
	}
	held := 0
	for _, g := range []*generation{c.newer.Load(), c.older.Load()} {
		g.known.Range(func(any, any) bool { held++; return true })
	}
	if held > 20 {
		t.Errorf("%d tokens are held", held)
	}
}

func TestCached_InParallel(t *testing.T) {
	c := NewCached(&counting{ends: time.Now().Add(time.Hour)}, CacheConfig{For: time.Millisecond, Most: 5})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 2000 {
				token := fmt.Sprint((i + n) % 12)
				if p, err := c.Authenticate(t.Context(), token); err != nil || p.Subject != token {
					t.Errorf("%s: %v %v", token, p, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkCached(b *testing.B) {
	c := NewCached(&counting{ends: time.Now().Add(time.Hour)}, CacheConfig{For: time.Hour})
	token := string(make([]byte, 900))
	for b.Loop() {
		if _, err := c.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzFeedAnswer(f *testing.F) {
	f.Add([]byte(`{"cursor":"x","more":true,"dead":{"AAAAAAAAAAAAAAAAAAAAAA":1800000000},"changed":{}}`))
	f.Add([]byte(`{"dead":{"!":1}}`))
	f.Add([]byte(`{"dead":null,"changed":[]}`))
	f.Fuzz(func(_ *testing.T, document []byte) {
		var answer feedAnswer
		if json.Unmarshal(document, &answer) == nil {
			var known memory
			known.raise(answer.Dead)
			known.forget(time.Unix(0, 0))
		}
	})
}
