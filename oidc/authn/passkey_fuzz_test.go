package authn

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// fuzzed is a registration and a sign-in that wait for their answers, and what an
// honest authenticator would say to both.
type fuzzed struct {
	*Passkeys
	registration, signIn waiting
	made                 storage.Passkey
	user                 storage.User
	honest               [2]string
}

func newFuzzed(t testing.TB) fuzzed {
	t.Helper()
	p, err := NewPasskeys(PasskeyConfig{
		Issuer: &url.URL{Scheme: "https", Host: "id.example.com"}, Secret: make([]byte, 32), Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	f := fuzzed{Passkeys: p, user: storage.User{ID: authz.NewID[authz.UserID](time.Unix(1_800_000_000, 0)), Username: "ann"}}
	handle := make([]byte, 64)
	creation, session, err := p.open.BeginRegistration(account{user: f.user, handle: handle})
	if err != nil {
		t.Fatal(err)
	}
	f.registration = waiting{Session: *session, Register: true, User: f.user.ID}
	assertion, session, err := p.open.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		t.Fatal(err)
	}
	f.signIn = waiting{Session: *session}
	rp := virtualwebauthn.RelyingParty{ID: "id.example.com", Origin: "https://id.example.com"}
	device, key := virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: handle}), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	for len(key.Key.AttestationData()) != 77 { // of one in a hundred it leaves a leading zero out
		key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	f.honest[0] = virtualwebauthn.CreateAttestationResponse(rp, device, key, virtualwebauthn.AttestationOptions{Challenge: creation.Response.Challenge, RelyingPartyID: rp.ID})
	f.honest[1] = virtualwebauthn.CreateAssertionResponse(rp, device, key, virtualwebauthn.AssertionOptions{Challenge: assertion.Response.Challenge, RelyingPartyID: rp.ID})
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(f.honest[0]))
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.open.CreateCredential(account{user: f.user, handle: handle}, f.registration.Session, parsed)
	if err != nil {
		t.Fatal(err)
	}
	f.made = storage.Passkey{User: f.user.ID, CredentialID: c.ID, PublicKey: c.PublicKey}
	return f
}

func (f fuzzed) register(response string) error {
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(response))
	if err != nil {
		return refused(err)
	}
	if _, err = f.open.CreateCredential(account{user: f.user, handle: f.registration.Session.UserID}, f.registration.Session, parsed); err != nil {
		return refused(err)
	}
	return nil
}

func (f fuzzed) enter(response string) error {
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(response))
	if err != nil {
		return refused(err)
	}
	_, err = f.verify(postgres.PasskeyOwner{Passkey: f.made, User: f.user, Handle: make([]byte, 64)}, f.signIn, parsed)
	return err
}

// An answer is accepted or is ErrPasskey; it never ends the process, however its
// JSON, CBOR and COSE are broken.
func FuzzPasskeyAnswer(f *testing.F) {
	house := newFuzzed(f)
	for _, response := range house.honest {
		f.Add(response)
		f.Add(response[:len(response)/2])
		f.Add(strings.ReplaceAll(response, "A", "_"))
	}
	f.Add(`{"id":"` + strings.Repeat("AAAA", 6) + `","rawId":"` + strings.Repeat("AAAA", 6) + `","type":"public-key","response":{}}`)
	f.Fuzz(func(t *testing.T, response string) {
		for _, err := range []error{house.register(response), house.enter(response)} {
			if err != nil && !errors.Is(err, ErrPasskey) {
				t.Errorf("%q: %v", response, err)
			}
		}
	})
}

func TestJ8_MalformedAnswersAreRefused(t *testing.T) {
	t.Parallel()
	house := newFuzzed(t)
	if err := errors.Join(house.register(house.honest[0]), house.enter(house.honest[1])); err != nil {
		t.Fatalf("an honest answer: %v", err)
	}
	for i, try := range []func(string) error{house.register, house.enter} {
		honest := house.honest[i]
		// Each byte of the answer, broken in turn, and the answer cut short anywhere.
		for at := range len(honest) {
			broken := []byte(honest)
			broken[at] ^= 0x04
			if err := try(string(broken)); err != nil && !errors.Is(err, ErrPasskey) {
				t.Errorf("answer %d with byte %d changed: %v", i, at, err)
			}
			if err := try(honest[:at]); !errors.Is(err, ErrPasskey) {
				t.Errorf("answer %d cut at %d: %v", i, at, err)
			}
		}
	}
	deep := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\x81", 40<<10)))
	bomb := `{"id":"AAAAAAAAAAAAAAAAAAAAAA","rawId":"AAAAAAAAAAAAAAAAAAAAAA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"` + deep + `"}}`
	if err := house.register(bomb); !errors.Is(err, ErrPasskey) {
		t.Errorf("CBOR that is nested deeply: %v", err)
	}
	if _, err := house.verifyNew(house.user, nil, house.registration, strings.Repeat("x", maxResponse+1)); !errors.Is(err, ErrPasskey) {
		t.Errorf("an answer that is too long: %v", err)
	}
}
