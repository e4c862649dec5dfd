package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// meanwhile does something that a transaction of the database's owner holds up until it
// ends, in the one way or the other.
type meanwhile struct {
	t     *testing.T
	w     *storagetest.World
	holds *storagetest.World
}

// holdUp begins the transaction with a statement.
func (e person) holdUp(t *testing.T, statement string, args ...any) meanwhile {
	t.Helper()
	m := meanwhile{t, e.w, storagetest.NewWorld(t, e.dsn)}
	m.holds.Exec(`begin`)
	m.holds.Exec(statement, args...)
	return m
}

// begin does something until it is done or has to wait beside those that do already.
func (m meanwhile) begin(beside int, do func() error) <-chan error {
	m.t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	for range 2000 {
		var waiting int
		m.w.Get(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`, nil, &waiting)
		if waiting > beside || len(done) > 0 {
			return done
		}
		time.Sleep(5 * time.Millisecond)
	}
	m.t.Fatal("it neither ends nor waits")
	return nil
}

// isRefused: everything that was begun must come to nothing.
func isRefused(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("%s: %v, want %v", what, err, storage.ErrNotFound)
	}
}

// everyEnd is how sessions of one user end.
var everyEnd = map[string]func(e person, l storage.Link) error{
	"signed out": func(e person, _ storage.Link) error {
		return e.s.ForUser(e.user).EndSession(context.Background(), e.session.ID, "test", e.session.IPAddress, now, now.Add(time.Hour))
	},
	"others signed out": func(e person, _ storage.Link) error {
		return e.s.ForUser(e.user).EndOtherSessions(context.Background(), authz.RandomID[authz.SessionID](), "test", e.session.IPAddress, now, now.Add(time.Hour))
	},
	"everything ended": func(e person, _ storage.Link) error {
		_, err := e.s.ForOperator().EndEverything(context.Background(), []authz.UserID{e.user}, "test", now.Add(time.Hour), event("test"))
		return err
	},
	"password set": func(e person, _ storage.Link) error {
		return e.s.ForOperator().SetPasswordHash(context.Background(), e.user, "$argon2id$new", now.Add(time.Hour), event("test"))
	},
	"password chosen": func(e person, _ storage.Link) error {
		return e.s.ForUser(e.user).SetPassword(context.Background(), "$argon2id$new", authz.RandomID[authz.SessionID](), now.Add(time.Hour), event("test"))
	},
	"password reset": func(e person, l storage.Link) error {
		return e.s.ForUser(e.user).ResetPassword(context.Background(), l, "$argon2id$new", now.Add(time.Hour), event("test"))
	},
}

// A sign-in that was judged before what it was proven with changed begins no session, whether
// the change is done by then or only under way.
func TestH8_H9_SignInJudgedBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by     func(storage.Passkey) storage.Evidence
		change string
	}{
		"password changed": {byPassword, `update platform.users set password_hash = '$argon2id$new' where id = $1`},
		"user disabled":    {func(storage.Passkey) storage.Evidence { return storage.Evidence{} }, `update platform.users set disabled_at = now() where id = $1`},
		"user deleted":     {byPassword, `delete from platform.users where id = $1`},
		"passkey removed": {func(p storage.Passkey) storage.Evidence { return storage.Evidence{Passkey: p.ID} },
			`with held as (select id from platform.users where id = $1 for update) delete from platform.webauthn_credentials where user_id in (select id from held)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newPerson(t)
			e.w.Exec(`update platform.users set password_hash = '$argon2id$' where id = $1`, e.user)
			have, err := e.s.ForUser(e.user).Authenticators(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			signIn := func() error {
				n := e.session
				n.ID, n.TokenJTI, n.UserAgent = authz.RandomID[authz.SessionID](), authz.RandomID[authz.SessionID](), "another"
				return e.s.ForUser(e.user).InsertSession(t.Context(), n, c.by(have.Passkeys[0]), "", e.session.ID, now.Add(time.Hour))
			}
			if err := signIn(); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			traces := func() string {
				return e.w.Text(`select count(*) from platform.user_sessions union all select count(*) from platform.audit_events union all select count(*) from river.river_job`)
			}
			m := e.holdUp(t, c.change, e.user)
			under := m.begin(0, signIn)
			before := traces()
			m.holds.Exec(`commit`)
			isRefused(t, "while it changes", <-under)
			isRefused(t, "after the change", signIn())
			if after := traces(); name != "user deleted" && after != before {
				t.Errorf("sessions, events and jobs were\n%s\nand are\n%s", before, after)
			}
		})
	}
}

func byPassword(storage.Passkey) storage.Evidence {
	return storage.Evidence{PasswordHash: "$argon2id$"}
}

