package resource

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Config is what a [Verifier] needs to know.
type Config struct {
	// Issuer is the authorization server, byte for byte as in iss: an https URL,
	// or an http URL on localhost.
	Issuer string
	// Audience is the identifier of this resource server (RFC 8707). A token is
	// refused unless its aud names it.
	Audience string
	// JWKSURI is where the keys are; empty means to ask the issuer's metadata, once.
	JWKSURI string
	// HTTPClient fetches metadata and keys; nil means http.Client{}. Redirects are
	// never followed and no answer is waited for longer than five seconds.
	HTTPClient *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Verifier proves access tokens with the published keys of their issuer. It is
// safe for use by many goroutines.
type Verifier struct {
	issuer   string
	audience string
	now      func() time.Time
	keys     *keyCache
}

// NewVerifier fetches the keys for the first time, so that a wrong setting is
// found at the start.
func NewVerifier(ctx context.Context, c Config) (*Verifier, error) {
	if c.Audience == "" {
		return nil, errNoAudience
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	fetch := newFetcher(c.HTTPClient)
	uri, err := keysURI(ctx, fetch, c)
	if err != nil {
		return nil, err
	}
	keys := &keyCache{uri: uri, fetch: fetch, now: c.Now}
	if err := keys.refresh(ctx); err != nil {
		return nil, err
	}
	return &Verifier{issuer: c.Issuer, audience: c.Audience, now: c.Now, keys: keys}, nil
}

func keysURI(ctx context.Context, fetch fetcher, c Config) (string, error) {
	uri := c.JWKSURI
	if uri == "" {
		metadata, err := discover(ctx, fetch, c.Issuer)
		if err != nil {
			return "", err
		}
		uri = metadata.JWKSURI
	} else if _, err := checkIssuer(c.Issuer); err != nil {
		return "", err
	}
	if _, err := checkURL(uri); err != nil {
		return "", fmt.Errorf("jwks_uri %.200q: %w", uri, err)
	}
	return uri, nil
}

// Authenticate proves that the issuer made the token for this resource server
// and that it has not expired (RFC 9068 §4). Its errors are [ErrInvalidToken] and,
// while the keys cannot be fetched, [ErrUnavailable].
func (v *Verifier) Authenticate(ctx context.Context, text string) (*Principal, error) {
	t, err := parseToken(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	verify, err := v.keys.find(ctx, keyName{t.header.KeyID, t.header.Algorithm})
	if err != nil {
		return nil, err
	}
	if !verify(t.input, t.signature) {
		return nil, fmt.Errorf("%w: the signature does not fit", ErrInvalidToken)
	}
	p, err := v.principal(ctx, t.payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return p, nil
}

func (v *Verifier) principal(ctx context.Context, payload string) (*Principal, error) {
	raw, err := decodePart(payload)
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	c, err := parseClaims(raw)
	if err != nil {
		return nil, err
	}
	return c.principal(ctx, expectation{v.issuer, v.audience, v.now()})
}
