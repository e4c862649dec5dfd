package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/storage"
)

// requestObjectAlgorithms is what a request object may be signed with: never none
// (RFC 9101 §10.1 leaves it to the server; this one has decided).
var requestObjectAlgorithms = assertionAlgorithms

const (
	// maxRequestObject bounds a request object, in bytes.
	maxRequestObject = 16 << 10
	// maxRequestObjectLifetime is how long one may be good for (FAPI 2.0 Message
	// Signing §5.3.1).
	maxRequestObjectLifetime = time.Hour
)

// opened is an authorization request after whatever stood in its place was
// opened: a pushed one, or a signed one.
type opened struct {
	Parameters url.Values `json:"p"`
	// Signed: the parameters are those of a signed request object, and no others.
	Signed bool `json:"s,omitempty"`
	// Pushed: they came by the back channel.
	Pushed bool `json:"-"`
}

// resolve finds the request behind request_uri and request. What stands inside is
// all that counts (RFC 9101 §6.3, RFC 9126 §4); client_id must be the same.
func (p *Provider) resolve(ctx context.Context, parameters url.Values) (opened, error) {
	reference := parameters.Get("request_uri")
	switch {
	case reference != "" && parameters.Has("request"):
		return opened{}, badRequest("invalid_request", "request and request_uri exclude each other (RFC 9101 §5).")
	case strings.HasPrefix(reference, requestURIPrefix):
		return p.pushed(ctx, parameters)
	case reference != "" && p.FetchRequestURIs:
		return p.referenced(ctx, parameters)
	case parameters.Has("request"):
		return p.signed(ctx, parameters.Get("client_id"), parameters.Get("request"))
	}
	return opened{Parameters: parameters}, nil
}

// asRequestObjectError is the error, if it says that a request object is no good;
// else nil.
func asRequestObjectError(err error) error {
	var refused *Error
	if errors.As(err, &refused) && (refused.Code == "invalid_request_object" || refused.Code == "invalid_request_uri") {
		return refused
	}
	return nil
}

// referenced fetches a request object from an address that the client registered
// (RFC 9101 §5.2).
func (p *Provider) referenced(ctx context.Context, parameters url.Values) (opened, error) {
	reference := parameters.Get("request_uri")
	c, err := p.requestingClient(ctx, parameters.Get("client_id"))
	if err != nil {
		return opened{}, err
	}
	// The fragment may be a digest of the content, for caches (OpenID Connect Core §6.2).
	address, _, _ := strings.Cut(reference, "#")
	if !slices.Contains(c.Metadata.RequestURIs, address) && !slices.Contains(c.Metadata.RequestURIs, reference) {
		return opened{}, badRequest("invalid_request_uri", "The request_uri is not one that is registered for this application.")
	}
	answer, err := p.Outbound.Get(ctx, address, "application/oauth-authz-req+jwt, application/jwt")
	if err != nil {
		p.Log.InfoContext(ctx, "a request object cannot be had", "client_id", c.ID, "cause", err)
		return opened{}, badRequest("invalid_request_uri", "The request_uri cannot be fetched.")
	}
	return p.signed(ctx, string(c.ID), strings.TrimSpace(string(answer.Body)))
}

func (p *Provider) requestingClient(ctx context.Context, id string) (client, error) {
	if id == "" {
		return nobody, badRequest("invalid_request", "The parameter client_id is missing.")
	}
	c, err := p.activeClient(ctx, id)
	if errors.Is(err, fosite.ErrInvalidClient) {
		return c, badRequest("invalid_client", "The application is unknown or has been disabled (client_id).")
	}
	return c, err
}

// signed opens a request object by value.
func (p *Provider) signed(ctx context.Context, clientID, object string) (opened, error) {
	c, err := p.requestingClient(ctx, clientID)
	if err != nil {
		return opened{}, err
	}
	parameters, err := p.openRequestObject(ctx, c.Client, object)
	if err != nil {
		return opened{}, &Error{Code: "invalid_request_object", Status: 400, Description: "The request object cannot be used: " + err.Error() + "."}
	}
	return opened{Parameters: parameters, Signed: true}, nil
}

