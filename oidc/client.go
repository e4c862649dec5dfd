package oidc

import (
	"context"
	"errors"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// client is a registered client in fosite's words. What it points to is never changed.
type client struct{ *storage.Client }

// nobody stands where a client is wanted and none is known: what is asked of it costs as
// much as of one that there is.
var nobody = client{&storage.Client{}}

func (c client) GetID() string                      { return string(c.ID) }
func (c client) GetHashedSecret() []byte            { return nil } // judged by our own client authentication
func (c client) GetRedirectURIs() []string          { return c.RedirectURIs }
func (c client) GetGrantTypes() fosite.Arguments    { return c.GrantTypes }
func (c client) GetResponseTypes() fosite.Arguments { return fosite.Arguments{"code"} }
func (c client) IsPublic() bool                     { return c.Public() }
func (c client) GetAudience() fosite.Arguments      { return nil }

func (c client) GetScopes() fosite.Arguments {
	patterns := make(fosite.Arguments, len(c.Scopes))
	for i, p := range c.Scopes {
		patterns[i] = string(p)
	}
	return patterns
}

func (c client) GetResponseModes() []fosite.ResponseModeType {
	return []fosite.ResponseModeType{fosite.ResponseModeQuery, fosite.ResponseModeFormPost}
}

// patternScopes lets a wildcard stand on the client's side and nowhere else.
func patternScopes(held []string, wanted string) bool {
	scope, err := authz.ParseScope(wanted)
	if err != nil {
		return false
	}
	for _, pattern := range held {
		if authz.Pattern(pattern).Matches(scope) {
			return true
		}
	}
	return false
}

// activeClient reads a client that may be used; its error is fosite's
// invalid_client for one that is unknown, disabled or of a suspended tenant.
func (p *Provider) activeClient(ctx context.Context, id string) (client, error) {
	if !isText(id) {
		return nobody, fosite.ErrInvalidClient
	}
	if isDocumentID(id) {
		return p.documentClient(ctx, id)
	}
	found, err := p.Store.Client(ctx, authz.ClientID(id))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nobody, fosite.ErrInvalidClient.WithWrap(err)
	case err != nil:
		return nobody, err
	case !found.Active(p.Now()):
		return nobody, fosite.ErrInvalidClient
	}
	return client{found}, nil
}

// keepClient lets a client that came by itself stay when somebody first lets it in: one
// that describes itself is written down, one that registered openly ends no more.
func (p *Provider) keepClient(ctx context.Context, c *storage.Client) error {
	switch {
	case c.CreatedAt.IsZero():
		return p.keepDocumentClient(ctx, c)
	case c.Origin == storage.OriginOpen && !c.ExpiresAt.IsZero():
		return p.Store.ForOperator().KeepClient(ctx, c.ID)
	}
	return nil
}
