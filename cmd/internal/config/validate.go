package config

import (
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/templates"
)

// Validate judges the settings of a server. The error is a [*Problems] that
// names everything at once.
func (c *Config) Validate() error {
	var p Problems
	c.judgeDatabase(&p)
	c.judgeSecret(&p)
	if c.Issuer == "" {
		p.add("issuer is not set: set GATEHOUSE_ISSUER to the https URL under which people reach this server")
	} else if err := judgeIssuer(c.Issuer, c.Env); err != nil {
		p.add("issuer: %w", err)
	}
	c.judgeListeners(&p)
	c.judgeTLS(&p)
	c.judgeProxies(&p)
	c.judgeMutualTLS(&p)
	c.judgeOrigins(&p)
	if c.InsecureOutbound && c.Env == Production {
		p.add("insecure_outbound is for development: it lets whoever registers an address reach what stands behind this server")
	}
	if u, err := url.Parse(c.OTLPEndpoint); c.OTLPEndpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		p.add("otlp_endpoint: %.60q is not a URL such as http://localhost:4318", c.OTLPEndpoint)
	}
	c.judgeMail(&p)
	c.judgeLifetimes(&p)
	return p.orNil()
}

// ValidateDatabase judges what a command needs that works on the database alone.
func (c *Config) ValidateDatabase() error {
	var p Problems
	c.judgeDatabase(&p)
	return p.orNil()
}

// ValidateSecret judges what a command needs that works on the database and
// opens what is sealed in it.
func (c *Config) ValidateSecret() error {
	var p Problems
	c.judgeDatabase(&p)
	c.judgeSecret(&p)
	return p.orNil()
}

func (c *Config) judgeDatabase(p *Problems) {
	url := c.DatabaseURL.Reveal()
	switch {
	case url == "" && c.Env == Production:
		p.add("production needs a database of its own: set GATEHOUSE_DATABASE_URL to a PostgreSQL 15 or newer")
	case url == "", strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
	case !strings.Contains(url, "="), strings.Contains(url, "://"):
		p.add("database_url is not a PostgreSQL connection string: it begins with postgres://")
	}
}

func (c *Config) judgeSecret(p *Problems) {
	if c.Secret.IsSet() {
		if err := judgeSecret(c.Secret.Reveal()); err != nil {
			p.add("secret: %w; make one with: openssl rand -base64 32", err)
		}
		return
	}
	if c.Env == Production {
		p.add("production needs a secret of its own: set GATEHOUSE_SECRET_FILE to a file made with: openssl rand -base64 32")
	}
}

func (c *Config) judgeListeners(p *Problems) {
	for _, l := range []struct{ key, address string }{{"listen", c.Listen}, {"admin_listen", c.AdminListen}} {
		if _, port, err := net.SplitHostPort(l.address); err != nil || port == "" {
			p.add("%s: %.60q is not an address of the form host:port", l.key, l.address)
		}
	}
	if c.Listen == c.AdminListen && !strings.HasSuffix(c.Listen, ":0") {
		p.add("listen and admin_listen are the same address: profiles and metrics must not be public")
	}
}

func (c *Config) judgeTLS(p *Problems) {
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		p.add("tls_cert_file and tls_key_file go together: set both, or neither where a proxy ends TLS")
	}
	for _, path := range []string{c.TLSCertFile, c.TLSKeyFile} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			p.add("TLS: %w", err)
		}
	}
}

func (c *Config) judgeOrigins(p *Problems) {
	for _, origin := range c.RelatedOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host || u.Scheme != "https" && u.Hostname() != "localhost" {
			p.add("related_origins: %.60q is not an origin of the form https://example.org", origin)
		}
	}
	if c.PasskeyMetadataFile != "" {
		if _, err := os.Stat(c.PasskeyMetadataFile); err != nil {
			p.add("passkey_metadata_file: %w", err)
		}
	}
}