// Whoever ends a session finds the grant that was being made beneath it: what is left when the
// ledger forgets is dead.
func TestD5_GrantMadeWhileTheSessionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range everyEnd {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newPerson(t)
			l := newLink(t, e.s, e.estate, storage.LinkResetPassword)
			g := newGrant(e.estate, e.grant.Client)
			remember := &storage.Consent{Client: g.Client, Tenant: g.Tenant, Scopes: g.Scopes, GrantedAt: now}
			m := e.holdUp(t, `select from platform.consents where user_id = $1 for update`, e.user)
			made := m.begin(0, func() error { return e.s.ForUser(e.user).InsertGrant(context.Background(), g, remember) })
			ended := m.begin(1, func() error { return end(e, l) })
			m.holds.Exec(`rollback`)
			if err := errors.Join(<-made, <-ended); err != nil {
				t.Fatal(err)
			}
			e.w.Exec(`delete from platform.revoked_tokens`)
			granted, err := e.s.Granted(t.Context(), g.ID)
			if err != nil || granted.Grant.RevokedAt.IsZero() {
				t.Errorf("the grant: revoked at %v, %v", granted.Grant.RevokedAt, err)
			}
			// As though nobody had found it.
			e.w.Exec(`update platform.grants set revoked_at = null`)
			if granted, err = e.s.Granted(t.Context(), g.ID); err != nil || !granted.SessionDead {
				t.Errorf("beneath a session that has ended: dead %v, %v", granted.SessionDead, err)
			}
		})
	}
}

// A session that is ending takes no more grants, and says yes to nobody.
func TestD5_GrantAfterTheSessionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range everyEnd {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newPerson(t)
			e.s = storagetest.Open(t, e.dsn, postgres.Options{MaxConns: 8}) // five wait at once
			l := newLink(t, e.s, e.estate, storage.LinkResetPassword)
			device, request := e.approvals()
			idle := newGrant(e.estate, e.grant.Client)
			idle.IssuedAt = now.Add(2 * time.Minute) // the session is touched too
			attempts := map[string]func() error{
				"a grant": func() error {
					return e.s.ForUser(e.user).InsertGrant(context.Background(), newGrant(e.estate, e.grant.Client), nil)
				},
				"a grant after a rest": func() error { return e.s.ForUser(e.user).InsertGrant(context.Background(), idle, nil) },
				"a device":             device, "a request": request,
			}
			// Whoever ends the session waits to write it down.
			m := e.holdUp(t, `insert into platform.revoked_tokens (jti, reason, revoked_at, expires_at) values ($1, 'test', now(), now())`, e.session.TokenJTI.String())
			ended := m.begin(0, func() error { return end(e, l) })
			under := map[string]<-chan error{}
			for what, attempt := range attempts {
				under[what] = m.begin(1+len(under), attempt)
			}
			m.holds.Exec(`rollback`)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			for what := range under {
				isRefused(t, what+", while it ends", <-under[what])
				isRefused(t, what+", afterwards", attempts[what]())
			}
			if left := e.w.Text(`select id from platform.user_sessions where revoked_at is null union all select id from platform.grants where revoked_at is null`); left != "" {
				t.Errorf("alive: %s", left)
			}
		})
	}
}

// approvals are two that the session of the estate can give: to its device and to its request.
func (e person) approvals() (device, request func() error) {
	approved := func(table string) (storage.Grant, storage.Session) {
		g, n := newGrant(e.estate, e.grant.Client), e.session
		e.w.Get(`select id from platform.`+table, nil, &g.ID)
		n.ID, n.TokenJTI, n.SecretHash = authz.RandomID[authz.SessionID](), authz.RandomID[authz.SessionID](), []byte{}
		g.SID = n.TokenJTI
		return g, n
	}
	dg, dn := approved("device_codes")
	rg, rn := approved("backchannel_requests")
	return func() error {
			return e.s.ForUser(e.user).ApproveDeviceCode(context.Background(), e.session.TokenJTI, dg, dn)
		},
		func() error {
			return e.s.ForUser(e.user).ApproveBackchannelRequest(context.Background(), e.session.TokenJTI, rg, rn)
		}
}

// What a yes led to before everything ends, ends with it.
func TestD5_ApprovalWhileEverythingEnds(t *testing.T) {
	t.Parallel()
	for name, end := range everyEnd {
		if name == "signed out" {
			continue // a device outlives the browser that said yes
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newPerson(t)
			l := newLink(t, e.s, e.estate, storage.LinkResetPassword)
			device, request := e.approvals()
			m := e.holdUp(t, `with d as (select id from platform.device_codes for update), r as (select id from platform.backchannel_requests for update)
				select from d, r`)
			one := m.begin(0, device)
			other := m.begin(1, request)
			ended := m.begin(2, func() error { return end(e, l) })
			m.holds.Exec(`rollback`)
			if err := errors.Join(<-one, <-other, <-ended); err != nil {
				t.Fatal(err)
			}
			if left := e.w.Text(`select id from platform.user_sessions where revoked_at is null union all
				select id from platform.grants g where revoked_at is null
				   and not exists (select from platform.user_sessions s where s.token_jti = g.sid and s.revoked_at is not null)`); left != "" {
				t.Errorf("alive: %s", left)
			}
			var grants int
			if e.w.Get(`select count(*) from platform.grants where revoked_at is not null`, nil, &grants); grants != 3 {
				t.Errorf("%d grants are revoked, want 3", grants)
			}
		})
	}
}

// Grants of one session that begin at once do not wait for each other, nor forbid each other.
func TestInsertGrant_AtOnce(t *testing.T) {
	t.Parallel()
	e := newPerson(t)
	won := rush(t, e.dsn, 40, nil, func(s *postgres.Store, _ int) error {
		g := newGrant(e.estate, e.grant.Client)
		g.ID, g.IssuedAt = authz.RandomID[authz.GrantID](), now.Add(2*time.Minute)
		return s.ForUser(e.user).InsertGrant(context.Background(), g, nil)
	})
	if won != 40 {
		t.Errorf("%d of 40 grants were made", won)
	}
}
