package postgres_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// M8: an event that is changed, removed or put in between breaks its chain, and the
// program's own role can do none of it.
func TestM8_TamperingShows(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, tamper := range map[string]string{
		"":        `select 1`,
		"changed": `update platform.audit_events set actor = 'somebody else' where seq = 2`,
		"removed": `delete from platform.audit_events where seq = 2`,
		"cut":     `delete from platform.audit_events e where seq = (select max(seq) from platform.audit_events x where x.chain = e.chain)`,
		"renewed": `update platform.audit_events e set action = 'x', hash = sha256('x') where seq = 1`,
	} {
		dsn := storagetest.NewDSN(t)
		s, w := storagetest.Open(t, dsn, postgres.Options{}), storagetest.NewWorld(t, dsn)
		end, err := s.ForOperator().AuditEnd(ctx)
		if err != nil {
			t.Fatal(err)
		}
		const events = 64
		done := make(chan error)
		for range events {
			go func() {
				done <- s.SignInFailed(ctx, authz.UserID{}, netip.MustParseAddr("192.0.2.1"), time.Now())
			}()
		}
		for range events {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		followed, behind, err := s.ForOperator().AuditAfter(ctx, end, 100)
		if err != nil || len(followed) != events {
			t.Fatalf("followed %d events, %v", len(followed), err)
		}
		if again, _, err := s.ForOperator().AuditAfter(ctx, behind, 100); err != nil || len(again) != 0 {
			t.Errorf("%d events are told twice, %v", len(again), err)
		}
		w.Exec(`set session_replication_role = replica`)
		w.Exec(tamper)
		check, err := s.ForOperator().VerifyAudit(ctx)
		if err != nil || check.Broken != (name != "") || !check.Broken && check.Events != events {
			t.Errorf("%q: %+v, %v", name, check, err)
		}
	}
}

func TestM8_TheProgramOnlyAppends(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	s := storagetest.Open(t, dsn, postgres.Options{})
	if err := s.SignInFailed(t.Context(), authz.UserID{}, netip.Addr{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`update platform.audit_events set actor = 'x'`, `delete from platform.audit_events`, `truncate platform.audit_events`,
		`update platform.audit_heads set seq = 0`, `insert into platform.audit_heads (chain) values (99)`,
	} {
		tx := actAs(t, dsn, setting{})
		if _, err := tx.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s went through", statement)
		}
	}
	// What is younger than ninety days stays, whoever asks.
	tx := actAs(t, dsn, setting{})
	var gone int64
	err := tx.QueryRow(t.Context(), `select platform.forget_audit_events(now() + interval '1 year', 1000)`).Scan(&gone)
	if err != nil || gone != 0 {
		t.Errorf("%d young events were let go, %v", gone, err)
	}
}

// Old events leave from the end of their chain, and what stays still holds together.
func TestM8_OldEventsLeave(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dsn := storagetest.NewDSN(t)
	s := storagetest.Open(t, dsn, postgres.Options{})
	old := time.Now().Add(-3 * 366 * 24 * time.Hour)
	var err error
	for range 20 {
		err = errors.Join(err, s.SignInFailed(ctx, authz.UserID{}, netip.Addr{}, old))
	}
	for range 20 {
		err = errors.Join(err, s.SignInFailed(ctx, authz.UserID{}, netip.Addr{}, time.Now()))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ForOperator().Clean(ctx, time.Now(), time.Hour); err != nil {
		t.Fatal(err)
	}
	check, err := s.ForOperator().VerifyAudit(ctx)
	if err != nil || check.Broken || check.Events != 20 {
		t.Errorf("%+v, %v", check, err)
	}
}
