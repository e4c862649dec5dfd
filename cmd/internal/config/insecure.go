package config

import (
	"net"
	"net/url"
	"strings"
)

// Insecure names what is fit for some deployments and a danger to others, each with what
// to do about it: settings that stand, and that a server tells of when it starts.
func (c *Config) Insecure() []string {
	var all []string
	say := func(of bool, text string) {
		if of {
			all = append(all, text)
		}
	}
	production := c.Env == Production
	say(!production && c.SMTPAddress == "" && !(staysHere(c.Listen) && c.issuedHere()),
		"this is a development server that others can reach: whoever opens /dev/mail reads every link that it mails; set env to production, or listen on localhost alone")
	say(production && c.TLSCertFile == "" && len(c.TrustedProxies) == 0 && !staysHere(c.Listen),
		"passwords and tokens arrive in the clear: set tls_cert_file and tls_key_file, or name in trusted_proxies whoever ends TLS in front")
	say(!staysHere(c.AdminListen), "whoever reaches admin_listen can read this server's memory: keep others away from it, or listen on localhost alone")
	say(c.InsecureOutbound, "insecure_outbound lets whoever registers an address reach what stands behind this server")
	say(production && c.databaseInTheClear(), "the way to the database can be read and answers forged: add sslmode=verify-full to database_url")
	return all
}

// staysHere reports whether only this machine reaches an address to listen on.
func staysHere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (loopback(host) || net.ParseIP(host).IsLoopback())
}

func (c *Config) issuedHere() bool {
	u, err := url.Parse(c.Issuer)
	return err == nil && loopback(u.Hostname())
}

// databaseInTheClear reports whether the URL of a database on another machine leaves it to
// that machine, or to whoever stands in between, to say that there is no TLS.
func (c *Config) databaseInTheClear() bool {
	u, err := url.Parse(c.DatabaseURL.Reveal())
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return false
	}
	if host := u.Hostname(); host == "" || loopback(host) || strings.HasPrefix(u.Query().Get("host"), "/") {
		return false
	}
	mode := u.Query().Get("sslmode")
	return mode != "verify-full" && mode != "verify-ca" && mode != "require"
}
