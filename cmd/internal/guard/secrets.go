package guard

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// secrets is what the files and variables hold that a [Config] names.
type secrets struct {
	client  *client
	cookies *seals
	signer  *signer
}

// open reads every file that the configuration names, and judges what it holds.
func (c Config) open() (secrets, error) {
	var s secrets
	var all [4]error
	if c.Client != nil {
		s.client, all[0] = c.Client.open(c.Issuer)
	}
	if c.SignIn != nil {
		s.cookies, all[1] = readSeals(c.SignIn.CookieKeysFile)
	}
	if c.Assertion != nil {
		s.signer, all[2] = c.Assertion.open(c)
	}
	if c.TLS != nil {
		_, all[3] = tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
	}
	return s, errors.Join(all[:]...)
}

// Verify reads the files that the configuration names. With [ParseConfig] it is all
// that can be judged without the issuer.
func (c Config) Verify() error {
	_, err := c.open()
	return err
}

// client is as whom the issuer is asked.
type client struct {
	*Client
	issuer string
	secret string
	key    resource.ClientKey
}

func (c *Client) open(issuer string) (*client, error) {
	opened := &client{Client: c, issuer: issuer}
	switch {
	case c.SecretEnv != "":
		if opened.secret = os.Getenv(c.SecretEnv); opened.secret == "" {
			return nil, fmt.Errorf("client secret: the variable %s is not set", c.SecretEnv)
		}
	case c.SecretFile != "":
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("read client secret: %w", err)
		}
		if opened.secret = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"); opened.secret == "" {
			return nil, fmt.Errorf("read client secret: %s is empty", c.SecretFile)
		}
	default:
		document, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read client key: %w", err)
		}
		if opened.key, err = resource.ParseClientKey(document); err != nil {
			return nil, fmt.Errorf("%s: %w", c.KeyFile, err)
		}
	}
	return opened, nil
}

// hidden is the secret in the words of authz/resource; nothing for a client with a key.
func (c *client) hidden() resource.Secret {
	if c.secret == "" {
		return resource.Secret{}
	}
	return resource.NewSecret(c.secret)
}
