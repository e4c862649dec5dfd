package guard

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// Config is the file of routes.
type Config struct {
	// Listen is the address to listen on; "" means localhost:8088.
	Listen string `yaml:"listen"`
	// AdminListen is where operators find /health, /ready and /metrics; "" means nowhere.
	AdminListen string `yaml:"admin_listen"`
	// TLS serves over TLS; nil leaves that to what stands in front.
	TLS *TLS `yaml:"tls"`
	// TrustedProxies are the networks of proxies of ours: of them alone it is believed by whom
	// and by which scheme the service was asked, and what ClientCertificateHeader holds, the
	// certificate of a client in one of the forms of [resource.ParseForwardedCertificate].
	TrustedProxies          []string `yaml:"trusted_proxies"`
	ClientCertificateHeader string   `yaml:"client_certificate_header"`
	// Upstream is the service that is protected: an http or https URL.
	Upstream string `yaml:"upstream"`
	// ForwardAuth is instead of Upstream: another proxy (nginx, Caddy, Traefik) stands
	// before the service and asks about each request.
	ForwardAuth bool `yaml:"forward_auth"`
	// Issuer is where tokens come from, and Audience the identifier under which the
	// service is known there: a token must name it in aud.
	Issuer   string `yaml:"issuer"`
	Audience string `yaml:"audience"`
	// Check is how tokens are checked; "" means [CheckOffline].
	Check Check `yaml:"check"`
	// Client is as whom the issuer is asked.
	Client *Client `yaml:"client"`
	// SignIn lets browsers in with a session, on the routes that say so.
	SignIn *SignIn `yaml:"sign_in"`
	// Assertion tells the service who is asking in a signed JWT too.
	Assertion *Assertion `yaml:"assertion"`
	// ForwardAuthorization hands the access token to the service, which can then act
	// with it.
	ForwardAuthorization bool `yaml:"forward_authorization"`
	// Routes is what is let through. What stands in no route is refused.
	Routes []Route `yaml:"routes"`
}

// TLS is the certificate to serve with, as PEM files.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// AskClients for their certificate, to which tokens may be bound (RFC 8705). Browsers may
	// ask people about it.
	AskClients bool `yaml:"ask_clients"`
}

// Check is how tokens are checked.
type Check string

const (
	// CheckOffline goes by the issuer's keys and its feed of what was revoked, so that a
	// revoked token is refused within a second and none is asked about.
	CheckOffline Check = "offline"
	// CheckIntrospect asks the issuer about each token, once a second at most.
	CheckIntrospect Check = "introspect"
	// CheckSignature goes by the issuer's keys alone: a revoked token lives until it
	// expires.
	CheckSignature Check = "signature"
)

// Client is a client at the issuer. It may introspect, and proves itself by exactly
// one of a secret, in a file or a variable of the environment, and a private key.
type Client struct {
	ID authz.ClientID `yaml:"id"`
	// SecretFile holds the secret; one newline at its end is not part of it.
	SecretFile string `yaml:"secret_file"`
	SecretEnv  string `yaml:"secret_env"`
	// KeyFile is as [resource.ParseClientKey] reads it.
	KeyFile string `yaml:"key_file"`
}

// SignIn is how browsers sign in.
type SignIn struct {
	// BaseURL is what browsers know the path "/" of the service by: an origin.
	BaseURL string `yaml:"base_url"`
	// CookieKeysFile holds a key a line, each 32 bytes in base64. The first seals;
	// sessions that a later one sealed still count.
	CookieKeysFile string `yaml:"cookie_keys_file"`
	// AfterSignOut is the path to return to; "" means "/".
	AfterSignOut string `yaml:"after_sign_out"`
}

// Assertion is the JWT in which the service learns who is asking.
type Assertion struct {
	// KeyFiles are private keys of P-256 in PEM. The first signs; all are published.
	KeyFiles []string `yaml:"key_files"`
	// Audience is its aud; "" means the upstream.
	Audience string `yaml:"audience"`
}

