package postgres_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func newPasskey(user authz.UserID, credential string) storage.Passkey {
	id := sha256.Sum256([]byte(credential))
	return storage.Passkey{
		ID: authz.NewID[authz.PasskeyID](now), User: user, CredentialID: id[:], PublicKey: []byte("key"), Name: credential,
		Transports: []string{"internal"}, SignCount: 7, CreatedAt: now,
	}
}

func event(action string) storage.AuditEvent {
	return storage.AuditEvent{ID: authz.RandomID[authz.AuditID](), At: now, Actor: "test", Action: action}
}

// newAuthenticators gives the person of an estate one of everything.
func newAuthenticators(t *testing.T, w *storagetest.World, s *postgres.Store, e estate, name string) {
	t.Helper()
	w.Exec(`insert into platform.attestation_policies (tenant_id, aaguids) values ($1, array[gen_random_uuid()])`, e.tenant)
	handle := bytes.Repeat(e.user[:], 4)
	own, keep := s.ForUser(e.user), e.session.ID
	_, err := own.WebAuthnHandle(t.Context(), handle)
	for _, err := range []error{
		err,
		own.InsertPasskey(t.Context(), newPasskey(e.user, "passkey of "+name), event("passkey.add")),
		own.SetTOTP(t.Context(), storage.TOTP{SecretSealed: []byte("sealed " + name), CreatedAt: now}, keep, now, event("totp.set")),
		own.SetRecoveryCodes(t.Context(), [][]byte{[]byte("code of " + name)}, keep, now, event("recovery_codes.make")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// person is an estate in a database of its own.
type person struct {
	estate
	w   *storagetest.World
	s   *postgres.Store
	dsn string
}

func newPerson(t *testing.T) person {
	t.Helper()
	dsn := storagetest.NewDSN(t)
	w, s := storagetest.NewWorld(t, dsn), storagetest.Open(t, dsn, postgres.Options{})
	return person{newEstate(t, w, s, "acme"), w, s, dsn}
}

// errLost is that of a statement that touched nothing.
var errLost = errors.New("lost")

func won(touched bool, err error) error {
	if err == nil && !touched {
		return errLost
	}
	return err
}

func TestAuthenticators(t *testing.T) {
	t.Parallel()
	e := newPerson(t)
	w, s := e.w, e.s
	got, err := s.ForUser(e.user).Authenticators(t.Context())
	if err != nil || got.Password || len(got.Passkeys) != 1 || got.TOTP == nil || got.RecoveryCodes != 1 || got.RecoveryCodesAt.IsZero() || !got.Strong() {
		t.Fatalf("%+v, %v", got, err)
	}
	if p := got.Passkeys[0]; p.Name != "passkey of acme" || p.SignCount != 7 || p.Transports[0] != "internal" || !p.SuspectAt.IsZero() {
		t.Errorf("the passkey reads back as %+v", p)
	}
	none := w.User("none", authz.RoleUser, "$argon2id$", e.tenant)
	if got, err := s.ForUser(none).Authenticators(t.Context()); err != nil || !got.Password || got.Strong() || got.RecoveryCodes != 0 {
		t.Errorf("someone with a password alone: %+v, %v", got, err)
	}
	first, err := s.ForUser(none).WebAuthnHandle(t.Context(), bytes.Repeat([]byte{1}, 64))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.ForUser(none).WebAuthnHandle(t.Context(), bytes.Repeat([]byte{2}, 64)); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the user handle changed: %x, %v", again, err)
	}
	o, err := s.PasskeyByCredentialID(t.Context(), got.Passkeys[0].CredentialID)
	if err != nil || o.User.ID != e.user || len(o.Handle) != 64 || o.Passkey.ID != got.Passkeys[0].ID {
		t.Errorf("found by its credential id: %+v, %v", o, err)
	}
	if _, err := s.PasskeyByCredentialID(t.Context(), []byte("unknown")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("an unknown credential id: %v", err)
	}
	events := w.Text(`select action, actor_id, object_id, before, after from platform.audit_events where actor = 'test'`)
	for _, action := range []string{"passkey.add", "totp.set", "recovery_codes.make"} {
		if !strings.Contains(events, action) {
			t.Errorf("%s is not in the audit log", action)
		}
	}
}

func TestJ5_CredentialIDIsOneUsers(t *testing.T) {
	t.Parallel()
	e := newPerson(t)
	w, s := e.w, e.s
	other := w.User("other", authz.RoleUser, "$argon2id$", e.tenant)
	for _, user := range []authz.UserID{e.user, other} {
		if err := s.ForUser(user).InsertPasskey(t.Context(), newPasskey(user, "passkey of acme"), event("passkey.add")); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("a credential id that is somebody's already: %v", err)
		}
	}
}

func TestI4_TOTPStepIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	e := newPerson(t)
	s := e.s
	own := s.ForUser(e.user)
	wins := rush(t, e.dsn, 50, errLost, func(s *postgres.Store, _ int) error {
		return won(s.ForUser(e.user).ConsumeTOTPStep(t.Context(), 100, now))
	})
	if wins != 1 {
		t.Errorf("one code was accepted %d times", wins)
	}
	for step, want := range map[int64]bool{99: false, 100: false} {
		if ok, err := own.ConsumeTOTPStep(t.Context(), step, now); err != nil || ok != want {
			t.Errorf("step %d after step 100: %v, %v", step, ok, err)
		}
	}
	if ok, err := own.ConsumeTOTPStep(t.Context(), 101, now); err != nil || !ok {
		t.Errorf("the next step: %v, %v", ok, err)
	}
}

