package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
)

const (
	// maxClaims bounds the claims parameter, in bytes.
	maxClaims = 8 << 10
	// maxDepth bounds the nesting of any JSON that a request carries.
	maxDepth = 16
)

// scopeOfClaim is the scope that opens each claim about the user (OpenID Connect
// Core §5.4). A claim that is asked for by name is asked for by its scope, so that
// the person reads on the consent page what leaves the house.
var scopeOfClaim = map[string]authz.Scope{
	"name": authz.ScopeProfile, "preferred_username": authz.ScopeProfile, "picture": authz.ScopeProfile, "updated_at": authz.ScopeProfile,
	"locale": authz.ScopeProfile,
	"email":  authz.ScopeEmail, "email_verified": authz.ScopeEmail,
	"phone_number": authz.ScopePhone, "phone_number_verified": authz.ScopePhone, "address": authz.ScopeAddress,
}

// claimRequest is how one claim is asked for (OpenID Connect Core §5.5.1); its zero
// value stands for null.
type claimRequest struct {
	Essential bool     `json:"essential"`
	Value     string   `json:"value"`
	Values    []string `json:"values"`
}

// accepts is every value that would do; nil for any.
func (c claimRequest) accepts() []string {
	if c.Value != "" {
		return append([]string{c.Value}, c.Values...)
	}
	return c.Values
}

// checkClaims reads the claims parameter (OpenID Connect Core §5.5). Claims that
// are not known are ignored, as the standard wants it.
func (p *Provider) checkClaims(_ context.Context, a *authorization) error {
	text := a.Parameters.Get("claims")
	a.acrValues = strings.Fields(a.Parameters.Get("acr_values"))
	if text == "" {
		return nil
	}
	malformed := badRequest("invalid_request", "The claims parameter is not a JSON object of at most 8 KiB as OpenID Connect Core §5.5 describes it.")
	if len(text) > maxClaims || !shallow([]byte(text)) {
		return malformed
	}
	var asked struct {
		IDToken  map[string]json.RawMessage `json:"id_token"`
		UserInfo map[string]json.RawMessage `json:"userinfo"`
	}
	if err := json.Unmarshal([]byte(text), &asked); err != nil {
		return malformed
	}
	for name := range asked.IDToken {
		if scope, known := scopeOfClaim[name]; known {
			a.requested = a.requested.With(scope)
			a.idTokenClaims = append(a.idTokenClaims, name)
		}
	}
	slices.Sort(a.idTokenClaims)
	for name := range asked.UserInfo {
		if scope, known := scopeOfClaim[name]; known {
			a.requested = a.requested.With(scope)
		}
	}
	return a.readSpecialClaims(asked.IDToken)
}

// readSpecialClaims: a claim about the sign-in is a condition on it.
func (a *authorization) readSpecialClaims(claims map[string]json.RawMessage) error {
	var subject claimRequest
	if raw, present := claims["sub"]; present {
		if err := json.Unmarshal(raw, &subject); err != nil {
			return badRequest("invalid_request", "The claims parameter asks for sub in a way that is not understood.")
		}
	}
	a.subject = subject.Value
	var class claimRequest
	if raw, present := claims["acr"]; present {
		if err := json.Unmarshal(raw, &class); err != nil {
			return badRequest("invalid_request", "The claims parameter asks for acr in a way that is not understood.")
		}
	}
	if class.Essential {
		a.essentialACR = class.accepts()
	} else {
		a.acrValues = append(a.acrValues, class.accepts()...)
	}
	return nil
}

// shallow reports whether a text is one JSON value that is not nested too deeply.
func shallow(text []byte) bool {
	depth := 0
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := decoder.Token()
		if err != nil {
			return depth == 0 && json.Valid(text)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return false
		}
	}
}