// Route is what some paths need. It has either a Path, which is matched whole, or
// a Prefix, which stands for itself and everything below it.
type Route struct {
	Path   string `yaml:"path"`
	Prefix string `yaml:"prefix"`
	// Methods are those that are let through; none means all. GET includes HEAD.
	Methods []string `yaml:"methods"`
	// Security is as in an OpenAPI document: one of several sets of scopes, {} for
	// anybody.
	Security []map[string][]string `yaml:"security"`
	// SignIn lets browsers in with a session, and sends those without one to sign in.
	SignIn bool `yaml:"sign_in"`
	// ACRValues and MaxAge are how, and how recently, a user must have signed in
	// (RFC 9470).
	ACRValues []authz.ACR   `yaml:"acr_values"`
	MaxAge    time.Duration `yaml:"max_age"`
}

const defaultListen = "localhost:8088"

// ParseConfig reads a file of routes and judges the whole of it. Its error is every
// mistake, each with its line; a key that it does not know is one. The files that it
// names are read by [New].
func ParseConfig(file io.Reader) (Config, error) {
	text, err := io.ReadAll(file)
	if err != nil {
		return Config{}, err
	}
	c, found, err := decode(text)
	if err != nil {
		return Config{}, err
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.Check == "" {
		c.Check = CheckOffline
	}
	c.judge(found)
	return c, errors.Join(found.all...)
}

func (c Config) judge(found *mistakes) {
	switch _, err := c.upstream(); {
	case c.ForwardAuth && (c.Upstream != "" || c.ForwardAuthorization):
		found.add("the proxy that asks leads to the service: leave out upstream and forward_authorization", "forward_auth")
	case !c.ForwardAuth && err != nil:
		found.add(err.Error(), "upstream")
	}
	if !plainOrigin(c.Issuer, true) {
		found.add("expected the https URL of the issuer (or http on localhost)", "issuer")
	}
	if c.Audience == "" {
		found.add("expected the identifier of this service, as it stands in aud", "audience")
	}
	switch c.Check {
	case CheckOffline, CheckIntrospect:
		if c.Client == nil {
			found.add("a client that may introspect is needed (or check: signature, with which a revoked token lives until it expires)", "client")
		}
	case CheckSignature:
	default:
		found.add("expected offline, introspect or signature", "check")
	}
	c.judgeCertificates(found)
	c.Client.judge(found)
	c.SignIn.judge(c, found)
	if a := c.Assertion; a != nil && len(a.KeyFiles) == 0 {
		found.add("expected at least one file", "assertion", "key_files")
	}
	if a := c.Assertion; a != nil && c.ForwardAuth && a.Audience == "" {
		found.add("name the service that the assertion is for", "assertion", "audience")
	}
	parseTable(c.Routes, c.SignIn != nil, found)
}

func (c *Client) judge(found *mistakes) {
	if c == nil {
		return
	}
	if c.ID == "" {
		found.add("expected the id of the client", "client", "id")
	}
	given := 0
	for _, way := range []string{c.SecretFile, c.SecretEnv, c.KeyFile} {
		if way != "" {
			given++
		}
	}
	if given != 1 {
		found.add("expected exactly one of secret_file, secret_env and key_file", "client")
	}
}

func (s *SignIn) judge(c Config, found *mistakes) {
	switch {
	case s == nil:
		return
	case c.Client == nil:
		found.add("people sign in through a client", "sign_in")
	case c.Check == CheckSignature:
		found.add("a session that was ended must not live on: check offline or introspect", "sign_in")
	}
	if !plainOrigin(s.BaseURL, false) {
		found.add("expected the origin that browsers know the service by, as in https://app.example.com (or http on localhost)", "sign_in", "base_url")
	}
	if s.CookieKeysFile == "" {
		found.add("expected a file with a key a line", "sign_in", "cookie_keys_file")
	}
	if to := s.AfterSignOut; to != "" && !isPlain(to) {
		found.add("expected a plain path that begins with a slash", "sign_in", "after_sign_out")
	}
}

func (c Config) upstream() (*url.URL, error) {
	u, err := url.Parse(c.Upstream)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("expected an http or https URL without user name, query and fragment")
	}
	return u, nil
}

// plainOrigin reports whether a text is an origin of https, or of http on this
// machine; with a path where that is allowed.
func plainOrigin(text string, path bool) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && !path {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1")
}

// metadata is how the protected service describes itself (RFC 9728).
func (c Config) metadata() resource.Metadata {
	return resource.Metadata{Resource: c.Audience, AuthorizationServers: []string{c.Issuer}, Certificates: c.showsCertificates()}
}
