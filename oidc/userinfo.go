package oidc

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
)

// UserInfo is the UserInfo endpoint (OpenID Connect Core §5.3), by GET and POST.
// The token comes in the Authorization header or, as RFC 6750 §2.2 allows, in the
// body of a POST; never in the query.
func (p *Provider) UserInfo(w http.ResponseWriter, r *http.Request) {
	token, err := readPresented(w, r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	if token.text == "" {
		// RFC 6750 §3.1: without credentials, a challenge without an error code.
		p.challenge(w, http.StatusUnauthorized, schemeBearer, "", "")
		return
	}
	const dead = "The access token is malformed, expired, revoked or made for someone else."
	claims, err := p.openAccessToken(token.text)
	if err != nil || claims.GrantID == "" || !slices.Contains(claims.Audience, p.Issuer) {
		p.challenge(w, http.StatusUnauthorized, token.scheme, "invalid_token", dead)
		return
	}
	if err := p.possessed(w, r, token, claims.Confirmation); err != nil {
		e := translate(err)
		if e.Status != http.StatusUnauthorized {
			p.writeError(w, r, err)
			return
		}
		p.logError(r, e, err)
		p.challenge(w, e.Status, dpop.Scheme, e.Code, e.Description)
		return
	}
	s, person, err := p.standAndUser(r.Context(), claims)
	switch {
	case err != nil:
		p.writeError(w, r, err)
		return
	case !s.active:
		p.challenge(w, http.StatusUnauthorized, token.scheme, "invalid_token", dead)
		return
	}
	scopes := parsedScopes(s.claims.Scope)
	if !scopes.Has(authz.ScopeOpenID) {
		p.challenge(w, http.StatusForbidden, token.scheme, "insufficient_scope", "The access token lacks the scope openid.")
		return
	}
	p.writeUserInfo(w, r, s.claims.ClientID, person, scopes)
}

// standAndUser says what a token is worth at this moment, and whose it is. It takes
// one trip: for the member alone where memory knows that the token stands, for all that
// its rights rest on where it does not.
func (p *Provider) standAndUser(ctx context.Context, c accessClaims) (standing, storage.User, error) {
	s, err := p.stand(ctx, c)
	if err != nil || !s.active {
		return standing{}, storage.User{}, err
	}
	if s.person != nil {
		return s, s.person.User, nil
	}
	user, err := p.Store.ForUser(c.user()).Member(ctx, c.context().Tenant)
	if err != nil || !user.DisabledAt.IsZero() {
		return standing{}, storage.User{}, ignoreNotFound(err)
	}
	return s, user, nil
}

// writeUserInfo answers as JSON or, for a client that is registered for it, as a
// signed token (OpenID Connect Core §5.3.2).
func (p *Provider) writeUserInfo(w http.ResponseWriter, r *http.Request, client authz.ClientID, user storage.User, scopes authz.ScopeSet) {
	c, err := p.Store.Client(r.Context(), client)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	claims := p.userClaims(user, scopes)
	claims["sub"] = p.subjects.of(c, user.ID)
	if c.Metadata.UserInfoSigningAlg == "" {
		p.writeJSON(w, http.StatusOK, claims)
		return
	}
	claims["iss"], claims["aud"] = p.Issuer, c.ID
	signed, err := p.Keys.Sign(keys.Algorithm(c.Metadata.UserInfoSigningAlg), keys.TypeUserInfo, claims)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	p.writeToken(w, "application/jwt", signed)
}

// schemeBearer is the authorization scheme of RFC 6750.
const schemeBearer = "Bearer"

// presented is an access token as a request presents it; text is "" when it does not.
type presented struct{ scheme, text string }

// readPresented finds the one access token of a request.
func readPresented(w http.ResponseWriter, r *http.Request) (presented, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return presented{}, badRequest("invalid_request", "The Authorization header is given more than once.")
	}
	token := presented{scheme: schemeBearer}
	if len(headers) == 1 {
		scheme, rest, _ := strings.Cut(headers[0], " ")
		for _, known := range []string{schemeBearer, dpop.Scheme} {
			if strings.EqualFold(scheme, known) {
				token = presented{known, strings.TrimSpace(rest)}
			}
		}
	}
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return token, nil
	}
	parameters, err := form(w, r)
	if err != nil {
		return presented{}, err
	}
	if inBody := parameters.Get("access_token"); inBody != "" {
		if token.text != "" {
			return presented{}, badRequest("invalid_request", "The access token is given in more than one way.")
		}
		token.text = inBody
	}
	return token, nil
}

