package directory

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// What the members of a client's metadata may say. The lists are those that the
// discovery document announces, which a test holds to be true.
var (
	signedByUs         = []string{"", "ES256", "RS256"}
	signedByClients    = []string{"", "ES256", "PS256", "EdDSA", "Ed25519", "RS256"}
	keyEncryptions     = []string{"RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"}
	contentEncryptions = []string{"", "A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"}
)

// checkMetadata judges what few clients have, by the names of RFC 7591 §4.1.
func checkMetadata(c storage.Client) error {
	m := c.Metadata
	for _, choice := range []struct {
		field, value string
		among        []string
	}{
		{"userinfo_signed_response_alg", m.UserInfoSigningAlg, signedByUs},
		{"introspection_signed_response_alg", m.IntrospectionSigningAlg, signedByUs},
		{"authorization_signed_response_alg", m.AuthorizationSigningAlg, signedByUs},
		{"request_object_signing_alg", m.RequestObjectSigningAlg, signedByClients},
		{"backchannel_authentication_request_signing_alg", m.BackChannelRequestAlg, signedByClients},
		{"id_token_encrypted_response_alg", m.IDTokenEncryptionAlg, append([]string{""}, keyEncryptions...)},
		{"id_token_encrypted_response_enc", m.IDTokenEncryptionEnc, contentEncryptions},
		{"backchannel_token_delivery_mode", m.BackChannelDelivery, []string{"", "poll", "ping"}},
		{"subject_type", m.SubjectType, []string{"", "public", "pairwise"}},
	} {
		if !slices.Contains(choice.among, choice.value) {
			return invalid(choice.field, "is not one that is supported")
		}
	}
	if err := checkResponseTypes(c); err != nil {
		return err
	}
	if len(m.ExchangesTokensOf) > 0 && c.Public() {
		return invalid("exchanges_tokens_of", "needs a client that proves who it is")
	}
	if err := checkAssertionIssuers(c); err != nil {
		return err
	}
	keyless := len(c.JWKS) == 0 && m.JWKSURI == ""
	switch {
	case keyless && (m.RequireSignedRequest || m.RequestObjectSigningAlg != ""):
		return invalid("require_signed_request_object", "needs the client's keys: send jwks or jwks_uri")
	case keyless && m.BackChannelRequestAlg != "":
		return invalid("backchannel_authentication_request_signing_alg", "needs the client's keys: send jwks or jwks_uri")
	case keyless && m.IDTokenEncryptionAlg != "":
		return invalid("id_token_encrypted_response_alg", "needs the client's keys: send jwks or jwks_uri")
	case m.IDTokenEncryptionEnc != "" && m.IDTokenEncryptionAlg == "":
		return invalid("id_token_encrypted_response_enc", "needs id_token_encrypted_response_alg beside it")
	case len(m.DetailTypes) > 32:
		return invalid("authorization_details_types", "are more than 32")
	case len(m.SoftwareStatement) > 16<<10:
		return invalid("software_statement", "is longer than 16 KiB")
	case len(m.RequestURIs) > 16:
		return invalid("request_uris", "are more than 16")
	}
	if err := checkBackChannel(c); err != nil {
		return err
	}
	if m.BackChannelLogoutURI != "" {
		if err := checkFetched("backchannel_logout_uri", m.BackChannelLogoutURI); err != nil {
			return err
		}
	}
	if err := checkFrontChannel(c); err != nil {
		return err
	}
	for _, uri := range m.RequestURIs {
		if err := checkFetched("request_uris", uri); err != nil {
			return err
		}
	}
	if err := checkProfile(c); err != nil {
		return err
	}
	return checkSector(c)
}

// checkAssertionIssuers: whether any of them is trusted is judged when one is believed.
func checkAssertionIssuers(c storage.Client) error {
	const field = "takes_assertions_of"
	issuers := c.Metadata.TakesAssertionsOf
	switch {
	case len(issuers) > 0 && c.Public():
		return invalid(field, "needs a client that proves who it is")
	case len(issuers) > 32:
		return invalid(field, "are more than 32")
	case slices.ContainsFunc(issuers, func(issuer string) bool { return !isIssuer(issuer) }):
		return invalid(field, "must be issuers as they stand in iss")
	}
	return nil
}

// checkResponseTypes: an ID token that comes through the browser goes to a web page,
// over https (OpenID Connect Core §3.2.2.1; RFC 8252 §8.2 leaves native clients out).
func checkResponseTypes(c storage.Client) error {
	const field = "response_types"
	legacy := false
	for _, t := range c.Metadata.ResponseTypes {
		switch t {
		case storage.ResponseCode:
		case storage.ResponseCodeIDToken, storage.ResponseIDToken:
			legacy = true
		default:
			return invalid(field, "must be code, code id_token or id_token")
		}
	}
	switch {
	case !legacy:
		return nil
	case c.Kind != storage.ClientWeb && c.Kind != storage.ClientSPA:
		return invalid(field, "with an ID token are for web and spa clients")
	case c.Metadata.Profile != "":
		return invalid(field, "with an ID token are not for a client with a profile")
	}
	for _, uri := range c.RedirectURIs {
		if !strings.HasPrefix(uri, "https://") {
			return invalid(field, "with an ID token need redirect URIs that are https: %q is not", uri)
		}
	}
	return nil
}