func TestRecoveryCodeIsSpentOnce(t *testing.T) {
	t.Parallel()
	e := newPerson(t)
	w, s := e.w, e.s
	own := s.ForUser(e.user)
	spend := func(s *postgres.Store, user authz.UserID, code string) error {
		return won(s.ForUser(user).ConsumeRecoveryCode(t.Context(), []byte(code), now))
	}
	if err := spend(s, w.User("other", authz.RoleUser, "$argon2id$", e.tenant), "code of acme"); err == nil {
		t.Error("a recovery code of another was accepted")
	}
	if wins := rush(t, e.dsn, 50, errLost, func(s *postgres.Store, _ int) error { return spend(s, e.user, "code of acme") }); wins != 1 {
		t.Errorf("one code was accepted %d times", wins)
	}
	if err := own.SetRecoveryCodes(t.Context(), [][]byte{[]byte("new")}, e.session.ID, now, event("x")); err != nil {
		t.Fatal(err)
	}
	if spend(s, e.user, "code of acme") == nil || spend(s, e.user, "new") != nil {
		t.Error("new recovery codes do not replace the old")
	}
}

func TestJ10_LastWayInStays(t *testing.T) {
	t.Parallel()
	e := newPerson(t)
	w, s := e.w, e.s
	own := s.ForUser(e.user)
	have, err := own.Authenticators(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	remove := func(s *postgres.Store, id authz.PasskeyID) error {
		return s.ForUser(e.user).DeletePasskey(t.Context(), id, e.session.ID, now.Add(time.Hour), event("passkey.remove"))
	}
	if err := remove(s, have.Passkeys[0].ID); !errors.Is(err, postgres.ErrLastWayIn) {
		t.Fatalf("the only passkey of an account without a password: %v", err)
	}
	second := newPasskey(e.user, "second")
	if err := own.InsertPasskey(t.Context(), second, event("passkey.add")); err != nil {
		t.Fatal(err)
	}
	both := []authz.PasskeyID{have.Passkeys[0].ID, second.ID}
	if wins := rush(t, e.dsn, 2, postgres.ErrLastWayIn, func(s *postgres.Store, i int) error { return remove(s, both[i]) }); wins != 1 {
		t.Errorf("of two passkeys that were removed at once %d went", wins)
	}
	w.Exec(`update platform.users set password_hash = '$argon2id$' where id = $1`, e.user)
	left, err := own.Authenticators(t.Context())
	if err != nil || len(left.Passkeys) != 1 {
		t.Fatalf("%d passkeys are left, %v", len(left.Passkeys), err)
	}
	if err := remove(s, left.Passkeys[0].ID); err != nil {
		t.Errorf("the last passkey beside a password: %v", err)
	}
	if err := s.ForUser(w.User("thief", authz.RoleUser, "x", e.tenant)).DeletePasskey(t.Context(), second.ID, authz.SessionID{}, now, event("x")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("another's passkey: %v", err)
	}
}

// A factor that changes ends the sessions that may have been had without it.
func TestH9_FactorChangeEndsOtherSessions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*postgres.UserStore, storage.Passkey, authz.SessionID) error{
		"passkey removed": func(own *postgres.UserStore, p storage.Passkey, keep authz.SessionID) error {
			return own.DeletePasskey(t.Context(), p.ID, keep, now.Add(time.Hour), event("x"))
		},
		"authenticator app set up": func(own *postgres.UserStore, _ storage.Passkey, keep authz.SessionID) error {
			return own.SetTOTP(t.Context(), storage.TOTP{SecretSealed: []byte("new"), CreatedAt: now}, keep, now.Add(time.Hour), event("x"))
		},
		"authenticator app removed": func(own *postgres.UserStore, _ storage.Passkey, keep authz.SessionID) error {
			return own.DeleteTOTP(t.Context(), keep, now.Add(time.Hour), event("x"))
		},
		"recovery codes made": func(own *postgres.UserStore, _ storage.Passkey, keep authz.SessionID) error {
			return own.SetRecoveryCodes(t.Context(), [][]byte{[]byte("new")}, keep, now.Add(time.Hour), event("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newPerson(t)
			w, s := e.w, e.s
			w.Exec(`update platform.users set password_hash = '$argon2id$' where id = $1`, e.user)
			own, other := s.ForUser(e.user), e.session
			other.ID, other.TokenJTI = authz.RandomID[authz.SessionID](), authz.RandomID[authz.SessionID]()
			if err := own.InsertSession(t.Context(), other, storage.Evidence{}, "", authz.SessionID{}, time.Time{}); err != nil {
				t.Fatal(err)
			}
			have, err := own.Authenticators(t.Context())
			if err == nil {
				err = change(own, have.Passkeys[0], e.session.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			live, err := own.Sessions(t.Context(), now)
			if err != nil || len(live) != 1 || live[0].ID != e.session.ID {
				t.Errorf("%d sessions stand, %v", len(live), err)
			}
			if !strings.Contains(w.Text(`select jti from platform.revoked_tokens`), other.TokenJTI.String()) {
				t.Error("the other session's sid is not in the ledger")
			}
		})
	}
}

func TestH1_ElevatedSessionHasAnotherID(t *testing.T) {
	t.Parallel()
	e := newPerson(t)
	s := e.s
	wins := rush(t, e.dsn, 20, storage.ErrNotFound, func(s *postgres.Store, i int) error {
		n := storage.Session{ID: authz.RandomID[authz.SessionID](), SecretHash: []byte{byte(i)}, ACR: authz.ACRMultiFactor, AMR: []string{"pwd", "otp", "mfa"}, LastSeenAt: now}
		return s.ForUser(e.user).ElevateSession(t.Context(), e.session.ID, n)
	})
	if wins != 1 {
		t.Errorf("one session became %d", wins)
	}
	if _, err := s.SignedIn(t.Context(), e.session.ID, ""); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the former id: %v", err)
	}
	live, err := s.ForUser(e.user).Sessions(t.Context(), now)
	if err != nil || len(live) != 1 || live[0].TokenJTI != e.session.TokenJTI || live[0].ACR != authz.ACRMultiFactor || !live[0].AuthTime.Equal(e.session.AuthTime) {
		t.Errorf("the session is %+v, %v", live, err)
	}
}

func TestRemoveAuthenticators(t *testing.T) {
	t.Parallel()
	e := newPerson(t)
	if err := e.s.ForOperator().RemoveAuthenticators(t.Context(), e.user, now.Add(time.Hour), event("user.remove-authenticators")); err != nil {
		t.Fatal(err)
	}
	left, err := e.s.ForUser(e.user).Authenticators(t.Context())
	if err != nil || left.Strong() || left.RecoveryCodes != 0 {
		t.Errorf("what is left: %+v, %v", left, err)
	}
	if live, err := e.s.ForUser(e.user).Sessions(t.Context(), now); err != nil || len(live) != 0 {
		t.Errorf("%d sessions stand, %v", len(live), err)
	}
}
