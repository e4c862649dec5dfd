package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// maker makes authenticators: each vouches for its keys by a certificate of the maker's.
type maker struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	m := &maker{t: t, key: newP256(t)}
	m.root = m.certificate(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Maker's root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, m.key)
	return m
}

func newP256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (m *maker) certificate(what *x509.Certificate, of *ecdsa.PrivateKey) *x509.Certificate {
	m.t.Helper()
	what.SerialNumber, what.NotBefore, what.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	by := m.root
	if by == nil {
		by = what
	}
	der, err := x509.CreateCertificate(rand.Reader, what, by, of.Public(), m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// vouches replaces what an authenticator says of itself by an attestation of the maker's
// (WebAuthn L3 §8.2, packed with x5c).
func (m *maker) vouches(response string) string {
	m.t.Helper()
	fail := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	var answer map[string]any
	fail(json.Unmarshal([]byte(response), &answer))
	inner := answer["response"].(map[string]any)
	raw, err := base64.RawURLEncoding.DecodeString(inner["attestationObject"].(string))
	fail(err)
	var object struct {
		AuthData []byte `cbor:"authData"`
	}
	fail(cbor.Unmarshal(raw, &object))
	clientData, err := base64.RawURLEncoding.DecodeString(inner["clientDataJSON"].(string))
	fail(err)

	key := newP256(m.t)
	leaf := m.certificate(&x509.Certificate{
		Subject:               pkix.Name{Country: []string{"SE"}, Organization: []string{"Maker"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Model"},
		BasicConstraintsValid: true,
	}, key)
	hash := sha256.Sum256(clientData)
	digest := sha256.Sum256(append(object.AuthData, hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	fail(err)
	raw, err = cbor.Marshal(map[string]any{
		"fmt": "packed", "authData": object.AuthData, "attStmt": map[string]any{"alg": -7, "sig": signature, "x5c": [][]byte{leaf.Raw}},
	})
	fail(err)
	inner["attestationObject"] = base64.RawURLEncoding.EncodeToString(raw)
	document, err := json.Marshal(answer)
	fail(err)
	return string(document)
}

// metadata is the file of the FIDO Metadata Service that knows one model of the maker's.
func (m *maker) metadata(model uuid.UUID, status string) string {
	return fmt.Sprintf(`{"legalHeader": "", "no": 1, "nextUpdate": "2026-12-01", "entries": [{
		"aaguid": %[1]q, "timeOfLastStatusChange": "2026-01-01", "statusReports": [{"status": %[3]q, "effectiveDate": "2026-01-01"}],
		"metadataStatement": {"legalHeader": "", "aaguid": %[1]q, "description": "Model", "authenticatorVersion": 1, "protocolFamily": "fido2", "schema": 3,
			"upv": [{"major": 1, "minor": 0}], "authenticationAlgorithms": ["secp256r1_ecdsa_sha256_raw"], "publicKeyAlgAndEncodings": ["cose"],
			"attestationTypes": ["basic_full"], "userVerificationDetails": [[{"userVerificationMethod": "presence_internal"}]],
			"keyProtection": ["hardware"], "matcherProtection": ["on_chip"], "attachmentHint": ["internal"], "tcDisplay": [],
			"attestationRootCertificates": [%[2]q]}}]}`,
		model, base64.StdEncoding.EncodeToString(m.root.Raw), status)
}

// Where a tenant asks for a model and there is metadata, it is the maker's signature that
// counts: not what an authenticator says of itself, nor another maker's, nor a model that is
// known to be broken.
func TestPasskey_MetadataVouches(t *testing.T) {
	t.Parallel()
	mine, another := newMaker(t), newMaker(t)
	for name, tt := range map[string]struct {
		status string
		vouch  func(response string) string
		good   bool
	}{
		"by its maker":           {"FIDO_CERTIFIED", mine.vouches, true},
		"by itself":              {"FIDO_CERTIFIED", func(response string) string { return response }, false},
		"by another maker":       {"FIDO_CERTIFIED", another.vouches, false},
		"a model that is broken": {"ATTESTATION_KEY_COMPROMISE", mine.vouches, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, d := newTown(t), newDevice()
			n.w.Exec(`insert into platform.attestation_policies (tenant_id, aaguids) values ($1, array[$2::uuid])`, n.tenant, d.Aaguid)
			known, err := authn.ReadMetadata(writeMetadata(t, mine.metadata(uuid.UUID(d.Aaguid), tt.status)))
			if err != nil {
				t.Fatal(err)
			}
			n.there, err = authn.NewPasskeys(authn.PasskeyConfig{
				Issuer: &url.URL{Scheme: "https", Host: "id.example.com"}, Metadata: known, Secret: secret, Store: n.s, Now: n.now,
			})
			if err != nil {
				t.Fatal(err)
			}
			n.here = n.there
			c, options := n.begin(n.ann)
			var asked struct{ Attestation string }
			if err := json.Unmarshal(c.Options, &asked); err != nil || asked.Attestation != "direct" {
				t.Errorf("the browser is asked for %q attestation, %v", asked.Attestation, err)
			}
			d.Options.UserHandle = []byte(options.UserID)
			response := tt.vouch(virtualwebauthn.CreateAttestationResponse(home, d.Authenticator, d.key, options))
			var made storage.Passkey
			made, err = n.there.Register(t.Context(), n.ann, authn.Answer{Browser: browser, State: c.State, Response: response}, "", event())
			if tt.good && (err != nil || made.AAGUID != d.Aaguid) {
				t.Errorf("refused: %v", err)
			}
			if !tt.good && !errors.Is(err, authn.ErrPasskey) {
				t.Errorf("taken: %v", err)
			}
		})
	}
}
