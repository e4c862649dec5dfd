package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// strongSecret is random enough for the judge; no deployment uses it.
const strongSecret = "hX9vQm2TtR7pLc4WzYb8Kd1NfGs6Ju3E"

// load runs Load with flags as they would be typed and a file of the content.
func load(t *testing.T, file string, args []string, environ ...string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	if file != "" {
		path := filepath.Join(dir, FileName)
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		environ = append(environ, "GATEHOUSE_CONFIG="+path)
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	AddServeFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Load(flags, append(environ, "HOME="+dir))
}

func mustLoad(t *testing.T, file string, args []string, environ ...string) *Config {
	t.Helper()
	c, err := load(t, file, args, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad_Defaults(t *testing.T) {
	c := mustLoad(t, "", nil)
	want := Config{
		Env: Development, Issuer: "http://localhost:8080", Listen: "localhost:8080", AdminListen: "127.0.0.1:9090",
		DataDir: c.DataDir, LogFormat: LogText, SMTPTLS: "starttls", MailLanguage: "en", ClientDocuments: true, ClientRegistration: "off", UnusedClientLifetime: 30 * 24 * time.Hour,
		AccessTokenLifetime: 10 * time.Minute, CodeLifetime: time.Minute, TraceSampleRatio: 0.1,
		RefreshIdleLifetime: 14 * 24 * time.Hour, RefreshAbsoluteLifetime: 90 * 24 * time.Hour, RefreshGrace: 10 * time.Second,
		SessionIdleLifetime: 30 * time.Minute, SessionAbsoluteLifetime: 12 * time.Hour,
		RememberedIdleLifetime: 14 * 24 * time.Hour, RememberedAbsoluteLifetime: 30 * 24 * time.Hour,
	}
	if diff := cmp.Diff(want, *c, cmp.AllowUnexported(Secret{})); diff != "" {
		t.Error(diff)
	}
	if c.DataDir == "" {
		t.Error("no data directory")
	}
	if err := c.Validate(); err != nil {
		t.Errorf("the defaults of development do not stand: %v", err)
	}
}

func TestLoad_ProductionHasOtherDefaults(t *testing.T) {
	c := mustLoad(t, "", nil, "GATEHOUSE_ENV=production")
	if c.Listen != ":8080" || c.Issuer != "" || c.LogFormat != LogJSON {
		t.Errorf("listen %q, issuer %q, log %q", c.Listen, c.Issuer, c.LogFormat)
	}
}

func TestLoad_Precedence(t *testing.T) {
	const file = "listen: \"file:1\"\nadmin_listen: \"file:2\"\nlog_level: warn\ndatabase_url: postgres://file/d\n"
	for name, c := range map[string]struct {
		args    []string
		environ []string
		listen  string
		url     string
	}{
		"file over default":             {nil, nil, "file:1", "postgres://file/d"},
		"environment over file":         {nil, []string{"GATEHOUSE_LISTEN=env:1", "GATEHOUSE_DATABASE_URL=postgres://env/d"}, "env:1", "postgres://env/d"},
		"flag over environment":         {[]string{"--listen", "flag:1"}, []string{"GATEHOUSE_LISTEN=env:1"}, "flag:1", "postgres://file/d"},
		"plain name over file":          {nil, []string{"DATABASE_URL=postgres://plain/d"}, "file:1", "postgres://plain/d"},
		"own name over plain name":      {nil, []string{"DATABASE_URL=postgres://plain/d", "GATEHOUSE_DATABASE_URL=postgres://env/d"}, "file:1", "postgres://env/d"},
		"a variable of nothing is none": {nil, []string{"GATEHOUSE_LISTEN=", "DATABASE_URL="}, "file:1", "postgres://file/d"},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustLoad(t, file, c.args, c.environ...)
			if got.Listen != c.listen || got.DatabaseURL.Reveal() != c.url {
				t.Errorf("listen %q, database %q", got.Listen, got.DatabaseURL.Reveal())
			}
			if got.AdminListen != "file:2" || got.LogLevel.String() != "WARN" {
				t.Errorf("what only the file has was lost: %q, %v", got.AdminListen, got.LogLevel)
			}
		})
	}
}

func TestLoad_Forms(t *testing.T) {
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")}
	listed := mustLoad(t, "trusted_proxies: [10.1.2.3/8, 192.0.2.7, \"2001:db8::/32\"]\nrefresh_grace: 0s\ncode_lifetime: 90s\nsession_absolute_lifetime: 2d\n", nil)
	joined := mustLoad(t, "", nil, "GATEHOUSE_TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.7,2001:db8::/32")
	for _, c := range []*Config{listed, joined} {
		if diff := cmp.Diff(want, c.TrustedProxies, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	}
	if listed.RefreshGrace != 0 || listed.CodeLifetime != 90*time.Second || listed.SessionAbsoluteLifetime != 48*time.Hour {
		t.Errorf("durations: %v %v %v", listed.RefreshGrace, listed.CodeLifetime, listed.SessionAbsoluteLifetime)
	}
	if got := mustLoad(t, "", []string{"--listen", "localhost:9123"}).Issuer; got != "http://localhost:9123" {
		t.Errorf("issuer of a development server on port 9123: %q", got)
	}
}

func TestLoad_Refusals(t *testing.T) {
	for name, c := range map[string]struct {
		file, want string
		args       []string
		environ    []string
	}{
		"unknown key":           {file: "isuer: x\n", want: "isuer in "},
		"unknown key, the near": {file: "isuer: x\n", want: "did you mean issuer?"},
		"nested key":            {file: "session:\n  idle: 3m\n", want: "session.idle in "},
		"unknown variable":      {environ: []string{"GATEHOUSE_DATABSE_URL=x"}, want: "did you mean GATEHOUSE_DATABASE_URL?"},
		"variable in small":     {environ: []string{"GATEHOUSE_listen=x"}, want: "GATEHOUSE_listen is not a setting"},
		"duration":              {environ: []string{"GATEHOUSE_CODE_LIFETIME=60"}, want: "GATEHOUSE_CODE_LIFETIME: \"60\" is not a duration"},
		"network":               {args: []string{"--trusted-proxies", "10.0.0.0/99"}, want: "--trusted-proxies: \"10.0.0.0/99\" is not a network"},
		"environment":           {environ: []string{"GATEHOUSE_ENV=prod"}, want: "neither development nor production"},
		"log format":            {file: "log_format: xml\n", want: "log_format in "},
		"no such file":          {environ: []string{"GATEHOUSE_CONFIG=/nonexistent/gatehouse.yaml"}, want: "no such file"},
		"no such secret file":   {environ: []string{"GATEHOUSE_SECRET_FILE=/nonexistent/secret"}, want: "secret_file: open /nonexistent/secret"},
		"two secrets":           {environ: []string{"GATEHOUSE_SECRET_FILE=/dev/null", "GATEHOUSE_SECRET=x"}, want: "secret and secret_file are both set"},
		"empty secret file":     {environ: []string{"GATEHOUSE_SECRET_FILE=/dev/null"}, want: "/dev/null is empty"},
		"not YAML":              {file: "issuer: [", want: "is not valid YAML (line 1)"},
		"not a mapping":         {file: strongSecret, want: "is not valid YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.file, c.args, c.environ...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q in it", err, c.want)
			}
			if strings.Contains(err.Error(), strongSecret[:6]) {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
}

func TestLoad_NamesEveryProblemAtOnce(t *testing.T) {
	_, err := load(t, "isuer: x\n", nil, "GATEHOUSE_LISTN=y", "GATEHOUSE_CODE_LIFETIME=soon")
	for _, want := range []string{"3 problems", "isuer", "GATEHOUSE_LISTN", "GATEHOUSE_CODE_LIFETIME"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestLoad_ForeignVariables(t *testing.T) {
	mustLoad(t, "", nil, "GATEHOUSE_SERVICE_HOST=10.0.0.1", "GATEHOUSE_SERVICE_PORT_HTTP=80", "GATEHOUSE_PORT=tcp://10.0.0.1:80",
		"GATEHOUSE_PORT_8080_TCP_ADDR=10.0.0.1", "GATEHOUSE_TEST_DATABASE_URL=postgres://x/y")
}

func TestLoad_SecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(strongSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mustLoad(t, "", nil, "GATEHOUSE_SECRET_FILE="+path).Secret.Reveal(); got != strongSecret {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"14d", "10m", "-1d", "1.5d", "99999999d", "d", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDuration(s); err == nil && strings.HasSuffix(s, "d") && (d < 0 || d%(24*time.Hour) != 0) {
			t.Errorf("%q became %v", s, d)
		}
	})
}

func FuzzParsePrefixes(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8,::1", " , ", "fe80::1%eth0", "::ffff:10.0.0.1/104"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		networks, err := parsePrefixes(s)
		for _, n := range networks {
			if err == nil && (!n.IsValid() || n != n.Masked()) {
				t.Errorf("%q became %v", s, n)
			}
		}
	})
}
