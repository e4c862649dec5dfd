package config

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// production is a configuration that stands; each case spoils it in one way.
func production() *Config {
	c, err := Load(nil, []string{"HOME=/nonexistent", "GATEHOUSE_ENV=production", "GATEHOUSE_ISSUER=https://id.example.com",
		"GATEHOUSE_DATABASE_URL=postgres://db.internal/gatehouse", "GATEHOUSE_SECRET=" + strongSecret})
	if err != nil {
		panic(err)
	}
	return c
}

func TestP5_ProductionStands(t *testing.T) {
	if err := production().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestP5_RefusesToStart(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Config)
		want  string
	}{
		"no database":         {func(c *Config) { c.DatabaseURL = Secret{} }, "set GATEHOUSE_DATABASE_URL"},
		"not a database":      {func(c *Config) { c.DatabaseURL = NewSecret("mysql://db/x?a=b") }, "begins with postgres://"},
		"no secret":           {func(c *Config) { c.Secret = Secret{} }, "set GATEHOUSE_SECRET_FILE"},
		"31 bytes":            {func(c *Config) { c.Secret = NewSecret(strongSecret[:31]) }, "has 31 bytes and needs at least 32"},
		"no issuer":           {func(c *Config) { c.Issuer = "" }, "set GATEHOUSE_ISSUER"},
		"http issuer":         {func(c *Config) { c.Issuer = "http://id.example.com" }, "production needs https"},
		"localhost over http": {func(c *Config) { c.Issuer = "http://localhost:8080" }, "production needs https"},
		"one listener":        {func(c *Config) { c.AdminListen = c.Listen }, "same address"},
		"no port":             {func(c *Config) { c.Listen = "localhost" }, "form host:port"},
		"half of TLS":         {func(c *Config) { c.TLSCertFile = "/dev/null" }, "go together"},
		"no certificate":      {func(c *Config) { c.TLSCertFile, c.TLSKeyFile = "/nonexistent.pem", "/dev/null" }, "no such file"},
		"trusts everybody": {func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("::/0")} },
			"everybody"},
		"no origin":                  {func(c *Config) { c.RelatedOrigins = []string{"https://example.org/x"} }, "not an origin"},
		"plain origin":               {func(c *Config) { c.RelatedOrigins = []string{"http://example.org"} }, "not an origin"},
		"no metadata":                {func(c *Config) { c.PasskeyMetadataFile = "/nonexistent.jwt" }, "no such file"},
		"long access token":          {func(c *Config) { c.AccessTokenLifetime = 13 * time.Hour }, "access_token_lifetime: 13h0m0s is too long"},
		"a collector without scheme": {func(c *Config) { c.OTLPEndpoint = "localhost:4318" }, "otlp_endpoint: \"localhost:4318\" is not a URL"},
		"no access token":            {func(c *Config) { c.AccessTokenLifetime = 0 }, "access_token_lifetime: 0s is too short"},
		"idle over absolute": {func(c *Config) { c.SessionIdleLifetime = 13 * time.Hour },
			"session_idle_lifetime: 13h0m0s is too long: at most session_absolute_lifetime"},
	} {
		t.Run(name, func(t *testing.T) {
			config := production()
			c.spoil(config)
			err := config.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q in it", err, c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("one fault, several problems: %v", err)
			}
		})
	}
}

// What is no danger here and one elsewhere is named where it is one, and nowhere else.
func TestP5_NamesWhatIsInsecure(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	behind := func(c *Config) {
		c.TrustedProxies, c.DatabaseURL = proxies, NewSecret("postgres://db.internal/gatehouse?sslmode=verify-full")
	}
	development := func(c *Config) {
		c.Env, c.Issuer, c.Listen = Development, "http://localhost:8080", "localhost:8080"
		behind(c)
	}
	for name, c := range map[string]struct {
		set  []func(*Config)
		want string
	}{
		"behind a proxy":              {[]func(*Config){behind}, ""},
		"with TLS of its own":         {[]func(*Config){behind, func(c *Config) { c.TrustedProxies, c.TLSCertFile = nil, "/dev/null" }}, ""},
		"no TLS":                      {[]func(*Config){behind, func(c *Config) { c.TrustedProxies = nil }}, "in the clear"},
		"no TLS, on this machine":     {[]func(*Config){behind, func(c *Config) { c.TrustedProxies, c.Listen = nil, "127.0.0.1:8080" }}, ""},
		"metrics for everybody":       {[]func(*Config){behind, func(c *Config) { c.AdminListen = ":9090" }}, "admin_listen"},
		"metrics on another address":  {[]func(*Config){behind, func(c *Config) { c.AdminListen = "10.0.0.7:9090" }}, "admin_listen"},
		"metrics on [::1]":            {[]func(*Config){behind, func(c *Config) { c.AdminListen = "[::1]:9090" }}, ""},
		"database without TLS":        {[]func(*Config){behind, func(c *Config) { c.DatabaseURL = NewSecret("postgres://u:p@db/x?sslmode=disable") }}, "sslmode=verify-full"},
		"database as it comes":        {[]func(*Config){behind, func(c *Config) { c.DatabaseURL = NewSecret("postgresql://db.internal/x") }}, "sslmode=verify-full"},
		"database on this machine":    {[]func(*Config){behind, func(c *Config) { c.DatabaseURL = NewSecret("postgres://localhost/x") }}, ""},
		"database behind a socket":    {[]func(*Config){behind, func(c *Config) { c.DatabaseURL = NewSecret("postgres://u@/x?host=/run/postgresql") }}, ""},
		"development":                 {[]func(*Config){development}, ""},
		"development for everybody":   {[]func(*Config){development, func(c *Config) { c.Listen = ":8080" }}, "/dev/mail"},
		"development behind a tunnel": {[]func(*Config){development, func(c *Config) { c.Issuer = "https://id.example.com" }}, "/dev/mail"},
		"development that mails":      {[]func(*Config){development, func(c *Config) { c.Listen, c.SMTPAddress = ":8080", "localhost:25" }}, ""},
		"outbound to anywhere":        {[]func(*Config){development, func(c *Config) { c.InsecureOutbound = true }}, "insecure_outbound"},
	} {
		config := production()
		for _, set := range c.set {
			set(config)
		}
		said := strings.Join(config.Insecure(), "\n")
		if (c.want == "") != (said == "") || !strings.Contains(said, c.want) || strings.Contains(said, "\n") {
			t.Errorf("%s: %q, want %q alone", name, said, c.want)
		}
		if strings.Contains(said, "u:p") {
			t.Errorf("%s tells a password", name)
		}
	}
}

