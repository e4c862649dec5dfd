package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// rush makes n attempts at once on two replicas, and counts those without an error.
// Whoever loses must lose with the error want.
func rush(t *testing.T, dsn string, n int, want error, attempt func(s *postgres.Store, i int) error) int {
	t.Helper()
	replicas := []*postgres.Store{
		storagetest.Open(t, dsn, postgres.Options{MaxConns: 8}), storagetest.Open(t, dsn, postgres.Options{MaxConns: 8}),
	}
	start, results := make(chan struct{}), make(chan error, n)
	for i := range n {
		go func() {
			<-start
			results <- attempt(replicas[i%len(replicas)], i)
		}()
	}
	close(start)
	won := 0
	for range n {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, want):
			t.Errorf("an attempt failed with %v; want %v", err, want)
		}
	}
	return won
}

// B2: of parallel redemptions of one code one wins.
func TestB2_ConsumeCode(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "acme")
	won := rush(t, dsn, 100, storage.ErrConsumed, func(s *postgres.Store, i int) error {
		return s.ForUser(e.user).ConsumeCode(context.Background(), e.grant.ID, fmt.Appendf(nil, "refresh %d", i), nil, now)
	})
	if won != 1 {
		t.Errorf("%d of 100 redemptions won", won)
	}
}

func TestConsumeCode_OfARevokedGrant(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "acme")
	dead := storage.Revocation{JTI: e.grant.ID.String(), User: e.user, Tenant: e.tenant, Reason: "test", RevokedAt: now, ExpiresAt: now.Add(time.Hour)}
	if err := s.ForUser(e.user).RevokeGrant(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	if err := s.ForUser(e.user).ConsumeCode(t.Context(), e.grant.ID, nil, nil, now); !errors.Is(err, storage.ErrConsumed) {
		t.Errorf("ConsumeCode of a revoked grant: %v", err)
	}
	granted, err := s.Granted(t.Context(), e.grant.ID)
	if err != nil || granted.Grant.RevokedAt.IsZero() || !granted.SessionDead {
		t.Errorf("the revoked grant: revoked at %v, dead %v, %v", granted.Grant.RevokedAt, granted.SessionDead, err)
	}
}

// D2: of parallel rotations of one refresh token one wins, and the generation
// moves by one.
func TestD2_RotateRefreshToken(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	e := newEstate(t, w, s, "acme")
	if err := s.ForUser(e.user).ConsumeCode(t.Context(), e.grant.ID, []byte("refresh 0"), nil, now); err != nil {
		t.Fatal(err)
	}
	for generation := range int32(3) {
		current, next := fmt.Appendf(nil, "refresh %d", generation), fmt.Appendf(nil, "refresh %d", generation+1)
		won := rush(t, dsn, 100, storage.ErrConsumed, func(s *postgres.Store, _ int) error {
			return s.ForUser(e.user).RotateRefreshToken(context.Background(), e.grant.ID, generation, current, next, now)
		})
		granted, err := s.Granted(t.Context(), e.grant.ID)
		if err != nil || won != 1 || granted.Grant.Generation != generation+1 || string(granted.Grant.RefreshHash) != string(next) {
			t.Errorf("%d of 100 rotations won and led to generation %d, %q, %v", won, granted.Grant.Generation, granted.Grant.RefreshHash, err)
		}
	}
}

// I2: parallel attempts do not get past the counter.
func TestI2_TakeToken(t *testing.T) {
	t.Parallel()
	const burst = 5
	dsn := storagetest.NewDSN(t)
	replicas := []*postgres.Store{
		storagetest.Open(t, dsn, postgres.Options{MaxConns: 8}), storagetest.Open(t, dsn, postgres.Options{MaxConns: 8}),
	}
	take := func(s *postgres.Store, key string, at time.Time) (time.Duration, error) {
		return s.TakeToken(context.Background(), []byte(key), time.Minute, burst, at)
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	taken := map[string]int{}
	for i := range 200 {
		group.Go(func() {
			key := fmt.Sprintf("account %d", i%2)
			wait, err := take(replicas[i/2%2], key, now)
			if err != nil {
				t.Error(err)
			}
			if wait != 0 {
				if step := time.Minute / burst; wait < 0 || wait > step {
					t.Errorf("wait %v; want at most %v", wait, step)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			taken[key]++
		})
	}
	group.Wait()
	for key, n := range taken {
		if n != burst {
			t.Errorf("%d attempts of %s were let through; want %d", n, key, burst)
		}
	}

	// One comes back with time, and one by a refund.
	later := now.Add(time.Minute / burst)
	for _, want := range []bool{true, false} {
		if wait, err := take(replicas[0], "account 0", later); err != nil || (wait == 0) != want {
			t.Errorf("attempt a fifth of a minute later: wait %v, %v; want it let through: %v", wait, err, want)
		}
	}
	if err := replicas[0].Refund(t.Context(), []byte("account 0"), time.Minute, burst); err != nil {
		t.Fatal(err)
	}
	if wait, err := take(replicas[1], "account 0", later); err != nil || wait != 0 {
		t.Errorf("attempt after a refund: wait %v, %v", wait, err)
	}
}

// E3: a one-time id is spent once, on whichever replica.
func TestE3_Consume(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	consume := func(kind string) int {
		return rush(t, dsn, 100, storage.ErrConflict, func(s *postgres.Store, _ int) error {
			return s.Consume(context.Background(), kind, []byte("jti"), now.Add(time.Minute))
		})
	}
	if won := consume("assertion"); won != 1 {
		t.Errorf("%d of 100 attempts spent the id", won)
	}
	if won := consume("challenge"); won != 1 {
		t.Errorf("%d of 100 attempts spent the same id of another kind", won)
	}
}

// F2: a pushed request is used once, by its client, in its time.
func TestF2_ConsumePushedRequest(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	for _, id := range []authz.ClientID{"shop", "other"} {
		w.Client(storage.Client{ID: id})
	}
	r := storage.PushedRequest{ID: authz.RandomID[authz.PushedRequestID](), Client: "shop", Request: []byte(`{"scope": "openid"}`), ExpiresAt: now.Add(time.Minute)}
	if err := s.InsertPushedRequest(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConsumePushedRequest(t.Context(), r.ID, "other", now); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("another client's attempt: %v", err)
	}
	if _, err := s.ConsumePushedRequest(t.Context(), r.ID, "shop", r.ExpiresAt); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an attempt too late: %v", err)
	}
	won := rush(t, dsn, 100, storage.ErrNotFound, func(s *postgres.Store, _ int) error {
		request, err := s.ConsumePushedRequest(context.Background(), r.ID, "shop", now)
		if err == nil && string(request) != string(r.Request) {
			t.Errorf("the request came back as %s", request)
		}
		return err
	})
	if won != 1 {
		t.Errorf("%d of 100 attempts used the request", won)
	}
}
