package authn

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// memoryCounter is the cell rate algorithm that storage/postgres has as one
// statement.
type memoryCounter struct {
	mu   sync.Mutex
	tats map[string]time.Time
	down error
}

func (m *memoryCounter) TakeToken(_ context.Context, key []byte, per time.Duration, burst int, now time.Time) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tats == nil {
		m.tats = map[string]time.Time{}
	}
	tat, step := m.tats[string(key)], per/time.Duration(burst)
	if tat.Before(now) {
		tat = now
	}
	if wait := tat.Sub(now) - (per - step); wait > 0 {
		return wait, m.down
	}
	m.tats[string(key)] = tat.Add(step)
	return 0, m.down
}

func (m *memoryCounter) Refund(ctx context.Context, key []byte, per time.Duration, burst int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tats[string(key)] = m.tats[string(key)].Add(-per / time.Duration(burst))
	return ctx.Err()
}

type memoryAccounts struct {
	mu    sync.Mutex
	users []storage.User
	down  error
}

func (m *memoryAccounts) UserByIdentifier(_ context.Context, identifier string) (storage.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	folded := storage.FoldIdentifier(identifier)
	for _, u := range m.users {
		if storage.FoldIdentifier(u.Username) == folded || storage.FoldIdentifier(u.Email) == folded {
			return u, m.down
		}
	}
	if m.down != nil {
		return storage.User{}, m.down
	}
	return storage.User{}, storage.ErrNotFound
}

func (m *memoryAccounts) SignInFailed(context.Context, authz.UserID, netip.Addr, time.Time) error {
	return nil
}

func (m *memoryAccounts) UpdatePasswordHash(_ context.Context, id authz.UserID, old, encoded string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.users, func(u storage.User) bool { return u.ID == id })
	if m.users[i].PasswordHash == old {
		m.users[i].PasswordHash = encoded
	}
	return m.users[i].PasswordHash, m.down
}

// watch counts the evaluations of a hasher, and how many run at once at most.
type watch struct{ total, running, peak atomic.Int32 }

func (w *watch) on(h *Hasher, evaluate func(password, encoded string) (bool, *argon2id.Params, error)) {
	h.check = func(password, encoded string) (bool, *argon2id.Params, error) {
		w.total.Add(1)
		running := w.running.Add(1)
		defer w.running.Add(-1)
		for peak := w.peak.Load(); running > peak && !w.peak.CompareAndSwap(peak, running); peak = w.peak.Load() {
		}
		return evaluate(password, encoded)
	}
}

// right stands in for argon2id where its cost is not the subject.
func right(password, encoded string) (bool, *argon2id.Params, error) {
	return password == goodPassword && encoded == hashOfGood, &cost, nil
}

const (
	goodPassword = "four unrelated words"
	// Never computed: right knows it.
	hashOfGood = "$argon2id$v=19$m=47104,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObGdescudvJCsg"
)

var (
	home  = netip.MustParseAddr("192.0.2.1")
	alice = storage.User{ID: authz.NewID[authz.UserID](start), Username: "alice", Email: "Alice@Example.com", PasswordHash: hashOfGood}
	gone  = storage.User{ID: authz.NewID[authz.UserID](start), Username: "gone", PasswordHash: hashOfGood, DisabledAt: start}
	keyed = storage.User{ID: authz.NewID[authz.UserID](start), Username: "keyed", PasswordHash: storage.UnusablePassword}
)

type house struct {
	*Authenticator
	accounts *memoryAccounts
	counter  *memoryCounter
	watch    watch
	now      atomic.Int64 // seconds after start
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{accounts: &memoryAccounts{users: []storage.User{alice, gone, keyed}}, counter: &memoryCounter{}}
	now := func() time.Time { return start.Add(time.Duration(h.now.Load()) * time.Second) }
	hasher := NewHasher()
	h.watch.on(hasher, right)
	h.Authenticator = New(h.accounts, hasher, NewLimits(h.counter, now), now)
	return h
}

func (h *house) try(t testing.TB, identifier, password string, addr netip.Addr) error {
	t.Helper()
	_, err := h.SignIn(t.Context(), identifier, NewPassword(password), addr)
	return err
}
