package resource

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
)

// DPoP is how a [Guard] judges DPoP proofs (RFC 9449 §7).
type DPoP struct {
	// BaseURL is what clients know the path "/" of this server by, such as
	// https://api.example.com: what a request says of its own host is not believed, or
	// a proof made for another server would count here. Empty means that tokens bound
	// to a DPoP key are refused.
	BaseURL string
	// Replays makes sure that a proof is used once; nil means [dpop.NewReplays], in
	// the memory of this process.
	Replays Replays
	// Nonces are asked for in every proof (RFC 9449 §9); nil means that none is.
	Nonces *dpop.Nonces
}

// Replays remembers which proofs were used. The errors of Spend are
// [dpop.ErrInvalid] for one that was; any other means that nothing is known.
type Replays interface {
	Spend(ctx context.Context, p dpop.Proof) error
}

// understood reports whether clients may come with proofs.
func (d DPoP) understood() bool { return d.BaseURL != "" }

// url is the address of a request as its client knows it. A handler may stand
// behind [http.StripPrefix], so it is the path that was asked for.
func (d DPoP) url(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") {
		path = r.URL.EscapedPath()
	}
	return strings.TrimSuffix(d.BaseURL, "/") + path
}

// prove finds out which keys whoever sends the request holds. The proof, nil
// without one, is not spent yet.
func (g *Guard) prove(w http.ResponseWriter, r *http.Request, token presented, scopes authz.ScopeSet) (Binding, *dpop.Proof, *refusal) {
	var proven Binding
	if certificate := g.certificate(r); certificate != nil {
		proven.X5T = CertificateThumbprint(certificate)
	}
	if token.scheme != dpop.Scheme {
		return proven, nil, nil
	}
	now := g.now()
	if g.dpop.Nonces != nil {
		w.Header().Set(dpop.NonceHeader, g.dpop.Nonces.Current(now))
	}
	proofs := r.Header.Values(dpop.Header)
	if len(proofs) != 1 {
		return proven, nil, invalidProof(scopes, "Exactly one DPoP header is needed.")
	}
	proof, err := dpop.Parse(proofs[0], dpop.Request{Method: r.Method, URL: g.dpop.url(r), AccessToken: token.text}, now)
	switch {
	case err != nil:
		return proven, nil, invalidProof(scopes, "The "+err.Error()+".")
	case g.dpop.Nonces != nil && !g.dpop.Nonces.Fits(proof.Nonce, now):
		return proven, nil, needsNonce(scopes)
	}
	proven.JKT = proof.Thumbprint
	return proven, &proof, nil
}

// spend uses a proof up. It is asked last, so that only who has a token that opens
// the resource makes anybody remember anything.
func (g *Guard) spend(ctx context.Context, proof *dpop.Proof, scopes authz.ScopeSet) *refusal {
	if proof == nil {
		return nil
	}
	switch err := g.dpop.Replays.Spend(ctx, *proof); {
	case errors.Is(err, dpop.ErrInvalid):
		return invalidProof(scopes, "The "+err.Error()+".")
	case err != nil:
		g.logger.ErrorContext(ctx, "DPoP proof not checked", "reason", err)
		return unavailable()
	}
	return nil
}