func TestP5_NamesEveryProblemAtOnce(t *testing.T) {
	c, err := Load(nil, []string{"HOME=/nonexistent", "GATEHOUSE_ENV=production"})
	if err != nil {
		t.Fatal(err)
	}
	var problems *Problems
	if err := c.Validate(); !errors.As(err, &problems) || len(problems.Unwrap()) != 3 {
		t.Errorf("database, secret and issuer are missing, but: %v", err)
	}
}

func TestP5_KnownSecretsAreRefused(t *testing.T) {
	for _, secret := range []string{
		"changeme-changeme-changeme-12345",
		"Change-Me_" + strongSecret,
		"some-cool-secret-that-is-32bytes",
		"your-own-256-bit-key-goes-in-here",
		strings.Repeat("a", 32), strings.Repeat("ab", 20), strings.Repeat("0123456", 6),
		"0123456789abcdef0123456789abcdef",
		"abcdefghijklmnopqrstuvwxyz012345", "zyxwvutsrqponmlkjihgfedcba987654",
		strings.Repeat(strongSecret[:16], 2),
		"This-Is-An-Example-Of-A-Long-Key",
	} {
		if judgeSecret(secret) == nil {
			t.Errorf("%q was accepted", secret)
		}
	}
	for _, secret := range []string{strongSecret, "9f86d081884c7d659a2feaa0c55ad015", "bXktdmVyeS1zZWN1cmUta2V5LW5vdCE=", "correct horse battery staple under the bridge"} {
		if err := judgeSecret(secret); err != nil {
			t.Errorf("%q was refused: %v", secret, err)
		}
	}
	for range 1000 {
		if err := judgeSecret(randomSecret()); err != nil {
			t.Error(err)
		}
	}
}

func TestIssuer(t *testing.T) {
	for _, issuer := range []string{"https://id.example.com", "https://id.example.com:8443", "https://[2001:db8::1]", "https://xn--bcher-kva.example"} {
		if err := judgeIssuer(issuer, Production); err != nil {
			t.Errorf("%s was refused: %v", issuer, err)
		}
	}
	for _, issuer := range []string{
		"", "id.example.com", "https://", "https:id.example.com", "https:///path", "ftp://id.example.com", "https://:443",
		"https://id.example.com/", "https://id.example.com/a/", "https://id.example.com?a=b", "https://id.example.com?",
		"https://id.example.com#f", "https://id.example.com#", "https://user@id.example.com", "https://user:pass@id.example.com",
		"https://id.example.com/a/../b", "https://id.example.com/./a", "https://id.example.com//a", "https://id.example.com/%2e%2e/a",
		"https://id.example.com/a%2fb", `https://id.example.com/a\b`, "https://ID.example.com", "HTTPS://id.example.com",
		"https://id.example.com:443", "https://id.example.com:", "https://id.example.com/ä", "https://id.example.com/\n", " https://id.example.com",
		"https://example.com/tenants/one", "http://192.0.2.7:8080", "http://id.example.com", "http://0.0.0.0:8080",
	} {
		if judgeIssuer(issuer, Development) == nil {
			t.Errorf("%q was accepted", issuer)
		}
	}
	for _, issuer := range []string{"http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"} {
		if err := judgeIssuer(issuer, Development); err != nil {
			t.Errorf("development on %s: %v", issuer, err)
		}
	}
}

func FuzzJudgeIssuer(f *testing.F) {
	f.Add("https://id.example.com/a")
	f.Add("https://id.example.com/%2e%2e")
	f.Fuzz(func(t *testing.T, issuer string) {
		if judgeIssuer(issuer, Production) != nil {
			return
		}
		if !strings.HasPrefix(issuer, "https://") || strings.ContainsAny(issuer, "?#@\\ \n") || strings.HasSuffix(issuer, "/") || strings.Contains(issuer, "/..") {
			t.Errorf("%q was accepted", issuer)
		}
	})
}

func TestValidateDatabase_AsksForNothingElse(t *testing.T) {
	c := production()
	c.Issuer, c.Secret = "", Secret{}
	if err := c.ValidateDatabase(); err != nil {
		t.Error(err)
	}
	if err := c.ValidateSecret(); err == nil {
		t.Error("a command that opens keys went on without a secret")
	}
}
