package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// serverMetadata is what is read of an authorization server's metadata (RFC 8414
// §2).
type serverMetadata struct {
	Issuer                string `json:"issuer"`
	JWKSURI               string `json:"jwks_uri"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
	// RevocationFeedEndpoint is Gatehouse's own.
	RevocationFeedEndpoint string `json:"revocation_feed_endpoint"`
}

// discover reads the metadata where RFC 8414 §3 puts it or, when nothing is
// there, where OpenID Connect Discovery §4 does.
func discover(ctx context.Context, fetch fetcher, issuer string) (serverMetadata, error) {
	u, err := checkIssuer(issuer)
	if err != nil {
		return serverMetadata{}, err
	}
	for _, uri := range metadataURLs(*u) {
		answer, err := fetch.get(ctx, uri)
		if err != nil {
			return serverMetadata{}, fmt.Errorf("discover issuer: %w", err)
		}
		switch answer.status {
		case http.StatusOK:
			return parseMetadata(answer.body, issuer)
		case http.StatusNotFound:
			continue
		}
		return serverMetadata{}, fmt.Errorf("discover issuer: %s answered %d", uri, answer.status)
	}
	return serverMetadata{}, fmt.Errorf("discover issuer: %s publishes no metadata", issuer)
}

func checkIssuer(issuer string) (*url.URL, error) {
	u, err := checkURL(issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", issuer, err)
	}
	if u.RawQuery != "" {
		return nil, fmt.Errorf("issuer %q: has a query (RFC 8414 §2)", issuer)
	}
	return u, nil
}

func metadataURLs(issuer url.URL) []string {
	host, path := issuer.Scheme+"://"+issuer.Host, strings.TrimSuffix(issuer.EscapedPath(), "/")
	return []string{
		host + "/.well-known/oauth-authorization-server" + path,
		host + path + "/.well-known/openid-configuration",
	}
}

func parseMetadata(document []byte, issuer string) (serverMetadata, error) {
	var m serverMetadata
	if err := json.Unmarshal(document, &m); err != nil {
		return serverMetadata{}, fmt.Errorf("decode issuer metadata: %w", err)
	}
	// RFC 8414 §3.3: else one issuer could speak for another.
	if m.Issuer != issuer {
		return serverMetadata{}, fmt.Errorf("issuer metadata is of %.200q, not of %q", m.Issuer, issuer)
	}
	return m, nil
}

var errNoAudience = errors.New("audience is missing: the identifier of this resource server, as it stands in aud")
