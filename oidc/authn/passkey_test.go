package authn_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const browser = "cookie of a browser"

var secret = []byte("a master secret of thirty-two by")

var start = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// town is a deployment of two replicas, with ann and bob in it.
type town struct {
	*testing.T
	w        *storagetest.World
	s        *postgres.Store
	tenant   authz.TenantID
	ann, bob storage.User
	here     *authn.Passkeys
	there    *authn.Passkeys
	clock    atomic.Int64
}

func (t *town) now() time.Time { return start.Add(time.Duration(t.clock.Load())) }

func newTown(t *testing.T) *town {
	t.Helper()
	dsn := storagetest.NewDSN(t)
	n := &town{T: t, w: storagetest.NewWorld(t, dsn), s: storagetest.Open(t, dsn, postgres.Options{MaxConns: 8})}
	n.tenant = n.w.Tenant("acme")
	n.ann, n.bob = n.person("ann"), n.person("bob")
	n.here, n.there = n.passkeys(), n.passkeys()
	return n
}

func (t *town) passkeys() *authn.Passkeys {
	t.Helper()
	p, err := authn.NewPasskeys(authn.PasskeyConfig{
		Issuer: &url.URL{Scheme: "https", Host: "id.example.com"}, RelatedOrigins: []string{"https://id.example.org"}, Secret: secret, Store: t.s, Now: t.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (t *town) person(name string) storage.User {
	t.Helper()
	u, err := t.s.ForUser(t.w.User(name, authz.RoleUser, "$argon2id$", t.tenant)).User(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

var home = virtualwebauthn.RelyingParty{ID: "id.example.com", Name: "Gatehouse", Origin: "https://id.example.com"}

// device is an authenticator with one passkey in it.
type device struct {
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

func newDevice() *device {
	return &device{virtualwebauthn.NewAuthenticator(), newKey()}
}

func event() storage.AuditEvent {
	return storage.AuditEvent{ID: authz.RandomID[authz.AuditID](), At: start, Actor: "test", Action: "passkey.add"}
}

func (t *town) begin(user storage.User) (authn.Ceremony, virtualwebauthn.AttestationOptions) {
	t.Helper()
	c, err := t.here.BeginRegistration(t.Context(), user, browser, false)
	if err != nil {
		t.Fatal(err)
	}
	options, err := virtualwebauthn.ParseAttestationOptions(string(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	return c, *options
}

// register puts a passkey of a user on a device.
func (t *town) register(user storage.User, d *device) (storage.Passkey, error) {
	t.Helper()
	c, options := t.begin(user)
	d.Options.UserHandle = []byte(options.UserID)
	response := virtualwebauthn.CreateAttestationResponse(home, d.Authenticator, d.key, options)
	return t.there.Register(t.Context(), user, authn.Answer{Browser: browser, State: c.State, Response: response}, "", event())
}

func (t *town) registered(user storage.User) *device {
	t.Helper()
	d := newDevice()
	if _, err := t.register(user, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// question is one that a sign-in page asks.
func (t *town) question() (authn.Ceremony, virtualwebauthn.AssertionOptions) {
	t.Helper()
	c, err := t.here.BeginSignIn(browser)
	if err != nil {
		t.Fatal(err)
	}
	return c, t.options(c)
}

func (t *town) options(c authn.Ceremony) virtualwebauthn.AssertionOptions {
	t.Helper()
	options, err := virtualwebauthn.ParseAssertionOptions(string(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	return *options
}

func (d *device) answer(c authn.Ceremony, options virtualwebauthn.AssertionOptions) authn.Answer {
	return authn.Answer{Browser: browser, State: c.State, Response: virtualwebauthn.CreateAssertionResponse(home, d.Authenticator, d.key, options)}
}

func (t *town) signIn(d *device) (authn.Proof, error) {
	t.Helper()
	c, options := t.question()
	return t.there.SignIn(t.Context(), d.answer(c, options))
}

func TestPasskey_RegisterAndSignIn(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	for _, c := range []struct {
		synced bool
		want   string
	}{{false, "hwk user mfa"}, {true, "swk user mfa"}} {
		d := newDevice()
		d.Options.BackupEligible, d.Options.BackupState = c.synced, c.synced
		made, err := n.register(n.ann, d)
		if err != nil {
			t.Fatal(err)
		}
		if made.BackupEligible != c.synced || made.Name == "" {
			t.Errorf("registered as %+v", made)
		}
		n.clock.Add(int64(time.Minute))
		proof, err := n.signIn(d)
		if err != nil {
			t.Fatal(err)
		}
		if proof.User != n.ann.ID || proof.ACR != authz.ACRPhishingResistant || strings.Join(proof.AMR, " ") != c.want || !proof.AuthTime.Equal(n.now()) {
			t.Errorf("the proof is %+v", proof)
		}
	}
	have, err := n.s.ForUser(n.ann.ID).Authenticators(t.Context())
	if err != nil || len(have.Passkeys) != 2 || have.Passkeys[0].LastUsedAt.IsZero() || have.Passkeys[0].Name == have.Passkeys[1].Name {
		t.Errorf("%+v, %v", have.Passkeys, err)
	}
}

func TestPasskey_OptionsAskForWhatIsNeeded(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	c, _ := n.begin(n.ann)
	for _, want := range []string{`"residentKey":"required"`, `"userVerification":"required"`, `"attestation":"none"`, `"id":"id.example.com"`} {
		if !strings.Contains(string(c.Options), want) {
			t.Errorf("a registration does not ask for %s: %s", want, c.Options)
		}
	}
	in, _ := n.question()
	if !strings.Contains(string(in.Options), `"userVerification":"required"`) {
		t.Errorf("a sign-in does not ask for the verification of the user: %s", in.Options)
	}
	if p, err := authn.NewPasskeys(authn.PasskeyConfig{Issuer: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"}, Secret: secret}); p != nil || err != nil {
		t.Errorf("passkeys for an IP address: %v, %v", p, err)
	}
}

func TestJ1_ChallengeIsSpentOnce(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	d := n.registered(n.ann)
	replicas := []*authn.Passkeys{n.here, n.there, n.passkeys()}
	for range webtest.Rounds(t, 3) {
		c, options := n.question()
		answer := d.answer(c, options)
		var group sync.WaitGroup
		var won, lost atomic.Int32
		for i := range 100 {
			group.Go(func() {
				switch _, err := replicas[i%3].SignIn(t.Context(), answer); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, authn.ErrExpired):
					lost.Add(1)
				default:
					t.Errorf("replay: %v", err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 || lost.Load() != 99 {
			t.Errorf("one answer was accepted %d times", won.Load())
		}
	}
	registration, made := n.begin(n.bob)
	again := newDevice()
	again.Options.UserHandle = []byte(made.UserID)
	for i, want := range []error{nil, authn.ErrExpired} {
		again.key = newKey()
		response := virtualwebauthn.CreateAttestationResponse(home, again.Authenticator, again.key, made)
		_, err := n.here.Register(t.Context(), n.bob, authn.Answer{Browser: browser, State: registration.State, Response: response}, "", event())
		if !errors.Is(err, want) {
			t.Errorf("registration %d with one challenge: %v", i+1, err)
		}
	}
}

// Nothing is written for anybody whose answer is not right.
func TestJ1_StrangersLeaveNoRow(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	n.registered(n.ann)
	n.w.Exec(`delete from platform.consumed_ids`)
	for range 3 {
		if _, err := n.signIn(newDevice()); !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("a passkey that nobody registered: %v", err)
		}
	}
	if left := n.w.Text(`select * from platform.consumed_ids`); left != "" {
		t.Errorf("a stranger left %s", left)
	}
}

func TestJ1_ChallengeIsOfThisBrowserAndMoment(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	d := n.registered(n.ann)
	c, options := n.question()
	other := d.answer(c, options)
	other.Browser = "another browser"
	changed := d.answer(c, options)
	changed.State = changed.State[:len(changed.State)-4] + "AAAA"
	registration, _ := n.begin(n.ann)
	mixed := d.answer(registration, options)
	for name, answer := range map[string]authn.Answer{"of another browser": other, "with another state": changed, "to a registration": mixed, "without state": {Browser: browser, Response: other.Response}} {
		if _, err := n.here.SignIn(t.Context(), answer); !errors.Is(err, authn.ErrExpired) {
			t.Errorf("an answer %s: %v", name, err)
		}
	}
	n.clock.Add(int64(5*time.Minute + time.Second))
	if _, err := n.here.SignIn(t.Context(), d.answer(c, options)); !errors.Is(err, authn.ErrExpired) {
		t.Errorf("an answer after five minutes: %v", err)
	}
}

// again changes the client data of an answer and signs it anew, as an
// authenticator in the hands of an attacker could.
func (d *device) again(t *testing.T, a authn.Answer, change func(clientData map[string]any)) authn.Answer {
	t.Helper()
	var credential struct {
		Type     string            `json:"type"`
		ID       string            `json:"id"`
		RawID    string            `json:"rawId"`
		Response map[string]string `json:"response"`
	}
	var clientData map[string]any
	if err := json.Unmarshal([]byte(a.Response), &credential); err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(credential.Response["clientDataJSON"])
	if err := json.Unmarshal(raw, &clientData); err != nil {
		t.Fatal(err)
	}
	change(clientData)
	raw, _ = json.Marshal(clientData)
	hash := sha256.Sum256(raw)
	data, _ := base64.RawURLEncoding.DecodeString(credential.Response["authenticatorData"])
	digest := sha256.Sum256(append(data, hash[:]...))
	signature, err := d.key.Key.Sign(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	credential.Response["clientDataJSON"] = base64.RawURLEncoding.EncodeToString(raw)
	credential.Response["signature"] = base64.RawURLEncoding.EncodeToString(signature)
	document, _ := json.Marshal(credential)
	a.Response = string(document)
	return a
}

func TestJ2_AnswerMadeElsewhere(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	d := n.registered(n.ann)
	for name, rp := range map[string]virtualwebauthn.RelyingParty{
		"another origin":        {ID: home.ID, Origin: "https://evil.example.com"},
		"another port":          {ID: home.ID, Origin: "https://id.example.com:8443"},
		"another scheme":        {ID: home.ID, Origin: "http://id.example.com"},
		"an origin behind ours": {ID: home.ID, Origin: "https://id.example.com.evil.example"},
		"no origin":             {ID: home.ID},
		"another relying party": {ID: "evil.example.com", Origin: home.Origin},
		"the parent domain":     {ID: "example.com", Origin: home.Origin},
	} {
		c, options := n.question()
		a := authn.Answer{Browser: browser, State: c.State, Response: virtualwebauthn.CreateAssertionResponse(rp, d.Authenticator, d.key, options)}
		if _, err := n.here.SignIn(t.Context(), a); !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("%s: %v", name, err)
		}
		made, creation := n.begin(n.ann)
		fresh := newDevice()
		a = authn.Answer{Browser: browser, State: made.State, Response: virtualwebauthn.CreateAttestationResponse(rp, fresh.Authenticator, fresh.key, creation)}
		if _, err := n.here.Register(t.Context(), n.ann, a, "", event()); !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("registration, %s: %v", name, err)
		}
	}
	for name, change := range map[string]func(map[string]any){
		"of another type":         func(c map[string]any) { c["type"] = "webauthn.create" },
		"of a frame elsewhere":    func(c map[string]any) { c["crossOrigin"] = true },
		"with a top origin":       func(c map[string]any) { c["topOrigin"] = home.Origin },
		"with another challenge":  func(c map[string]any) { c["challenge"] = base64.RawURLEncoding.EncodeToString(make([]byte, 32)) },
		"without a challenge":     func(c map[string]any) { delete(c, "challenge") },
		"with a padded challenge": func(c map[string]any) { c["challenge"] = c["challenge"].(string) + "=" },
	} {
		c, options := n.question()
		if _, err := n.here.SignIn(t.Context(), d.again(t, d.answer(c, options), change)); !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("an answer %s: %v", name, err)
		}
	}
	// What was changed was the cause: unchanged, the same is accepted, and from a related origin too.
	for _, origin := range []string{home.Origin, "https://id.example.org"} {
		c, options := n.question()
		if _, err := n.here.SignIn(t.Context(), d.again(t, d.answer(c, options), func(c map[string]any) { c["origin"] = origin })); err != nil {
			t.Errorf("from %s: %v", origin, err)
		}
	}
}

func TestJ3_UserMustBePresentAndVerified(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	d := n.registered(n.ann)
	for name, o := range map[string]virtualwebauthn.AuthenticatorOptions{
		"not verified": {UserNotVerified: true}, "not present": {UserNotPresent: true}, "neither": {UserNotPresent: true, UserNotVerified: true},
	} {
		o.UserHandle = d.Options.UserHandle
		careless := &device{virtualwebauthn.Authenticator{Options: o, Aaguid: d.Aaguid}, d.key}
		if _, err := n.signIn(careless); !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("sign-in, user %s: %v", name, err)
		}
		fresh := newDevice()
		fresh.Options = o
		if _, err := n.register(n.ann, fresh); !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("registration, user %s: %v", name, err)
		}
	}
}

func TestJ4_PasskeyOfAnotherUser(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	ann, bob := n.registered(n.ann), n.registered(n.bob)
	swapped := *bob
	swapped.Options.UserHandle = ann.Options.UserHandle
	if _, err := n.signIn(&swapped); !errors.Is(err, authn.ErrPasskey) {
		t.Errorf("bob's key with ann's user handle: %v", err)
	}
	nameless := *bob
	nameless.Options.UserHandle = nil
	if _, err := n.signIn(&nameless); !errors.Is(err, authn.ErrPasskey) {
		t.Errorf("without a user handle: %v", err)
	}
	have, err := n.s.ForUser(n.ann.ID).Authenticators(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := n.here.BeginVerification(t.Context(), n.ann.ID, browser, have.Passkeys)
	if err != nil {
		t.Fatal(err)
	}
	options := n.options(c)
	for name, d := range map[string]*device{"bob's own": bob, "bob's with ann's handle": &swapped} {
		if _, err := n.here.SignIn(t.Context(), d.answer(c, options)); !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("ann was asked, and %s answered: %v", name, err)
		}
	}
	forged := *ann
	forged.key.Key = bob.key.Key
	if _, err := n.here.SignIn(t.Context(), forged.answer(c, options)); !errors.Is(err, authn.ErrPasskey) {
		t.Errorf("ann's credential, signed by bob's key: %v", err)
	}
	if proof, err := n.here.SignIn(t.Context(), ann.answer(c, options)); err != nil || proof.User != n.ann.ID {
		t.Errorf("ann was asked and answered: %+v, %v", proof, err)
	}
}

func TestJ5_PasskeyThatIsRegisteredAlready(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	d := n.registered(n.ann)
	if _, err := n.register(n.bob, d); !errors.Is(err, authn.ErrPasskeyExists) {
		t.Errorf("ann's credential, registered by bob: %v", err)
	}
	c, _ := n.begin(n.ann)
	if id := base64.RawURLEncoding.EncodeToString(d.key.ID); !strings.Contains(string(c.Options), id) {
		t.Error("ann's passkey is not among those to leave out")
	}
}

func TestJ6_CounterThatGoesBackIsFlagged(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	d := n.registered(n.ann)
	for _, step := range []struct {
		counter uint32
		right   bool
	}{{5, true}, {6, true}, {6, false}, {3, false}, {0, false}, {7, true}} {
		d.key.Counter = step.counter
		if _, err := n.signIn(d); (err == nil) != step.right || !step.right && !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("counter %d: %v", step.counter, err)
		}
	}
	have, err := n.s.ForUser(n.ann.ID).Authenticators(t.Context())
	if err != nil || have.Passkeys[0].SuspectAt.IsZero() || have.Passkeys[0].SignCount != 7 {
		t.Errorf("the passkey is %+v, %v", have.Passkeys, err)
	}
}

func TestJ7_BackupFlagsThatCannotBe(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	impossible := newDevice()
	impossible.Options.BackupState = true
	if _, err := n.register(n.ann, impossible); !errors.Is(err, authn.ErrPasskey) {
		t.Errorf("registered as backed up and not eligible: %v", err)
	}
	for _, eligible := range []bool{false, true} {
		d := newDevice()
		d.Options.BackupEligible = eligible
		if _, err := n.register(n.ann, d); err != nil {
			t.Fatal(err)
		}
		changed := *d
		changed.Options.BackupEligible = !eligible
		if _, err := n.signIn(&changed); !errors.Is(err, authn.ErrPasskey) {
			t.Errorf("eligibility changed from %v: %v", eligible, err)
		}
		d.Options.BackupState = true
		if _, err := n.signIn(d); (err == nil) != eligible {
			t.Errorf("backed up, eligible %v: %v", eligible, err)
		}
	}
}

func TestJ11_UserHandleSaysNothing(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	_, first := n.begin(n.ann)
	_, again := n.begin(n.ann)
	_, bob := n.begin(n.bob)
	handle := first.UserID
	if len(handle) != 64 || first.UserID != again.UserID || first.UserID == bob.UserID {
		t.Errorf("user handles %q, %q and %q", first.UserID, again.UserID, bob.UserID)
	}
	for _, known := range []string{"ann", n.ann.Email, string(n.ann.ID[:])} {
		if strings.Contains(handle, known) {
			t.Errorf("the user handle has %q in it", known)
		}
	}
	// A sign-in page names no credential, whoever looks.
	if c, options := n.question(); len(options.AllowCredentials) != 0 || strings.Contains(string(c.Options), "allowCredentials") {
		t.Errorf("the question is %s", c.Options)
	}
}

func TestI14_PasskeyOfADisabledAccount(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	d := n.registered(n.ann)
	n.w.Exec(`update platform.users set disabled_at = now() where id = $1`, n.ann.ID)
	if _, err := n.signIn(d); !errors.Is(err, authn.ErrPasskey) {
		t.Errorf("a disabled account's passkey: %v", err)
	}
}

func TestPasskey_TenantsAcceptSomeModels(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	good := newDevice()
	n.w.Exec(`insert into platform.attestation_policies (tenant_id, aaguids) values ($1, array[$2::uuid])`, n.tenant, good.Aaguid)
	if c, _ := n.begin(n.ann); !strings.Contains(string(c.Options), `"attestation":"direct"`) {
		t.Errorf("the model is not asked for: %s", c.Options)
	}
	if _, err := n.register(n.ann, newDevice()); !errors.Is(err, authn.ErrPasskeyModel) {
		t.Errorf("a model that is not on the list: %v", err)
	}
	if _, err := n.register(n.ann, good); err != nil {
		t.Errorf("a model that is on the list: %v", err)
	}
}

func TestPasskeyName(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"": "", "  My\tphone \n": "My phone", "a\x00b": "a b", "\xff": "", strings.Repeat("é", 80): strings.Repeat("é", 60), "<b>": "<b>",
	} {
		if got := authn.PasskeyName(given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
}

// newKey is a key whose coordinates have all of their 32 bytes: of one in a hundred
// the software authenticator leaves a leading zero out, and a real one never does.
func newKey() virtualwebauthn.Credential {
	const whole = 77 // bytes of a COSE key on P-256
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == whole {
			return key
		}
	}
}
