package guard

import (
	"errors"
	"fmt"
	"io"
	"net/url"

	"gopkg.in/yaml.v3"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// Config is the file of routes.
type Config struct {
	// Listen is the address to listen on; "" means localhost:8088.
	Listen string `yaml:"listen"`
	// Upstream is the service that is protected: an http or https URL.
	Upstream string `yaml:"upstream"`
	// ForwardAuth is instead of Upstream: another proxy (nginx, Caddy, Traefik) stands
	// before the service and asks about each request.
	ForwardAuth bool `yaml:"forward_auth"`
	// Issuer is where tokens come from, and Audience the identifier under which the
	// service is known there: a token must name it in aud.
	Issuer   string `yaml:"issuer"`
	Audience string `yaml:"audience"`
	// Introspection asks the issuer about every token, so that a revoked one is
	// refused at once; without it, signatures are checked with the issuer's
	// published keys, and a revoked token lives until it expires.
	Introspection *Introspection `yaml:"introspection"`
	// ForwardAuthorization hands the Authorization header to the service, which can
	// then act with the caller's token.
	ForwardAuthorization bool `yaml:"forward_authorization"`
	// Routes is what is let through. What stands in no route is refused.
	Routes []Route `yaml:"routes"`
}

// Introspection is the client as which the issuer is asked (RFC 7662).
type Introspection struct {
	ClientID authz.ClientID `yaml:"client_id"`
	// ClientSecretFile holds the secret; one newline at its end is not part of it.
	ClientSecretFile string `yaml:"client_secret_file"`
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
}

const defaultListen = "localhost:8088"

// ParseConfig reads a file of routes. A key that it does not know is an error.
// That the routes make sense is judged by [New].
func ParseConfig(file io.Reader) (Config, error) {
	var c Config
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("read routes: %w", err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return c, errors.New("read routes: there is a second document in the file")
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	return c, nil
}

// upstream is nil with forward_auth.
func (c Config) upstream() (*url.URL, error) {
	if c.ForwardAuth && (c.Upstream != "" || c.ForwardAuthorization) {
		return nil, errors.New("forward_auth: the proxy that asks leads to the service: leave out upstream and forward_authorization")
	} else if c.ForwardAuth {
		return nil, nil
	}
	u, err := url.Parse(c.Upstream)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("upstream: expected an http or https URL without user name, query and fragment")
	}
	return u, nil
}

// metadata is how the protected service describes itself (RFC 9728).
func (c Config) metadata() resource.Metadata {
	return resource.Metadata{Resource: c.Audience, AuthorizationServers: []string{c.Issuer}}
}
