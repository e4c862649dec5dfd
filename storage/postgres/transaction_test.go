package postgres_test

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// impatient is a store whose feed is gone, so that it has little patience: three seconds
// for a transaction. Where silent is set, nothing comes any more either.
func impatient(t *testing.T, dsn string, silent *atomic.Bool) *postgres.Store {
	t.Helper()
	var cut atomic.Bool
	net := &wire{
		sent: func(c *wired, _ []byte) error {
			if cut.Load() && c.feed.Load() {
				return errors.New("cut")
			}
			return nil
		},
		came: func(*wired, []byte) bool { return !silent.Load() },
	}
	s := storagetest.Open(t, dsn, net.options())
	eventually(t, "the feed is read", s.Fresh)
	cut.Store(true)
	eventually(t, "memory is not trusted", func() bool { return !s.Fresh() })
	return s
}

func testEvent(action string) storage.AuditEvent {
	return storage.AuditEvent{ID: authz.NewID[authz.AuditID](now), At: now, Actor: "test", Action: action}
}

// A transaction whose network swallows everything is given up, whichever of its statements
// gets no answer.
func TestTransaction_Silence(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	var silent atomic.Bool
	w, s := storagetest.NewWorld(t, dsn), impatient(t, dsn, &silent)
	w.Exec(`begin`)
	w.Exec(`lock table platform.ip_bans in access exclusive mode`)
	began, put := time.Now(), make(chan error, 1)
	go func() {
		b := storage.Ban{Network: netip.MustParsePrefix("192.0.2.0/24"), Reason: "noise", CreatedAt: now}
		put <- s.ForOperator().PutBan(t.Context(), b, testEvent("ban.add"))
	}()
	eventually(t, "a statement waits", func() bool { return waiting(w, "platform.ip_bans") == 1 })
	silent.Store(true)
	w.Exec(`rollback`)
	select {
	case err := <-put:
		if took := time.Since(began); !errors.Is(err, storage.ErrUnavailable) || took > 10*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the transaction still waits after twenty seconds")
	}
}

// What concerns everyone may take longer than other transactions.
func TestTransaction_Unhurried(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), impatient(t, dsn, &atomic.Bool{})
	w.User("ann", authz.RoleUser, storage.UnusablePassword)
	w.Exec(`begin`)
	w.Exec(`lock table platform.users in share mode`)
	updated := make(chan error, 1)
	go func() {
		_, err := s.ForOperator().UpdateRole(t.Context(), authz.RoleUser, func(r *storage.Role) error {
			r.Scopes = r.Scopes[:0]
			return nil
		}, testEvent("role.update"))
		updated <- err
	}()
	eventually(t, "everyone's rights wait", func() bool { return waiting(w, "platform.users") == 1 })
	time.Sleep(5 * time.Second)
	w.Exec(`rollback`)
	if err := <-updated; err != nil {
		t.Error(err)
	}
	if left := w.Text(`select from platform.roles where name = $1 and scopes <> '{}'`, authz.RoleUser); left != "" {
		t.Error("the role holds what it held")
	}
}