// checkBackChannel is OpenID CIBA Core 1.0 §4, and for a client with a profile FAPI-CIBA
// §5.2.2: its requests are signed.
func checkBackChannel(c storage.Client) error {
	m := c.Metadata
	switch {
	case m.BackChannelDelivery != "" && c.Public():
		return invalid("backchannel_token_delivery_mode", "needs a client that proves who it is")
	case m.BackChannelDelivery == "" && m.BackChannelRequestAlg != "":
		return invalid("backchannel_authentication_request_signing_alg", "is of no use without a backchannel_token_delivery_mode")
	case m.BackChannelDelivery != "" && m.Profile != "" && (m.BackChannelRequestAlg == "" || m.BackChannelRequestAlg == "RS256"):
		return invalid("backchannel_authentication_request_signing_alg", "must be ES256, PS256, EdDSA or Ed25519 under this profile")
	case m.BackChannelDelivery == "ping":
		return checkFetched("backchannel_client_notification_endpoint", m.BackChannelNotificationURI)
	case m.BackChannelNotificationURI != "":
		return invalid("backchannel_client_notification_endpoint", "is of no use without the backchannel_token_delivery_mode ping")
	}
	return nil
}

// checkFrontChannel: what a page of ours frames is of a host that the client has
// people sent to anyway (OpenID Connect Front-Channel Logout 1.0 §2).
func checkFrontChannel(c storage.Client) error {
	const field = "frontchannel_logout_uri"
	uri := c.Metadata.FrontChannelLogoutURI
	if uri == "" {
		return nil
	}
	// Not the kind of the client: a page in a frame is https, or http on this machine.
	if err := CheckRedirectURI(uri, storage.ClientWeb); err != nil {
		return invalid(field, "%s", err)
	}
	if len(uri) > 2048 {
		return invalid(field, "is longer than 2048 characters")
	}
	if !slices.ContainsFunc(c.RedirectURIs, func(redirect string) bool { return sameOrigin(redirect, uri) }) {
		return invalid(field, "must have the scheme, host and port of one of the redirect URIs")
	}
	return nil
}

func sameOrigin(a, b string) bool {
	one, errA := url.Parse(a)
	two, errB := url.Parse(b)
	return errA == nil && errB == nil && one.Scheme == two.Scheme && strings.EqualFold(one.Host, two.Host)
}

// checkSector: pairwise subjects are for one host or for a sector that is named
// (OpenID Connect Core §8.1). Whether the sector's document names the redirect URIs
// is for whoever can fetch it.
func checkSector(c storage.Client) error {
	if uri := c.Metadata.SectorIdentifierURI; uri != "" {
		return checkFetched("sector_identifier_uri", uri)
	}
	hosts := map[string]bool{}
	for _, uri := range c.RedirectURIs {
		if u, err := url.Parse(uri); err == nil {
			hosts[u.Host] = true
		}
	}
	if c.Metadata.SubjectType == "pairwise" && len(hosts) > 1 {
		return invalid("sector_identifier_uri", "is missing: pairwise subjects for redirect URIs on several hosts need it")
	}
	return nil
}

// checkCertificateName: a client of tls_client_auth has exactly one name (RFC 8705
// §2.1.2): with two, a certificate that has either would do.
func checkCertificateName(c storage.Client) error {
	m, names := c.Metadata, 0
	for _, name := range []string{m.TLSSubjectDN, m.TLSSubjectDNS, m.TLSSubjectURI, m.TLSSubjectIP, m.TLSSubjectEmail} {
		if name != "" {
			names++
		}
	}
	if names != 1 {
		return invalid("tls_client_auth_subject_dn", "or one tls_client_auth_san_… member is needed, and no second one")
	}
	return nil
}

// checkProfile holds a client to all of what its profile demands, so that none is
// half of one (FAPI 2.0 Security Profile §5.3.2; Message Signing §5).
func checkProfile(c storage.Client) error {
	m := c.Metadata
	if m.Profile == "" {
		return nil
	}
	strong := []string{storage.AuthMethodPrivateKeyJWT, storage.AuthMethodTLS, storage.AuthMethodSelfSignedTLS}
	signing := m.Profile == storage.ProfileFAPI2Signing
	switch {
	case m.Profile != storage.ProfileFAPI2 && !signing:
		return invalid("profile", "must be fapi2 or fapi2-message-signing")
	case !slices.Contains(strong, c.AuthMethod):
		return invalid("auth_method", "must be private_key_jwt, tls_client_auth or self_signed_tls_client_auth under this profile")
	case !m.DPoPBound && !m.TLSBound:
		return invalid("dpop_bound_access_tokens", "or tls_client_certificate_bound_access_tokens must be true under this profile")
	case !m.RequirePushedRequest:
		return invalid("require_pushed_authorization_requests", "must be true under this profile")
	case c.IDTokenAlg == "RS256" || m.RequestObjectSigningAlg == "RS256" || m.AuthorizationSigningAlg == "RS256" || m.IntrospectionSigningAlg == "RS256" || m.UserInfoSigningAlg == "RS256":
		return invalid("id_token_signed_response_alg", "and every other algorithm must not be RS256 under this profile")
	case signing && !m.RequireSignedRequest:
		return invalid("require_signed_request_object", "must be true under this profile")
	case signing && m.IntrospectionSigningAlg == "":
		return invalid("introspection_signed_response_alg", "must be ES256 under this profile: the default is RS256")
	}
	for _, uri := range c.RedirectURIs {
		if !strings.HasPrefix(uri, "https://") {
			return invalid("redirect_uri", "%q: must be https under this profile", uri)
		}
	}
	return nil
}

// suitProfile switches on what a profile leaves no choice about.
func suitProfile(c *storage.Client) {
	m := &c.Metadata
	if m.Profile == "" {
		return
	}
	m.RequirePushedRequest = true
	m.DPoPBound = m.DPoPBound || !m.TLSBound
	if m.Profile == storage.ProfileFAPI2Signing {
		m.RequireSignedRequest = true
		m.IntrospectionSigningAlg = cmp.Or(m.IntrospectionSigningAlg, "ES256")
	}
}
