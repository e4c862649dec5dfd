package resource

import (
	"errors"
	"net/http"
	"strings"
)

var (
	errNoToken     = errors.New("no bearer token")
	errManyHeaders = errors.New("more than one Authorization header")
	errEmptyBearer = errors.New("no token after Bearer")
)

// bearerToken is the token in the Authorization header (RFC 6750 §2.1), the only
// place where one is looked for: a query or a body ends in logs and histories.
// It does not judge the token.
func bearerToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch len(values) {
	case 0:
		return "", errNoToken
	case 1:
	default:
		return "", errManyHeaders
	}
	scheme, rest, _ := strings.Cut(strings.Trim(values[0], " "), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	text := strings.TrimLeft(rest, " ")
	if text == "" {
		return "", errEmptyBearer
	}
	return text, nil
}
