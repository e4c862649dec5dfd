package oidc

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/storage"
)

// credentials is how a request says which client it comes from.
type credentials struct {
	method    string
	id        string
	secret    string
	assertion string
}

// authenticateClient proves which client is speaking, by the one method that it is
// registered for (RFC 6749 §2.3, RFC 7523 §2.2). An unknown client costs the same
// work as a wrong secret.
func (p *Provider) authenticateClient(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	given, err := readCredentials(r, form)
	if err != nil {
		return nil, err
	}
	c, err := p.activeClient(ctx, given.id)
	unknown := errors.Is(err, fosite.ErrInvalidClient)
	if err != nil && !unknown {
		return nil, err
	}
	proven := false
	switch given.method {
	case storage.AuthMethodBasic, storage.AuthMethodPost:
		if proven, err = p.guess(ctx, c.Client, given); err != nil {
			return nil, err
		}
	case storage.AuthMethodPrivateKeyJWT:
		proven, err = p.assertionFits(ctx, c.Client, given.assertion)
		if err != nil {
			return nil, err
		}
	case storage.AuthMethodNone:
		// A client of a certificate says no more than its name (RFC 8705 §2).
		if c.AuthMethod == storage.AuthMethodTLS || c.AuthMethod == storage.AuthMethodSelfSignedTLS {
			given.method, proven = c.AuthMethod, p.certificateFits(ctx, c.Client)
			break
		}
		proven = true
	}
	if unknown || !proven || c.AuthMethod != given.method {
		return nil, fosite.ErrInvalidClient
	}
	return c, nil
}

// readCredentials finds the one way in which the request names its client.
// RFC 6749 §2.3: a client must not use more than one.
func readCredentials(r *http.Request, form url.Values) (credentials, error) {
	var found []credentials
	if header := r.Header.Values("Authorization"); len(header) > 0 {
		id, secret, err := basic(header)
		if err != nil {
			return credentials{}, err
		}
		found = append(found, credentials{method: storage.AuthMethodBasic, id: id, secret: secret})
	}
	if secret := form.Get("client_secret"); secret != "" {
		found = append(found, credentials{method: storage.AuthMethodPost, id: form.Get("client_id"), secret: secret})
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		if form.Get("client_assertion_type") != assertionType {
			return credentials{}, fosite.ErrInvalidClient
		}
		id, err := assertedClient(form.Get("client_assertion"))
		if err != nil {
			return credentials{}, fosite.ErrInvalidClient
		}
		found = append(found, credentials{method: storage.AuthMethodPrivateKeyJWT, id: id, assertion: form.Get("client_assertion")})
	}
	switch {
	case len(found) > 1:
		return credentials{}, badRequest("invalid_request", "The client is authenticated in more than one way.")
	case len(found) == 1 && form.Has("client_id") && form.Get("client_id") != found[0].id:
		return credentials{}, badRequest("invalid_request", "client_id differs from the client that is authenticated.")
	case len(found) == 1:
		return found[0], nil
	}
	return credentials{method: storage.AuthMethodNone, id: form.Get("client_id")}, nil
}

// basic reads the header as RFC 6749 §2.3.1 wants it: both parts form-encoded.
func basic(header []string) (id, secret string, err error) {
	if len(header) != 1 {
		return "", "", badRequest("invalid_request", "The Authorization header is given more than once.")
	}
	scheme, encoded, _ := strings.Cut(header[0], " ")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	user, password, found := strings.Cut(string(raw), ":")
	if !strings.EqualFold(scheme, "Basic") || err != nil || !found {
		return "", "", fosite.ErrInvalidClient
	}
	id, err = url.QueryUnescape(user)
	if err == nil {
		secret, err = url.QueryUnescape(password)
	}
	if err != nil {
		return "", "", fosite.ErrInvalidClient
	}
	return id, secret, nil
}

func (p *Provider) secretFits(c *storage.Client, secret string) bool {
	given := storage.HashClientSecret(p.pepper, secret)
	current, previous := c.SecretHash, c.PreviousSecretHash
	if current == nil {
		current = p.dummyCheck
	}
	if previous == nil || !p.Now().Before(c.PreviousSecretExpiresAt) {
		previous = p.dummyCheck
	}
	fits, fitted := hmac.Equal(given, current), hmac.Equal(given, previous)
	return fits || fitted
}

// clientOf is the authenticated client of an endpoint outside fosite.
func (p *Provider) clientOf(ctx context.Context, r *http.Request, form url.Values) (client, error) {
	found, err := p.authenticateClient(ctx, r, form)
	if err != nil {
		return nobody, err
	}
	return found.(client), nil
}
