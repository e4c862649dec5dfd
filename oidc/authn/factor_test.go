package authn_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

var (
	place   = netip.MustParseAddr("192.0.2.1")
	nowhere authz.SessionID
)

func (t *town) factors() *authn.Factors {
	t.Helper()
	f, err := authn.NewFactors(t.s, authn.NewLimits(t.s, t.now), secret, "id.example.com", t.now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// app is an authenticator app with ann's secret in it.
type app struct {
	*town
	*authn.Factors
	secret string
}

func newApp(t *testing.T) app {
	t.Helper()
	n := newTown(t)
	a := app{n, n.factors(), ""}
	e, err := a.Enrol(n.ann, browser)
	if err != nil {
		t.Fatal(err)
	}
	a.secret = strings.ReplaceAll(e.Secret, " ", "")
	if err := a.SetUp(t.Context(), n.ann, browser, e.State, a.code(0), nowhere, n.now(), event()); err != nil {
		t.Fatal(err)
	}
	n.clock.Add(int64(time.Minute))
	return a
}

// code is what the app shows some steps from now.
func (a app) code(steps int) string {
	code, err := totp.GenerateCode(a.secret, a.now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		a.Fatal(err)
	}
	return code
}

func TestI4_TOTPIsAcceptedOnceAndInItsTime(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	for _, c := range []struct {
		name, code string
		want       error
	}{
		{"two steps old", a.code(-2), authn.ErrCode},
		{"two steps early", a.code(2), authn.ErrCode},
		{"empty", "", authn.ErrCode},
		{"one digit short", a.code(0)[1:], authn.ErrCode},
		{"one step old", a.code(-1), nil},
		{"one step old, again", a.code(-1), authn.ErrCode},
		{"of now, as people type", a.code(0)[:3] + " " + a.code(0)[3:], nil},
		{"of now, again", a.code(0), authn.ErrCode},
		{"older than one accepted", a.code(-1), authn.ErrCode},
		{"one step early", a.code(1), nil},
	} {
		if err := a.VerifyTOTP(t.Context(), a.ann.ID, c.code, netip.AddrFrom4([4]byte{192, 0, 2, byte(len(c.name))})); !errors.Is(err, c.want) {
			t.Errorf("a code %s: %v, want %v", c.name, err, c.want)
		}
	}
	a.clock.Add(int64(time.Hour))
	if err := a.VerifyTOTP(t.Context(), a.bob.ID, a.code(0), place); !errors.Is(err, authn.ErrCode) {
		t.Errorf("ann's code for bob, who has no app: %v", err)
	}
}

func TestI4_I5_CodesAreGuessedNoMoreThanPasswords(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	var limited *authn.LimitError
	tried := 0
	for ; tried < 10; tried++ {
		if err := a.VerifyTOTP(t.Context(), a.ann.ID, "000000", place); errors.As(err, &limited) {
			break
		}
	}
	if tried != 5 {
		t.Errorf("%d codes were tried at once", tried)
	}
	// The doors share the counter.
	if err := a.VerifyRecoveryCode(t.Context(), a.ann.ID, "0000-0000-0000-0000", place); !errors.As(err, &limited) {
		t.Errorf("a recovery code from there: %v", err)
	}
	// From elsewhere it goes on, but not for ever: whoever guesses has the password.
	for i := range 100 {
		err := a.VerifyTOTP(t.Context(), a.ann.ID, "000000", netip.AddrFrom4([4]byte{198, 51, byte(i), 1}))
		if errors.As(err, &limited) {
			tried += i
			break
		}
	}
	if tried > 30 {
		t.Errorf("%d codes were tried from a hundred addresses", tried)
	}
}

func TestTOTP_SetUp(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	f := n.factors()
	e, err := f.Enrol(n.ann, browser)
	if err != nil {
		t.Fatal(err)
	}
	a := app{n, f, strings.ReplaceAll(e.Secret, " ", "")}
	if len(a.secret) != 32 || !strings.HasPrefix(e.URI, "otpauth://totp/id.example.com:ann?") || e.QR.Size < 29 || !strings.HasPrefix(e.QR.Path, "M") {
		t.Errorf("the enrolment is %+v", e)
	}
	again, err := f.EnrolAgain(n.ann, browser, e.State)
	if err != nil || again.Secret != e.Secret {
		t.Errorf("the same once more: %+v, %v", again, err)
	}
	for name, c := range map[string]struct {
		user           storage.User
		browser, state string
		code           string
		want           error
	}{
		"a wrong code":    {n.ann, browser, e.State, "000000", authn.ErrCode},
		"another user":    {n.bob, browser, e.State, a.code(0), authn.ErrExpired},
		"another browser": {n.ann, "other", e.State, a.code(0), authn.ErrExpired},
		"no state":        {n.ann, browser, "", a.code(0), authn.ErrExpired},
	} {
		if err := f.SetUp(t.Context(), c.user, c.browser, c.state, c.code, nowhere, n.now(), event()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := f.SetUp(t.Context(), n.ann, browser, e.State, a.code(0), nowhere, n.now(), event()); err != nil {
		t.Fatal(err)
	}
	if err := f.VerifyTOTP(t.Context(), n.ann.ID, a.code(0), place); !errors.Is(err, authn.ErrCode) {
		t.Errorf("the code of the set-up once more: %v", err)
	}
	if row := n.w.Text(`select * from platform.totp_secrets`); strings.Contains(row, a.secret) {
		t.Error("the secret stands in the database as it is")
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	f := n.factors()
	codes, err := f.NewRecoveryCodes(t.Context(), n.ann.ID, nowhere, n.now(), event())
	if err != nil || len(codes) != 10 || len(slices.Compact(slices.Sorted(slices.Values(codes)))) != 10 {
		t.Fatalf("%q, %v", codes, err)
	}
	stored := n.w.Text(`select encode(code_hash, 'escape') from platform.recovery_codes`)
	for i, code := range codes {
		if len(code) != 19 || strings.Contains(stored, code) {
			t.Errorf("the code %q, stored as %s", code, stored)
		}
		typed := []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", " "), " " + strings.ReplaceAll(strings.ReplaceAll(code, "1", "l"), "0", "O")}[i%4]
		if err := f.VerifyRecoveryCode(t.Context(), n.bob.ID, typed, place); !errors.Is(err, authn.ErrCode) {
			t.Errorf("ann's code for bob: %v", err)
		}
		if err := f.VerifyRecoveryCode(t.Context(), n.ann.ID, typed, place); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
		if err := f.VerifyRecoveryCode(t.Context(), n.ann.ID, code, place); !errors.Is(err, authn.ErrCode) {
			t.Errorf("%q once more: %v", code, err)
		}
		n.clock.Add(int64(time.Hour))
	}
}

func TestFirstFactorWaitsForTheSecond(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	f := n.factors()
	proof := authn.Proof{User: n.ann.ID, ACR: authz.ACRSingleFactor, AMR: []string{"pwd"}, AuthTime: n.now(), Evidence: storage.Evidence{PasswordHash: n.ann.PasswordHash}}
	sealed, err := f.Pend(proof, true, browser)
	if err != nil {
		t.Fatal(err)
	}
	first, person, err := f.Pending(t.Context(), sealed, browser)
	if err != nil || !first.Remember || first.Proof.User != n.ann.ID || first.Proof.Evidence.PasswordHash != n.ann.PasswordHash || person.Username != "ann" {
		t.Fatalf("%+v, %v", first, err)
	}
	expired := func(name, browser string) {
		t.Helper()
		if _, _, err := f.Pending(t.Context(), sealed, browser); !errors.Is(err, authn.ErrExpired) {
			t.Errorf("%s: %v", name, err)
		}
	}
	expired("in another browser", "other")
	n.w.Exec(`update platform.users set disabled_at = now() where id = $1`, n.ann.ID)
	expired("of a disabled account", browser)
	n.w.Exec(`update platform.users set disabled_at = null, password_hash = 'changed' where id = $1`, n.ann.ID)
	expired("after the password changed", browser)
	n.w.Exec(`update platform.users set password_hash = '$argon2id$' where id = $1`, n.ann.ID)
	n.clock.Add(int64(6 * time.Minute))
	expired("after six minutes", browser)
}

func TestProofSaysWhatHappened(t *testing.T) {
	t.Parallel()
	password := authn.Proof{ACR: authz.ACRSingleFactor, AMR: []string{"pwd"}}
	link := authn.Proof{ACR: authz.ACRSingleFactor, AMR: []string{"mail"}}
	passkey := authn.Proof{ACR: authz.ACRPhishingResistant, AMR: []string{"hwk", "user", "mfa"}}
	for name, c := range map[string]struct {
		proof authn.Proof
		acr   authz.ACR
		amr   string
	}{
		"password":                  {password, authz.ACRSingleFactor, "pwd"},
		"password, app":             {password.With(authn.MethodTOTP), authz.ACRMultiFactor, "pwd otp mfa"},
		"password, recovery":        {password.With(authn.MethodRecovery), authz.ACRMultiFactor, "pwd mfa"},
		"password, passkey":         {password.WithPasskey(passkey), authz.ACRPhishingResistant, "pwd hwk user mfa"},
		"password, app, passkey":    {password.With(authn.MethodTOTP).WithPasskey(passkey), authz.ACRPhishingResistant, "pwd otp mfa hwk user"},
		"password and passkey, app": {password.WithPasskey(passkey).With(authn.MethodTOTP), authz.ACRPhishingResistant, "pwd hwk user mfa otp"},
		"link, app":                 {link.With(authn.MethodTOTP), authz.ACRSingleFactor, "mail"},
	} {
		if got := strings.Join(c.proof.AMR, " "); c.proof.ACR != c.acr || got != c.amr {
			t.Errorf("%s: %s, %s", name, c.proof.ACR, got)
		}
	}
}

func TestH10_FreshnessIsOfTimeAndMethod(t *testing.T) {
	t.Parallel()
	keyed := storage.Authenticators{Password: true, Passkeys: []storage.Passkey{{}}}
	plain := storage.Authenticators{Password: true}
	for name, c := range map[string]struct {
		ago  time.Duration
		acr  authz.ACR
		amr  []string
		have storage.Authenticators
		want authn.Standing
	}{
		"password, now":                  {0, authz.ACRSingleFactor, []string{"pwd"}, plain, authn.StandsFresh},
		"password, five minutes ago":     {5*time.Minute + 1, authz.ACRSingleFactor, []string{"pwd"}, plain, authn.StandsOld},
		"link, now":                      {0, authz.ACRSingleFactor, []string{"mail"}, plain, authn.StandsOld},
		"link, now, with a passkey":      {0, authz.ACRSingleFactor, []string{"mail"}, keyed, authn.StandsOld},
		"password alone, with a passkey": {0, authz.ACRSingleFactor, []string{"pwd"}, keyed, authn.StandsWeak},
		"password and app":               {0, authz.ACRMultiFactor, []string{"pwd", "otp", "mfa"}, keyed, authn.StandsFresh},
		"passkey":                        {0, authz.ACRPhishingResistant, []string{"swk", "user", "mfa"}, keyed, authn.StandsFresh},
		"passkey, an hour ago":           {time.Hour, authz.ACRPhishingResistant, []string{"swk", "user", "mfa"}, keyed, authn.StandsOld},
	} {
		if got := authn.Stands(storage.Session{AuthTime: start.Add(-c.ago), ACR: c.acr, AMR: c.amr}, c.have, start); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestReaches(t *testing.T) {
	t.Parallel()
	all := storage.Authenticators{Passkeys: []storage.Passkey{{}}, TOTP: &storage.TOTP{}, RecoveryCodes: 3}
	for name, c := range map[string]struct {
		have storage.Authenticators
		amr  []string
		need authz.ACR
		want []authn.Method
	}{
		"everything":               {all, []string{"pwd"}, authz.ACRMultiFactor, []authn.Method{authn.MethodPasskey, authn.MethodTOTP, authn.MethodRecovery}},
		"phishing-resistant":       {all, []string{"pwd"}, authz.ACRPhishingResistant, []authn.Method{authn.MethodPasskey}},
		"beside a link":            {all, []string{"mail"}, authz.ACRMultiFactor, []authn.Method{authn.MethodPasskey}},
		"a class of another house": {all, []string{"pwd"}, "urn:other", nil},
		"nothing":                  {storage.Authenticators{RecoveryCodes: 3}, []string{"pwd"}, authz.ACRMultiFactor, nil},
	} {
		if got := authn.Reaches(c.have, c.amr, c.need); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
