package demo

import (
	"sync"
	"time"
)

// shelf keeps values under unguessable keys, each for the same while. When it is
// full the oldest one goes, so that nobody can fill the memory.
type shelf[T any] struct {
	lifetime time.Duration
	limit    int
	now      func() time.Time

	mu   sync.Mutex
	kept map[string]kept[T]
}

type kept[T any] struct {
	value  T
	endsAt time.Time
}

func newShelf[T any](lifetime time.Duration, limit int, now func() time.Time) *shelf[T] {
	return &shelf[T]{lifetime: lifetime, limit: limit, now: now, kept: map[string]kept[T]{}}
}

func (s *shelf[T]) put(key string, value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) >= s.limit {
		s.makeRoom()
	}
	s.kept[key] = kept[T]{value, s.now().Add(s.lifetime)}
}

func (s *shelf[T]) makeRoom() {
	var oldest string
	for key, k := range s.kept {
		if !s.now().Before(k.endsAt) {
			delete(s.kept, key)
		} else if first, found := s.kept[oldest]; !found || k.endsAt.Before(first.endsAt) {
			oldest = key
		}
	}
	if len(s.kept) >= s.limit {
		delete(s.kept, oldest)
	}
}

func (s *shelf[T]) get(key string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive(key)
}

// take is get for what is good once: of many who ask, one receives it.
func (s *shelf[T]) take(key string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.kept, key)
	return s.alive(key)
}

func (s *shelf[T]) alive(key string) (value T, found bool) {
	k, found := s.kept[key]
	if !found || !s.now().Before(k.endsAt) {
		return value, false
	}
	return k.value, true
}
