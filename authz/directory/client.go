package directory

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// CreateClient registers a client. Its secret is shown this once, and zero for a
// client that has none.
func (s *Service) CreateClient(ctx context.Context, a Actor, n CreateClient) (c storage.Client, secret Secret, err error) {
	if err := may(a, manageClients); err != nil {
		return c, secret, err
	}
	c = storage.Client{
		ID: n.ID, Kind: n.Kind, Name: n.Name, AuthMethod: n.AuthMethod, JWKS: n.JWKS, Scopes: given(n.Scopes), RedirectURIs: n.RedirectURIs,
		PostLogoutRedirectURIs: n.PostLogoutRedirectURIs, IDTokenAlg: n.IDTokenAlg, Introspect: n.Introspect, FirstParty: n.FirstParty,
		SkipConsent: n.SkipConsent, IDTokenAtRefresh: n.IDTokenAtRefresh, Metadata: n.Metadata,
		CreatedAt: s.now(),
	}
	suit(&c)
	if err := errors.Join(mayGive(a, c.Scopes), checkPatterns(c.Scopes), checkClient(c)); err != nil {
		return c, secret, err
	}
	if !n.AllTenants {
		t, err := s.tenantOrFirst(ctx, a, n.Tenant)
		if err != nil {
			return c, secret, err
		}
		c.Tenant = t.ID
	}
	if c.Kind == storage.ClientAgent {
		if n.Owner.IsZero() {
			return c, secret, invalid("owner", "is missing: an agent has an owner, whose scopes it never exceeds")
		}
		c.Owner = n.Owner
	}
	if usesSecret(c) {
		secret = newSecret()
		c.SecretHash = storage.HashClientSecret(s.pepper, secret.Reveal())
	}
	return c, secret, s.store.InsertClient(ctx, c, s.event(a, "client.create", c.Tenant))
}

func usesSecret(c storage.Client) bool {
	return c.AuthMethod == storage.AuthMethodBasic || c.AuthMethod == storage.AuthMethodPost
}

// suit fills in what follows from the kind.
func suit(c *storage.Client) {
	public := c.Kind == storage.ClientSPA || c.Kind == storage.ClientNative
	if c.AuthMethod == "" {
		c.AuthMethod = storage.AuthMethodBasic
		if public {
			c.AuthMethod = storage.AuthMethodNone
		}
		if len(c.JWKS) > 0 || c.Metadata.JWKSURI != "" {
			c.AuthMethod = storage.AuthMethodPrivateKeyJWT
		}
	}
	c.GrantTypes = grantTypes(c)
	if c.IDTokenAlg == "" {
		c.IDTokenAlg = "ES256"
	}
	if c.ID == "" {
		name := slug(c.Name)
		if name == "" {
			name = string(c.Kind)
		}
		c.ID = authz.ClientID(name + "-" + strings.ToLower(rand.Text()[:8]))
	}
}

// grantTypes follow from the kind. A native client may run where no browser does
// (RFC 8628); without a redirect URI that is its only way.
func grantTypes(c *storage.Client) []string {
	switch {
	case c.Kind == storage.ClientService || c.Kind == storage.ClientAgent:
		return []string{storage.GrantClientCredentials}
	case c.Kind == storage.ClientNative && len(c.RedirectURIs) == 0:
		return []string{storage.GrantDeviceCode, storage.GrantRefreshToken}
	case c.Kind == storage.ClientNative:
		return []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken, storage.GrantDeviceCode}
	}
	return []string{storage.GrantAuthorizationCode, storage.GrantRefreshToken}
}

func checkClient(c storage.Client) error {
	if err := checkName("name", c.Name); err != nil || c.Name == "" {
		return errors.Join(err, missing("name", c.Name))
	}
	if err := checkClientID(c.ID); err != nil {
		return err
	}
	kinds := []storage.ClientKind{storage.ClientWeb, storage.ClientSPA, storage.ClientNative, storage.ClientService, storage.ClientAgent}
	if !slices.Contains(kinds, c.Kind) {
		return invalid("kind", "must be web, spa, native, service or agent")
	}
	if err := checkAuthMethod(c); err != nil {
		return err
	}
	if !slices.Contains([]string{"ES256", "RS256"}, c.IDTokenAlg) {
		return invalid("id_token_alg", "must be ES256 or RS256")
	}
	interactive := slices.Contains(c.GrantTypes, storage.GrantAuthorizationCode)
	if interactive && len(c.RedirectURIs) == 0 {
		return invalid("redirect_uri", "is missing: a %s client needs at least one", c.Kind)
	}
	if !interactive && len(c.RedirectURIs)+len(c.PostLogoutRedirectURIs) > 0 {
		return invalid("redirect_uri", "is of no use to a %s client: nobody signs in through it", c.Kind)
	}
	if c.SkipConsent && !c.FirstParty {
		return invalid("skip_consent", "is for first-party clients: say both")
	}
	for _, uri := range c.RedirectURIs {
		if err := CheckRedirectURI(uri, c.Kind); err != nil {
			return invalid("redirect_uri", "%q: %v", uri, err)
		}
	}
	for _, uri := range c.PostLogoutRedirectURIs {
		if err := CheckRedirectURI(uri, c.Kind); err != nil {
			return invalid("post_logout_redirect_uri", "%q: %v", uri, err)
		}
	}
	return nil
}

func missing(field, value string) error {
	if value == "" {
		return invalid(field, "is missing")
	}
	return nil
}

// checkClientID keeps client ids apart from user ids: a client's own token has the
// client_id as its subject (RFC 9700 §4.15).
func checkClientID(id authz.ClientID) error {
	if _, err := authz.ParseID[authz.UserID](string(id)); err == nil {
		return invalid("client_id", "must not look like the id of a user")
	}
	if len(id) < 3 || len(id) > 128 || strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		return invalid("client_id", "must have 3 to 128 letters, digits or . _ -")
	}
	return nil
}

