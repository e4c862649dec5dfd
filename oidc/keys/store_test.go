package keys

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/storage"
)

var master = []byte("0123456789abcdef0123456789abcdef")

// memoryStore keeps rows as the database does: whole changes, one at a time.
type memoryStore struct {
	mu   sync.Mutex
	rows []storage.SigningKey
	down error
}

func (m *memoryStore) SigningKeys(context.Context) ([]storage.SigningKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.rows), m.down
}

func (m *memoryStore) ChangeSigningKeys(_ context.Context, _ storage.AuditEvent, change func([]storage.SigningKey) ([]storage.SigningKey, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed, err := change(slices.Clone(m.rows))
	if err := errors.Join(err, m.down); err != nil {
		return err
	}
	for _, row := range changed {
		i := slices.IndexFunc(m.rows, func(r storage.SigningKey) bool { return r.KID == row.KID })
		if i < 0 {
			m.rows = append(m.rows, row)
		} else {
			m.rows[i] = row
		}
	}
	return nil
}

func (m *memoryStore) count(at time.Time, state State) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, row := range m.rows {
		if StateAt(row, at) == state {
			n++
		}
	}
	return n
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func openRing(t testing.TB, store Store, now func() time.Time) *Ring {
	t.Helper()
	r, err := Open(t.Context(), store, master, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var sampleClaims = map[string]any{
	"iss": "https://issuer.example", "sub": "01900000-0000-7000-8000-000000000001",
	"aud": []string{"https://api.example"}, "exp": 1767323645, "iat": 1767323045,
	"jti": "01900000-0000-7000-8000-000000000002", "scope": "openid agents:read", "client_id": "web",
}

func sign(t testing.TB, r *Ring, algorithm Algorithm, typ Type) string {
	t.Helper()
	token, err := r.Sign(algorithm, typ, sampleClaims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