// possessed proves that whoever presents a token holds the key that it is bound to
// (RFC 9449 §7.1, RFC 8705 §3), and spends the proof. A bound token is worth nothing
// as a bearer token, and a bearer token is not made better by a proof.
func (p *Provider) possessed(w http.ResponseWriter, r *http.Request, token presented, bound *confirmation) error {
	if bound == nil {
		bound = &confirmation{}
	}
	if (bound.JKT != "") != (token.scheme == dpop.Scheme) || bound.X5T != "" && bound.X5T != certificateThumbprint(r) {
		return &Error{Code: "invalid_token", Status: http.StatusUnauthorized,
			Description: "The access token is bound to a key that was not shown: to a certificate, or to a DPoP key with the scheme of that name."}
	}
	if bound.JKT == "" {
		return nil
	}
	proof, err := p.proofOf(w, r, token.text)
	if err == nil && (proof == nil || proof.Thumbprint != bound.JKT) {
		err = invalidProof("The DPoP proof is missing or made with another key than the one that the token is bound to.")
	}
	if err == nil {
		err = p.spend(r.Context(), proof)
	}
	var refused *Error
	if errors.As(err, &refused) {
		refused.Status = http.StatusUnauthorized
	}
	return err
}

// userClaims is what the scopes open of a user (OpenID Connect Core §5.4).
func (p *Provider) userClaims(user storage.User, scopes authz.ScopeSet) map[string]any {
	claims := map[string]any{}
	if scopes.Has(authz.ScopeProfile) {
		claims["name"] = user.Name()
		claims["preferred_username"] = user.Username
		claims["updated_at"] = user.AuthzChangedAt.Unix()
		if locale := user.Locale(); locale != "" {
			claims["locale"] = locale
		}
		if user.AvatarURL != "" {
			claims["picture"] = p.absolute(user.AvatarURL)
		}
	}
	if scopes.Has(authz.ScopeEmail) {
		claims["email"] = user.Email
		claims["email_verified"] = !user.EmailVerifiedAt.IsZero()
	}
	if scopes.Has(authz.ScopePhone) && user.Phone != "" {
		claims["phone_number"] = user.Phone
		claims["phone_number_verified"] = user.PhoneVerified
	}
	if formatted := user.Address.Formatted(); scopes.Has(authz.ScopeAddress) && formatted != "" {
		claims["address"] = addressClaim{formatted, user.Address}
	}
	return claims
}

// addressClaim is OpenID Connect Core §5.1.1.
type addressClaim struct {
	Formatted string `json:"formatted"`
	storage.Address
}

// absolute is an address of ours as other sites need it; any other stays as it is.
func (p *Provider) absolute(address string) string {
	if strings.HasPrefix(address, "/") {
		return p.Issuer + address
	}
	return address
}

// challenge is RFC 6750 §3 and RFC 9449 §7.1, with the one scope that is needed here. Its
// texts are ours and need no escaping. Whoever has not tried yet learns of both schemes.
func (p *Provider) challenge(w http.ResponseWriter, status int, scheme, code, description string) {
	why := ""
	if code != "" {
		why = `, error="` + code + `", error_description="` + description + `"`
	}
	bearer := schemeBearer + ` realm="gatehouse", scope="openid"` + why
	proof := dpop.Scheme + ` realm="gatehouse", scope="openid", algs="` + dpop.AlgorithmNames() + `"` + why
	switch {
	case code == "":
		w.Header()["Www-Authenticate"] = []string{bearer, proof}
	case scheme == dpop.Scheme:
		w.Header().Set("WWW-Authenticate", proof)
	default:
		w.Header().Set("WWW-Authenticate", bearer)
	}
	if code == "" {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		return
	}
	p.writeJSON(w, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, description})
}
