package oidc

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/storage"
)

// introspectionMediaType is RFC 9701 §4.
const introspectionMediaType = "application/token-introspection+jwt"

func wantsSigned(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("Accept")), introspectionMediaType)
}

// writeSignedIntrospection answers with a token that the resource server can keep
// as evidence (RFC 9701 §5): made for it alone, and of a type of its own.
func (p *Provider) writeSignedIntrospection(w http.ResponseWriter, r *http.Request, caller *storage.Client, answer *introspection) {
	var inside any = answer
	if answer == nil {
		inside = json.RawMessage(inactive)
	}
	algorithm := cmp.Or(caller.Metadata.IntrospectionSigningAlg, string(keys.RS256))
	signed, err := p.Keys.Sign(keys.Algorithm(algorithm), keys.TypeIntrospection, map[string]any{
		"iss": p.Issuer, "aud": caller.ID, "iat": p.Now().Unix(), "token_introspection": inside,
	})
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	p.writeToken(w, introspectionMediaType, signed)
}
