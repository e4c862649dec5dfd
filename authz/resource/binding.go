package resource

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4/json"
)

// Binding is the keys that an access token is bound to, its cnf (RFC 7800 §3.1),
// or those that whoever presents one has proven to hold.
type Binding struct {
	// JKT is the thumbprint of a DPoP key (RFC 9449 §6.1).
	JKT string
	// X5T is the thumbprint of a certificate (RFC 8705 §3.1).
	X5T string
}

// CertificateThumbprint is the x5t#S256 of a certificate.
func CertificateThumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

type bindingKey struct{}

// WithProven says which keys whoever presents a token has proven to hold. A
// [Guard] does so; who calls an [Authenticator] without one and does not, has
// tokens that are bound to a key refused.
func WithProven(ctx context.Context, b Binding) context.Context {
	return context.WithValue(ctx, bindingKey{}, b)
}

func provenIn(ctx context.Context) Binding {
	b, _ := ctx.Value(bindingKey{}).(Binding)
	return b
}

// errNoDPoP is of a token that is bound to a DPoP key, presented without it.
var errNoDPoP = errors.New("cnf binds the token to a DPoP key that was not shown")

// Proven is nil when the keys that [WithProven] put into the context are those of
// the binding. An [Authenticator] asks it of every token: one that is bound is worth
// nothing without its key (RFC 9449 §7.2, RFC 8705 §3), and one that is not bound
// is not made better by a DPoP proof (RFC 9449 §7.1).
func (b Binding) Proven(ctx context.Context) error {
	proven := provenIn(ctx)
	switch {
	case b.JKT != "" && !same(b.JKT, proven.JKT):
		return errNoDPoP
	case b.JKT == "" && proven.JKT != "":
		return errors.New("a DPoP proof beside a token that is bound to no DPoP key")
	case b.X5T != "" && !same(b.X5T, proven.X5T):
		return errors.New("cnf binds the token to a certificate that was not shown")
	}
	return nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// UnmarshalJSON reads a cnf, and refuses one that binds to anything else.
func (b *Binding) UnmarshalJSON(text []byte) error {
	var members map[string]string
	if err := json.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("cnf: %w", err)
	}
	b.JKT, b.X5T = members["jkt"], members["x5t#S256"]
	delete(members, "jkt")
	delete(members, "x5t#S256")
	if len(members) > 0 || *b == (Binding{}) {
		return errors.New("cnf binds the token in a way that is not understood")
	}
	return nil
}
