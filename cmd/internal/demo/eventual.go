package demo

import (
	"context"
	"sync"
	"time"
)

const (
	discoveryTimeout = 5 * time.Second
	// discoveryPause is how long a failure is remembered, so that a crowd that waits
	// for a server that is down does not wait one behind the other.
	discoveryPause = time.Second
)

// eventual is a value that is made when it is first needed, and tried again until
// it can be made: the demo may be up before Gatehouse is.
type eventual[T any] struct {
	create func(context.Context) (T, error)
	now    func() time.Time

	mu      sync.Mutex
	made    bool
	value   T
	err     error
	retryAt time.Time
}

func newEventual[T any](create func(context.Context) (T, error), now func() time.Time) *eventual[T] {
	return &eventual[T]{create: create, now: now}
}

func (e *eventual[T]) get(ctx context.Context) (T, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.made || e.now().Before(e.retryAt) {
		return e.value, e.err
	}
	// A visitor who leaves must not fail those who wait behind.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discoveryTimeout)
	defer cancel()
	e.value, e.err = e.create(ctx)
	e.made, e.retryAt = e.err == nil, e.now().Add(discoveryPause)
	return e.value, e.err
}
