package directory

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// CreateClient registers a client. Its secret is shown this once, and zero for a
// client that has none.
func (s *Service) CreateClient(ctx context.Context, a Actor, n CreateClient) (storage.Client, Secret, error) {
	return s.createClient(ctx, a, n, func(*storage.Client) {})
}

// createClient lets finish add to a client that may be made, before it is.
func (s *Service) createClient(ctx context.Context, a Actor, n CreateClient, finish func(*storage.Client)) (c storage.Client, secret Secret, err error) {
	if err := may(a, manageClients); err != nil {
		return c, secret, err
	}
	c = storage.Client{
		ID: n.ID, Kind: n.Kind, Name: n.Name, AuthMethod: n.AuthMethod, JWKS: n.JWKS, Scopes: given(n.Scopes), RedirectURIs: n.RedirectURIs,
		PostLogoutRedirectURIs: n.PostLogoutRedirectURIs, IDTokenAlg: n.IDTokenAlg, Introspect: n.Introspect, FirstParty: n.FirstParty,
		SkipConsent: n.SkipConsent, IDTokenAtRefresh: n.IDTokenAtRefresh, Metadata: n.Metadata, OpenTo: n.OpenTo, Groups: inOrder(n.Groups),
		LogoURI: n.LogoURI, PolicyURI: n.PolicyURI, TOSURI: n.TOSURI, CreatedAt: s.now(), Origin: storage.OriginOperator,
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
	if err := errors.Join(checkOpenTo(c), checkLinks(c), s.checkGroups(ctx, c), s.checkOwner(ctx, a, &c, n.Owner)); err != nil {
		return c, secret, err
	}
	secret = s.giveSecret(&c)
	finish(&c)
	return c, secret, s.store.InsertClient(ctx, c, s.event(a, "client.create", c.Tenant))
}

// giveSecret gives a client a secret if it is of those that have one; else zero.
func (s *Service) giveSecret(c *storage.Client) Secret {
	if !usesSecret(*c) {
		return Secret{}
	}
	secret := newSecret()
	c.SecretHash = storage.HashClientSecret(s.pepper, secret.Reveal())
	return secret
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
	suitProfile(c)
	c.GrantTypes = grantTypes(c)
	if c.OpenTo == "" {
		c.OpenTo = storage.OpenToNobody
	}
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

// grantTypes follow from the kind and, for exchange, from whose tokens or assertions the
// client may take; for a sign-in without a browser, from how the client learns the answer. A client
// that registered itself has none that its policy lacks.
func grantTypes(c *storage.Client) []string {
	types := grantTypesWithoutPolicy(c)
	if p := c.Registration.Policy; p != nil {
		types = slices.DeleteFunc(types, func(t string) bool { return !slices.Contains(p.GrantTypes, t) })
	}
	return types
}

func grantTypesWithoutPolicy(c *storage.Client) []string {
	types := grantTypesOfKind(c)
	if len(c.Metadata.ExchangesTokensOf) > 0 {
		types = append(types, storage.GrantTokenExchange)
	}
	if len(c.Metadata.TakesAssertionsOf) > 0 {
		types = append(types, storage.GrantJWTBearer)
	}
	if c.Metadata.BackChannelDelivery != "" {
		types = append(types, storage.GrantCIBA)
		if !slices.Contains(types, storage.GrantRefreshToken) {
			types = append(types, storage.GrantRefreshToken)
		}
	}
	return types
}

// grantTypesOfKind: a native client may run where no browser does (RFC 8628); without
// a redirect URI that is its only way.
func grantTypesOfKind(c *storage.Client) []string {
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
	return checkMetadata(c)
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
	case storage.AuthMethodTLS:
		return checkCertificateName(c)
	case storage.AuthMethodSelfSignedTLS:
		return checkKeys(c)
	case storage.AuthMethodPrivateKeyJWT:
		return checkKeys(c)
	default:
		return invalid("auth_method", "must be client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none")
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