func checkAuthMethod(c storage.Client) error {
	switch c.AuthMethod {
	case storage.AuthMethodBasic, storage.AuthMethodPost:
		if c.Kind == storage.ClientSPA || c.Kind == storage.ClientNative {
			return invalid("auth_method", "a %s client cannot keep a secret: use none", c.Kind)
		}
	case storage.AuthMethodNone:
		if slices.Contains(c.GrantTypes, storage.GrantClientCredentials) {
			return invalid("auth_method", "a %s client must prove who it is", c.Kind)
		}
		if c.Introspect {
			return invalid("introspect", "needs a client that proves who it is")
		}
	case storage.AuthMethodPrivateKeyJWT:
		return checkKeys(c)
	default:
		return invalid("auth_method", "must be client_secret_basic, client_secret_post, private_key_jwt or none")
	}
	// Keys serve request objects too, whatever the client authenticates by.
	if len(c.JWKS) > 0 || c.Metadata.JWKSURI != "" {
		return checkKeys(c)
	}
	return nil
}

func checkKeys(c storage.Client) error {
	switch {
	case c.Metadata.JWKSURI == "":
		return checkJWKS(c.JWKS)
	case len(c.JWKS) > 0:
		return invalid("jwks_uri", "stands beside jwks: send one of the two (RFC 7591 §2)")
	}
	return checkFetched("jwks_uri", c.Metadata.JWKSURI)
}

// checkFetched judges an address that the server will fetch from or send to: https,
// or http on this machine for development, which a server has to allow by itself.
func checkFetched(field, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(address) > 2048 {
		return invalid(field, "must be an absolute URL without user information and fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return invalid(field, "must be https")
	}
	return nil
}

// checkJWKS takes public signature keys alone: a private part that was sent by
// mistake is refused before it is kept.
func checkJWKS(document []byte) error {
	if len(document) == 0 {
		return invalid("jwks", "is missing: private_key_jwt needs the client's public keys")
	}
	if len(document) > 64<<10 {
		return invalid("jwks", "is larger than 64 KiB")
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > 32 {
		return invalid("jwks", "is not a JSON Web Key Set of 1 to 32 keys")
	}
	for _, key := range set.Keys {
		if kind, _ := key["kty"].(string); !slices.Contains([]string{"RSA", "EC", "OKP"}, kind) {
			return invalid("jwks", "has a key whose kty is not RSA, EC or OKP")
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, present := key[private]; present {
				return invalid("jwks", "has a private key: send the public part alone, and replace this key")
			}
		}
	}
	return nil
}

// Clients lists every client, in the order of their ids.
func (s *Service) Clients(ctx context.Context, a Actor, p Paging) (Page[storage.Client], error) {
	if err := may(a, readDirectory); err != nil {
		return Page[storage.Client]{}, err
	}
	clients, err := s.store.Clients(ctx, authz.ClientID(p.Cursor), p.limit()+1)
	return page(clients, p, func(c storage.Client) string { return string(c.ID) }), err
}

// Client finds a client by its client_id.
func (s *Service) Client(ctx context.Context, a Actor, id authz.ClientID) (storage.Client, error) {
	if err := may(a, readDirectory); err != nil {
		return storage.Client{}, err
	}
	c, err := s.store.Client(ctx, id)
	return c, orUnknown(err, "client", string(id))
}

// RotateClientSecret gives a client a new secret, shown this once. The one before
// works for the overlap, so that deployments have time.
func (s *Service) RotateClientSecret(ctx context.Context, a Actor, id authz.ClientID, overlap time.Duration) (Secret, error) {
	c, err := s.ownClient(ctx, a, id)
	if err != nil {
		return Secret{}, err
	}
	if !usesSecret(c) {
		return Secret{}, invalid("client", "has no secret: it authenticates by %s", c.AuthMethod)
	}
	if overlap < 0 || overlap > 30*24*time.Hour {
		return Secret{}, invalid("overlap", "must be between 0 and 30 days")
	}
	secret := newSecret()
	return secret, s.store.RotateClientSecret(ctx, id, storage.HashClientSecret(s.pepper, secret.Reveal()), s.now().Add(overlap), s.event(a, "client.rotate-secret", c.Tenant))
}

func (s *Service) ownClient(ctx context.Context, a Actor, id authz.ClientID) (storage.Client, error) {
	if err := may(a, manageClients); err != nil {
		return storage.Client{}, err
	}
	return s.Client(ctx, a, id)
}

// DisableClient stops a client and every token of it at once.
func (s *Service) DisableClient(ctx context.Context, a Actor, id authz.ClientID) error {
	c, err := s.ownClient(ctx, a, id)
	if err != nil {
		return err
	}
	return s.store.SetClientDisabled(ctx, id, true, s.event(a, "client.disable", c.Tenant))
}

// EnableClient lets a client work again.
func (s *Service) EnableClient(ctx context.Context, a Actor, id authz.ClientID) error {
	c, err := s.ownClient(ctx, a, id)
	if err != nil {
		return err
	}
	return s.store.SetClientDisabled(ctx, id, false, s.event(a, "client.enable", c.Tenant))
}

// DeleteClient removes a client with its consents and grants.
func (s *Service) DeleteClient(ctx context.Context, a Actor, id authz.ClientID) error {
	c, err := s.ownClient(ctx, a, id)
	if err != nil {
		return err
	}
	return s.store.DeleteClient(ctx, id, s.dead(), s.event(a, "client.delete", c.Tenant))
}
