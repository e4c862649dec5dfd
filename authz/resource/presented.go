package resource

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/authz/dpop"
)

var (
	errNoToken     = errors.New("no access token")
	errManyHeaders = errors.New("more than one Authorization header")
	errEmptyToken  = errors.New("no token after the scheme")
)

// schemeBearer is the authorization scheme of RFC 6750.
const schemeBearer = "Bearer"

// presented is an access token as a request presents it.
type presented struct{ scheme, text string }

// readPresented finds the token in the Authorization header (RFC 6750 §2.1, RFC
// 9449 §7.1), the only place where one is looked for: a query or a body ends in
// logs and histories. It does not judge the token.
func readPresented(h http.Header) (presented, error) {
	values := h.Values("Authorization")
	switch len(values) {
	case 0:
		return presented{}, errNoToken
	case 1:
	default:
		return presented{}, errManyHeaders
	}
	scheme, rest, _ := strings.Cut(strings.Trim(values[0], " "), " ")
	for _, known := range []string{schemeBearer, dpop.Scheme} {
		if !strings.EqualFold(scheme, known) {
			continue
		}
		if text := strings.TrimLeft(rest, " "); text != "" {
			return presented{known, text}, nil
		}
		return presented{}, errEmptyToken
	}
	return presented{}, errNoToken
}