// openRequestObject proves a request object and gives its parameters. Its errors
// are sentences of ours, for the client's developer.
func (p *Provider) openRequestObject(ctx context.Context, c *storage.Client, object string) (url.Values, error) {
	claims, _, err := p.provenRequest(ctx, c, object, c.Metadata.RequestObjectSigningAlg, "oauth-authz-req+jwt")
	if err != nil {
		return nil, err
	}
	if err := judgeRequestObject(string(c.ID), claims); err != nil {
		return nil, err
	}
	return requestParameters(claims)
}

// provenRequest is the claims of a signed request, of the type if it says one, and with
// the algorithm if that is not "".
func (p *Provider) provenRequest(ctx context.Context, c *storage.Client, object, algorithm, typ string) (claims map[string]json.RawMessage, registered jwt.Claims, err error) {
	if len(object) > maxRequestObject {
		return nil, registered, errors.New("it is longer than 16 KiB")
	}
	token, err := jwt.ParseSigned(object, requestObjectAlgorithms)
	if err != nil || len(token.Headers) != 1 {
		return nil, registered, errors.New("it is not a JWT signed with a supported algorithm")
	}
	header := token.Headers[0]
	if is, given := header.ExtraHeaders[jose.HeaderType]; given && is != typ && is != "JWT" {
		return nil, registered, errors.New("its typ is not " + typ)
	}
	if algorithm != "" && header.Algorithm != algorithm {
		return nil, registered, errors.New("its algorithm is not the registered one")
	}
	if !p.signedBy(ctx, c, token, &claims) {
		return nil, registered, errors.New("none of the client's keys has signed it")
	}
	if err := token.UnsafeClaimsWithoutVerification(&registered); err != nil {
		return nil, registered, errors.New("its claims are malformed")
	}
	return claims, registered, p.judgeSignedRequest(registered, string(c.ID))
}

// judgeSignedRequest is RFC 9101 §4 and FAPI 2.0 Message Signing §5.3.1: made by this
// client, for this server, and for no longer than an hour.
func (p *Provider) judgeSignedRequest(registered jwt.Claims, clientID string) error {
	now := p.Now()
	const leeway = time.Minute
	switch {
	case registered.Issuer != clientID:
		return errors.New("its iss is not the client_id")
	case !registered.Audience.Contains(p.Issuer):
		return errors.New("its aud does not name this issuer")
	case registered.Expiry == nil || registered.NotBefore == nil:
		return errors.New("its exp or nbf is missing")
	case !now.Before(registered.Expiry.Time()):
		return errors.New("it has expired")
	case registered.NotBefore.Time().After(now.Add(leeway)):
		return errors.New("its nbf is yet to come")
	case registered.NotBefore.Time().Before(now.Add(-maxRequestObjectLifetime)),
		registered.Expiry.Time().After(registered.NotBefore.Time().Add(maxRequestObjectLifetime)):
		return errors.New("it is good for longer than an hour")
	}
	return nil
}

// judgeRequestObject is what RFC 9101 §4 wants of an authorization request alone.
func judgeRequestObject(clientID string, raw map[string]json.RawMessage) error {
	var inside string
	if json.Unmarshal(raw["client_id"], &inside) != nil || inside != clientID {
		return errors.New("its client_id is missing or another one")
	}
	for _, nested := range []string{"request", "request_uri"} {
		if _, present := raw[nested]; present {
			return errors.New("it has another request within")
		}
	}
	return nil
}

// aboutTheObject is the claims that say something of the request object, and
// nothing of the request.
var aboutTheObject = []string{"iss", "aud", "exp", "nbf", "iat", "jti", "sub"}

// requestParameters turns claims into parameters (RFC 9101 §4): strings and numbers
// as they are, anything else as JSON, and the resources one by one.
func requestParameters(claims map[string]json.RawMessage) (url.Values, error) {
	parameters := url.Values{}
	for name, raw := range claims {
		if slices.Contains(aboutTheObject, name) {
			continue
		}
		var text string
		var list []string
		switch {
		case string(raw) == "null":
		case json.Unmarshal(raw, &text) == nil:
			parameters.Set(name, text)
		case name == "resource" && json.Unmarshal(raw, &list) == nil:
			parameters[name] = list
		default:
			parameters.Set(name, string(raw))
		}
	}
	clean, err := once(parameters)
	if err != nil {
		return nil, fmt.Errorf("its parameters are malformed: %w", errMalformed)
	}
	return clean, nil
}