// judgeMutualTLS: certificates are asked for in a handshake of ours, or passed on by a
// proxy that is known.
func (c *Config) judgeMutualTLS(p *Problems) {
	if (c.MTLSListen == "") != (c.MTLSURL == "") {
		p.add("mtls_listen and mtls_url go together: set both or neither")
	}
	if c.MTLSListen != "" && c.TLSCertFile == "" {
		p.add("mtls_listen needs tls_cert_file and tls_key_file")
	}
	if c.MTLSURL != "" && !strings.HasPrefix(c.MTLSURL, "https://") {
		p.add("mtls_url: %.60q is not an https URL", c.MTLSURL)
	}
	if c.ClientCertificateHeader != "" && len(c.TrustedProxies) == 0 {
		p.add("client_certificate_header needs trusted_proxies: nobody else is believed")
	}
}

func (c *Config) judgeProxies(p *Problems) {
	for _, network := range c.TrustedProxies {
		if network.Bits() == 0 {
			p.add("trusted_proxies: %s lets everybody name the address they come from: name the networks of your proxies", network)
		}
	}
}

func (c *Config) judgeMail(p *Problems) {
	if templates.ChooseLanguage(c.MailLanguage) != c.MailLanguage {
		p.add("mail_language: %.100q is none of en, de, es, fr, ja and ar", c.MailLanguage)
	}
	if c.SMTPAddress == "" {
		if c.SMTPUsername != "" || c.SMTPPassword.IsSet() {
			p.add("smtp_username and smtp_password are for a mail server: set smtp_address")
		}
		return
	}
	if (c.SMTPUsername == "") != !c.SMTPPassword.IsSet() {
		p.add("smtp_username and smtp_password go together: set both, or neither where the mail server asks for none")
	}
	if _, err := c.Post(); err != nil {
		p.add("%w", err)
	}
	if _, err := c.Sender(); err != nil {
		p.add("smtp_from: %w", err)
	}
}

// judgeLifetimes bounds what a typing error could make endless, and what
// packages below count on.
func (c *Config) judgeLifetimes(p *Problems) {
	const day = 24 * time.Hour
	for _, l := range []struct {
		key          string
		value        time.Duration
		least, most  time.Duration
		why, longest string
	}{
		// A replaced signing key is published for a day: no token may outlive it.
		{"access_token_lifetime", c.AccessTokenLifetime, time.Second, 12 * time.Hour, "a token that was stolen works for that long", "12h"},
		{"drain_time", c.DrainTime, 0, 10 * time.Minute, "upgrades wait for it", "10m"},
		{"code_lifetime", c.CodeLifetime, time.Second, 10 * time.Minute, "RFC 6749 §4.1.2", "10m"},
		{"unused_client_lifetime", c.UnusedClientLifetime, 0, 3660 * day, "nobody uses it", "3660d"},
		{"refresh_grace", c.RefreshGrace, 0, time.Minute, "a stolen refresh token goes unnoticed for that long", "1m"},
		{"refresh_idle_lifetime", c.RefreshIdleLifetime, time.Second, c.RefreshAbsoluteLifetime, "it cannot exceed refresh_absolute_lifetime", "refresh_absolute_lifetime"},
		{"refresh_absolute_lifetime", c.RefreshAbsoluteLifetime, time.Second, 3660 * day, "people leave", "3660d"},
		{"session_idle_lifetime", c.SessionIdleLifetime, time.Second, c.SessionAbsoluteLifetime, "it cannot exceed session_absolute_lifetime", "session_absolute_lifetime"},
		{"session_absolute_lifetime", c.SessionAbsoluteLifetime, time.Second, 366 * day, "devices change hands", "366d"},
		{"remembered_idle_lifetime", c.RememberedIdleLifetime, time.Second, c.RememberedAbsoluteLifetime, "it cannot exceed remembered_absolute_lifetime", "remembered_absolute_lifetime"},
		{"remembered_absolute_lifetime", c.RememberedAbsoluteLifetime, time.Second, 366 * day, "devices change hands", "366d"},
	} {
		switch {
		case l.value < l.least:
			p.add("%s: %s is too short: at least %s", l.key, l.value, l.least)
		case l.value > l.most:
			p.add("%s: %s is too long: at most %s (%s)", l.key, l.value, l.longest, l.why)
		}
	}
}
