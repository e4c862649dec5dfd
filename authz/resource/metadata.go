package resource

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
)

// Metadata describes a resource server to its clients (RFC 9728 §2). It is the
// handler of its own document.
type Metadata struct {
	// Resource is the identifier of the resource server, which is the audience of
	// its tokens: an https URL without a fragment.
	Resource string
	// AuthorizationServers is the issuers whose tokens it takes.
	AuthorizationServers []string
	// Scopes is what a client may want to ask for.
	Scopes authz.ScopeSet
	// DPoP says that tokens may be bound to a DPoP key: the [Guard] has a [DPoP].
	DPoP bool
	// Certificates says that tokens may be bound to a certificate (RFC 8705): the [Guard]
	// sees those of clients.
	Certificates bool
}

// URL is where the document must be served (RFC 9728 §3.1): the well-known path
// stands between the host and the path of the resource.
func (m Metadata) URL() (string, error) {
	u, err := checkURL(m.Resource)
	if err != nil {
		return "", fmt.Errorf("resource %.200q: %w", m.Resource, err)
	}
	u.Path = "/.well-known/oauth-protected-resource" + strings.TrimSuffix(u.Path, "/")
	return u.String(), nil
}

// ServeHTTP answers with the document. It holds nothing that is secret, and a
// client in a browser must read it before it has a token: any origin may.
func (m Metadata) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	var proofs []jose.SignatureAlgorithm
	if m.DPoP {
		proofs = dpop.Algorithms
	}
	// The client is gone when this fails.
	_ = json.NewEncoder(w).Encode(struct {
		Resource             string                    `json:"resource"`
		AuthorizationServers []string                  `json:"authorization_servers"`
		Scopes               authz.ScopeSet            `json:"scopes_supported,omitempty"`
		Methods              []string                  `json:"bearer_methods_supported"`
		ProofAlgorithms      []jose.SignatureAlgorithm `json:"dpop_signing_alg_values_supported,omitempty"`
		Certificates         bool                      `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	}{m.Resource, m.AuthorizationServers, m.Scopes, []string{"header"}, proofs, m.Certificates})
}
