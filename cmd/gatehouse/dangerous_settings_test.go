package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

const goodSecret = "GATEHOUSE_SECRET=9f86d081884c7d659a2feaa0c55ad015-b822cd15d6c15b0f00a08"

// TestP5_DangerousSettingsDoNotStart starts the program once with each setting that would
// endanger those who sign in: it says what is wrong, exits, and has made nothing.
func TestP5_DangerousSettingsDoNotStart(t *testing.T) {
	t.Parallel()
	production := []string{"GATEHOUSE_ENV=production", "GATEHOUSE_ISSUER=https://id.example.com", "GATEHOUSE_DATABASE_URL=postgres://db.invalid/gatehouse", goodSecret}
	for name, c := range map[string]struct {
		set  string
		want string
		code int
		args []string
	}{
		"no secret":                     {"GATEHOUSE_SECRET=", "GATEHOUSE_SECRET_FILE", exitFailure, nil},
		"a short secret":                {"GATEHOUSE_SECRET=" + strings.TrimPrefix(goodSecret, "GATEHOUSE_SECRET=")[:31], "has 31 bytes and needs at least 32", exitFailure, nil},
		"a secret from documentation":   {"GATEHOUSE_SECRET=some-cool-secret-that-is-32bytes", "openssl rand -base64 32", exitFailure, nil},
		"a secret that is a default":    {"GATEHOUSE_SECRET=changeme-changeme-changeme-12345", "openssl rand -base64 32", exitFailure, nil},
		"a secret of one letter":        {"GATEHOUSE_SECRET=" + strings.Repeat("a", 40), "openssl rand -base64 32", exitFailure, nil},
		"the secret as an argument":     {"", "unknown flag", exitUsage, []string{"--secret", "x"}},
		"no issuer":                     {"GATEHOUSE_ISSUER=", "set GATEHOUSE_ISSUER", exitFailure, nil},
		"an issuer without TLS":         {"GATEHOUSE_ISSUER=http://id.example.com", "production needs https", exitFailure, nil},
		"an issuer on localhost":        {"GATEHOUSE_ISSUER=http://localhost:8080", "production needs https", exitFailure, nil},
		"the private database":          {"GATEHOUSE_DATABASE_URL=", "production needs a database of its own", exitFailure, nil},
		"metrics for the public":        {"GATEHOUSE_ADMIN_LISTEN=:8080", "same address", exitFailure, nil},
		"half a certificate":            {"GATEHOUSE_TLS_CERT_FILE=/dev/null", "go together", exitFailure, nil},
		"a certificate that is away":    {"GATEHOUSE_TLS_CERT_FILE=/nonexistent\nGATEHOUSE_TLS_KEY_FILE=/nonexistent", "no such file", exitFailure, nil},
		"everybody is a proxy":          {"GATEHOUSE_TRUSTED_PROXIES=0.0.0.0/0", "everybody", exitFailure, nil},
		"certificates from anybody":     {"GATEHOUSE_CLIENT_CERTIFICATE_HEADER=Client-Cert", "needs trusted_proxies", exitFailure, nil},
		"certificates without TLS":      {"GATEHOUSE_MTLS_LISTEN=:8443\nGATEHOUSE_MTLS_URL=https://mtls.example.com", "needs tls_cert_file", exitFailure, nil},
		"outbound to anywhere":          {"GATEHOUSE_INSECURE_OUTBOUND=true", "insecure_outbound is for development", exitFailure, nil},
		"mail in the clear":             {"GATEHOUSE_SMTP_ADDRESS=mail.example.com:25\nGATEHOUSE_SMTP_TLS=none", "smtp_tls", exitFailure, nil},
		"tokens that outlive their key": {"GATEHOUSE_ACCESS_TOKEN_LIFETIME=24h", "access_token_lifetime", exitFailure, nil},
		"the demo application":          {"", "--demo is for development", exitFailure, []string{"--demo"}},
		"a setting that is misspelt":    {"GATEHOUSE_TRUSTED_PROXY=10.0.0.0/8", "did you mean GATEHOUSE_TRUSTED_PROXIES?", exitFailure, nil},
	} {
		t.Run(name, func(t *testing.T) {
			environ := slices.DeleteFunc(slices.Clone(production), func(pair string) bool {
				key, _, _ := strings.Cut(pair, "=")
				return c.set == key+"="
			})
			h := newHost(t, append(environ, strings.Split(c.set, "\n")...)...)
			h.fails(c.code, c.want, append([]string{"serve"}, c.args...)...)
			if made, err := os.ReadDir(h.dataDir()); err == nil && len(made) > 0 {
				t.Errorf("it left %s behind", made[0].Name())
			}
		})
	}
}

// A secret that others on the machine can read is none.
func TestP5_SecretThatOthersReadDoesNotStart(t *testing.T) {
	t.Parallel()
	h := newHost(t, "GATEHOUSE_DATABASE_URL="+storagetest.NewDSN(t))
	if err := os.WriteFile(filepath.Join(h.dataDir(), "secret"), []byte(strings.Repeat("x9", 20)), 0o644); err != nil {
		t.Fatal(err)
	}
	h.fails(exitFailure, "secret", "serve")
}

// TestP5_SaysWhatIsInsecure: what may be right behind a proxy or in a container is started,
// and named in the log.
func TestP5_SaysWhatIsInsecure(t *testing.T) {
	t.Parallel()
	h := newHost(t, "GATEHOUSE_ENV=production", "GATEHOUSE_ISSUER=https://id.example.com", "GATEHOUSE_DATABASE_URL="+storagetest.NewDSN(t), goodSecret,
		"GATEHOUSE_LISTEN=:0", "GATEHOUSE_ADMIN_LISTEN=:0", "GATEHOUSE_DRAIN_TIME=0s")
	ctx, stop := context.WithCancel(t.Context())
	said := &screen{ready: stop}
	code := run(ctx, []string{"serve"}, &invocation{in: strings.NewReader(""), out: io.Discard, errs: said, environ: h.environ, now: time.Now, format: output.Table})
	for _, want := range []string{"Gatehouse is ready", "passwords and tokens arrive in the clear", "admin_listen can read this server's memory"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q was not said:\n%s", want, said.String())
		}
	}
	if code != exitOK {
		t.Errorf("exit %d", code)
	}
}
