package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
)

// IntrospectorConfig is what an [Introspector] needs to know.
type IntrospectorConfig struct {
	// Issuer and Audience are as in [Config].
	Issuer   string
	Audience string
	// Endpoint is the introspection endpoint; empty means to ask the issuer's
	// metadata, once.
	Endpoint string
	// ClientID is a client that may introspect, which proves itself by either of
	// ClientSecret and ClientKey.
	ClientID     authz.ClientID
	ClientSecret Secret
	ClientKey    ClientKey
	// HTTPClient and Now are as in [Config].
	HTTPClient *http.Client
	Now        func() time.Time
}

// Introspector proves access tokens by asking the authorization server about each
// (RFC 7662). It is safe for use by many goroutines.
type Introspector struct {
	endpoint string
	config   IntrospectorConfig
	client   credentials
	fetch    fetcher
}

// NewIntrospector finds the endpoint. It does not try the credentials.
func NewIntrospector(ctx context.Context, c IntrospectorConfig) (*Introspector, error) {
	if c.Audience == "" {
		return nil, errNoAudience
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	client := credentials{c.Issuer, c.ClientID, c.ClientSecret, c.ClientKey, c.Now}
	if err := client.check(); err != nil {
		return nil, err
	}
	fetch := newFetcher(c.HTTPClient)
	endpoint, err := introspectionEndpoint(ctx, fetch, c)
	if err != nil {
		return nil, err
	}
	return &Introspector{endpoint: endpoint, config: c, client: client, fetch: fetch}, nil
}

func introspectionEndpoint(ctx context.Context, fetch fetcher, c IntrospectorConfig) (string, error) {
	endpoint := c.Endpoint
	if endpoint == "" {
		metadata, err := discover(ctx, fetch, c.Issuer)
		if err != nil {
			return "", err
		}
		endpoint = metadata.IntrospectionEndpoint
	} else if _, err := checkIssuer(c.Issuer); err != nil {
		return "", err
	}
	if _, err := checkURL(endpoint); err != nil {
		return "", fmt.Errorf("introspection endpoint %.200q: %w", endpoint, err)
	}
	return endpoint, nil
}

// Authenticate asks whether the token is active and checks that it was made for
// this resource server. What is not even the shape of an access token is refused
// without asking, a refresh token among it: its owner may introspect it. The
// errors are [ErrInvalidToken] and, when there is no answer, [ErrUnavailable].
func (i *Introspector) Authenticate(ctx context.Context, text string) (*Principal, error) {
	if _, err := parseToken(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	c, err := i.ask(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("%w: introspect token: %w", ErrUnavailable, err)
	}
	p, err := i.judge(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	return p, nil
}

func (i *Introspector) judge(ctx context.Context, c claims) (*Principal, error) {
	switch {
	case !c.Active:
		return nil, errors.New("not active")
	case strings.EqualFold(c.TokenType, dpop.Scheme) && c.Confirmation.JKT == "":
		return nil, errors.New("a DPoP token without its key")
	case c.TokenType != "" && !strings.EqualFold(c.TokenType, schemeBearer) && !strings.EqualFold(c.TokenType, dpop.Scheme):
		return nil, errors.New("not an access token")
	}
	return c.principal(ctx, expectation{i.config.Issuer, i.config.Audience, i.config.Now()})
}

func (i *Introspector) ask(ctx context.Context, text string) (claims, error) {
	request, err := i.client.post(i.endpoint, url.Values{"token": {text}, "token_type_hint": {"access_token"}})
	if err != nil {
		return claims{}, err
	}
	answer, err := i.fetch.do(ctx, request)
	if err != nil {
		return claims{}, err
	}
	// 401 means that our own credentials are refused, which says nothing about
	// the token.
	if answer.status != http.StatusOK {
		return claims{}, fmt.Errorf("the endpoint answered %d", answer.status)
	}
	return parseClaims(answer.body)
}
