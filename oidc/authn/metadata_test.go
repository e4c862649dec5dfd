package authn_test

import (
	"encoding/base64"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse/gatehouse/oidc/authn"
)

const emptyMetadata = `{"legalHeader":"","no":1,"nextUpdate":"2026-12-01","entries":[]}`

func writeMetadata(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "metadata")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadMetadata(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"payload":         {emptyMetadata, true},
		"BLOB":            {"e30." + base64.RawURLEncoding.EncodeToString([]byte(emptyMetadata)) + ".c2ln\n", true},
		"nothing":         {"", false},
		"not JSON":        {"hello", false},
		"broken BLOB":     {"e30.!!.c2ln", false},
		"without a date":  {`{"entries":[]}`, false},
		"another payload": {"e30." + base64.RawURLEncoding.EncodeToString([]byte("[]")) + ".c2ln", false},
	} {
		if m, err := authn.ReadMetadata(writeMetadata(t, c.text)); (err == nil) != c.good || (m != nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := authn.ReadMetadata("/nonexistent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Where there is metadata, a model that it does not know is not accepted, whatever
// the authenticator says of itself.
func TestPasskey_MetadataMustKnowTheModel(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	d := newDevice()
	n.w.Exec(`insert into platform.attestation_policies (tenant_id, aaguids) values ($1, array[$2::uuid])`, n.tenant, d.Aaguid)
	metadata, err := authn.ReadMetadata(writeMetadata(t, emptyMetadata))
	if err != nil {
		t.Fatal(err)
	}
	n.there, err = authn.NewPasskeys(authn.PasskeyConfig{
		Issuer: &url.URL{Scheme: "https", Host: "id.example.com"}, Metadata: metadata, Secret: secret, Store: n.s, Now: n.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.register(n.ann, d); !errors.Is(err, authn.ErrPasskey) {
		t.Errorf("a model on the list that the metadata does not know: %v", err)
	}
	// Where no tenant asks, any is taken.
	n.w.Exec(`delete from platform.attestation_policies`)
	if _, err := n.register(n.ann, d); err != nil {
		t.Errorf("without a policy: %v", err)
	}
}

func FuzzReadMetadata(f *testing.F) {
	for _, seed := range []string{emptyMetadata, "", "a.b.c", "e30.e30.", `{"entries":[{}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := authn.ReadMetadata(writeMetadata(t, text)); (m == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", text, m, err)
		}
	})
}
