package oidc

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// UserInfo is the UserInfo endpoint (OpenID Connect Core §5.3), by GET and POST.
// The token comes in the Authorization header or, as RFC 6750 §2.2 allows, in the
// body of a POST; never in the query.
func (p *Provider) UserInfo(w http.ResponseWriter, r *http.Request) {
	token, err := bearer(w, r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	if token == "" {
		// RFC 6750 §3.1: without credentials, a challenge without an error code.
		p.challenge(w, http.StatusUnauthorized, "", "")
		return
	}
	claims, err := p.openAccessToken(token)
	if err != nil || claims.GrantID == "" || !slices.Contains(claims.Audience, p.Issuer) {
		p.challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is malformed, expired, revoked or made for someone else.")
		return
	}
	s, err := p.stand(r.Context(), claims)
	switch {
	case err != nil:
		p.writeError(w, r, err)
		return
	case !s.active:
		p.challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is malformed, expired, revoked or made for someone else.")
		return
	}
	scopes := parsedScopes(s.claims.Scope)
	if !scopes.Has(authz.ScopeOpenID) {
		p.challenge(w, http.StatusForbidden, "insufficient_scope", "The access token lacks the scope openid.")
		return
	}
	p.writeJSON(w, http.StatusOK, userClaims(*s.person, scopes))
}

// bearer is the token of the request, "" when there is none.
func bearer(w http.ResponseWriter, r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", badRequest("invalid_request", "The Authorization header is given more than once.")
	}
	var token string
	if len(headers) == 1 {
		scheme, rest, _ := strings.Cut(headers[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			token = strings.TrimSpace(rest)
		}
	}
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return token, nil
	}
	parameters, err := form(w, r)
	if err != nil {
		return "", err
	}
	if inBody := parameters.Get("access_token"); inBody != "" {
		if token != "" {
			return "", badRequest("invalid_request", "The access token is given in more than one way.")
		}
		token = inBody
	}
	return token, nil
}

// userClaims is what the scopes open of a person (OpenID Connect Core §5.4).
func userClaims(person storage.Person, scopes authz.ScopeSet) map[string]any {
	claims := map[string]any{"sub": person.ID.String()}
	if scopes.Has(authz.ScopeProfile) {
		claims["name"] = person.Name()
		claims["preferred_username"] = person.Username
		claims["updated_at"] = person.AuthzChangedAt.Unix()
		if person.AvatarURL != "" {
			claims["picture"] = person.AvatarURL
		}
	}
	if scopes.Has(authz.ScopeEmail) {
		claims["email"] = person.Email
		claims["email_verified"] = !person.EmailVerifiedAt.IsZero()
	}
	return claims
}

// challenge is RFC 6750 §3. Its texts are ours and need no escaping.
func (p *Provider) challenge(w http.ResponseWriter, status int, code, description string) {
	value := `Bearer realm="gatehouse"`
	if code != "" {
		value += `, error="` + code + `", error_description="` + description + `"`
	}
	w.Header().Set("WWW-Authenticate", value)
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
