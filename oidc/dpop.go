package oidc

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse/gatehouse/authz/dpop"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/storage"
)

// confirmation is the key that a token is bound to (RFC 7800 §3.1).
type confirmation struct {
	// JKT is the thumbprint of a DPoP key (RFC 9449 §6.1).
	JKT string `json:"jkt,omitempty"`
	// X5T is the thumbprint of a certificate (RFC 8705 §3.1).
	X5T string `json:"x5t#S256,omitempty"`
}

func (c *confirmation) binding() resource.Binding {
	if c == nil {
		return resource.Binding{}
	}
	return resource.Binding{JKT: c.JKT, X5T: c.X5T}
}

// tokenType is what the token endpoint and introspection call a token that is
// bound so (RFC 9449 §5).
func (c *confirmation) tokenType() string {
	if c != nil && c.JKT != "" {
		return dpop.Scheme
	}
	return "Bearer"
}

func invalidProof(description string) error {
	return badRequest("invalid_dpop_proof", description)
}

// proofOf reads the DPoP proof of a request (RFC 9449 §4.3), nil when there is none.
// It is not spent yet. token is the access token beside it, "" where none is.
func (p *Provider) proofOf(w http.ResponseWriter, r *http.Request, token string) (*dpop.Proof, error) {
	headers := r.Header.Values(dpop.Header)
	if len(headers) == 0 {
		return nil, nil
	}
	now := p.Now()
	w.Header().Set(dpop.NonceHeader, p.nonces.Current(now))
	if len(headers) > 1 {
		return nil, invalidProof("The DPoP header is given more than once.")
	}
	proof, err := dpop.Parse(headers[0], dpop.Request{Method: r.Method, URL: p.endpoint(r.URL.Path), AccessToken: token}, now)
	if err != nil {
		return nil, invalidProof(sentence(err))
	}
	if proof.Nonce != "" && !p.nonces.Fits(proof.Nonce, now) {
		return nil, badRequest("use_dpop_nonce", "The nonce of the DPoP proof is not a current one: take it from the DPoP-Nonce header.")
	}
	return &proof, nil
}

// sentence is what was wrong with a proof, in words that are all ours.
func sentence(err error) string { return "The " + err.Error() + "." }

// Spend implements [resource.Replays]: it makes sure that a proof is used once, on
// whatever replica and at whichever endpoint of ours (RFC 9449 §11.1).
func (p *Provider) Spend(ctx context.Context, proof dpop.Proof) error {
	err := p.Store.Consume(ctx, "DPoP proof", digest([]byte(proof.Thumbprint+"\x00"+proof.ID)), proof.ExpiresAt)
	if errors.Is(err, storage.ErrConflict) {
		return dpop.Used()
	}
	return err
}

// spend records that a proof was used. It comes last, so that only a request with a good
// code, token or client writes a row.
func (p *Provider) spend(ctx context.Context, proof *dpop.Proof) error {
	if proof == nil {
		return nil
	}
	err := p.Spend(ctx, *proof)
	if errors.Is(err, dpop.ErrInvalid) {
		return invalidProof(sentence(err))
	}
	return err
}

// bind decides to which key the tokens of this request are bound, and refuses a
// request that shows another key than the one that it must show.
func (u *unit) bind(ctx context.Context, c *storage.Client) error {
	shown := confirmation{}
	if u.proof != nil {
		shown.JKT = u.proof.Thumbprint
	}
	if c.Metadata.TLSBound {
		shown.X5T = u.certificate
	}
	switch {
	case c.Metadata.DPoPBound && shown.JKT == "":
		return invalidProof("This client's tokens are bound to a key: send a DPoP proof.")
	case c.Metadata.TLSBound && shown.X5T == "":
		return badRequest("invalid_request", "This client's tokens are bound to its certificate: present it in the TLS handshake.")
	}
	expected := u.expectedKey(c)
	if expected.JKT != "" && expected.JKT != shown.JKT {
		return badRequest("invalid_grant", "The DPoP proof is missing or made with another key than the one that this grant is bound to.")
	}
	if expected.X5T != "" && expected.X5T != shown.X5T {
		return badRequest("invalid_grant", "The certificate is missing or another one than the one that this grant is bound to.")
	}
	if shown == (confirmation{}) {
		return nil
	}
	u.confirm = &shown
	// RFC 9449 §5, RFC 8705 §4: nothing but its key protects a public client's refresh token.
	u.bindGrant = c.Public() && u.loaded != nil && expected == (confirmation{})
	return u.provider.spend(ctx, u.proof)
}

// boundDetails is the details of a grant that is bound to a key from now on, nil for
// one whose details stay.
func (u *unit) boundDetails() *storage.GrantDetails {
	if !u.bindGrant {
		return nil
	}
	details := u.loaded.Grant.Details
	details.JKT, details.X5T = u.confirm.JKT, u.confirm.X5T
	return &details
}

// expectedKey is the key that a grant is bound to: its code by dpop_jkt (RFC 9449
// §10), a public client's refresh token by the exchange.
func (u *unit) expectedKey(c *storage.Client) confirmation {
	if u.loaded == nil || u.grantType == storage.GrantRefreshToken && !c.Public() {
		return confirmation{}
	}
	return confirmation{JKT: u.loaded.Grant.Details.JKT, X5T: u.loaded.Grant.Details.X5T}
}
