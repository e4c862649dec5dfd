package resource

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
)

// refusal is one of the ways in which a request is not let through.
type refusal struct {
	status int
	// code is the error code of RFC 6750 §3.1, empty for a request that did not
	// try to authenticate.
	code string
	// scopes is all that the client needs, not only what it lacks.
	scopes authz.ScopeSet
	detail string
}

func noToken(scopes authz.ScopeSet) *refusal {
	return &refusal{http.StatusUnauthorized, "", scopes, "An access token is needed, in the Authorization header."}
}

func ambiguous() *refusal {
	return &refusal{http.StatusBadRequest, "invalid_request", nil, "There is more than one Authorization header."}
}

func invalidToken(scopes authz.ScopeSet) *refusal {
	return &refusal{http.StatusUnauthorized, "invalid_token", scopes, "The access token is expired, revoked or not valid here."}
}

func insufficientScope(scopes authz.ScopeSet) *refusal {
	return &refusal{http.StatusForbidden, "insufficient_scope", scopes, "The access token lacks a scope. Needed: " + scopes.String() + "."}
}

func unavailable() *refusal {
	return &refusal{http.StatusServiceUnavailable, "", nil, "The access token cannot be checked at the moment."}
}

// challenge writes refusals: WWW-Authenticate as RFC 6750 §3 wants it, and a
// problem document (RFC 9457) for the reader.
type challenge struct {
	realm            string
	resourceMetadata string
}

func (c challenge) write(w http.ResponseWriter, no refusal) {
	if no.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10") // seconds, as [cooldown]
	} else {
		w.Header().Set("WWW-Authenticate", c.header(no))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(no.status)
	// The client is gone when this fails.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"title": http.StatusText(no.status), "status": no.status, "detail": no.detail,
	})
}

func (c challenge) header(no refusal) string {
	var b strings.Builder
	b.WriteString("Bearer realm=" + quote(c.realm))
	for _, parameter := range []struct{ name, value string }{
		{"error", no.code},
		{"scope", no.scopes.String()},
		{"resource_metadata", c.resourceMetadata},
	} {
		if parameter.value != "" {
			b.WriteString(", " + parameter.name + "=" + quote(parameter.value))
		}
	}
	return b.String()
}

// quote makes a quoted-string (RFC 9110 §5.6.4). What cannot stand in one, a line
// break among it, is left out.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r < 0x20 || r > 0x7e:
			continue
		case r == '"' || r == '\\':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}
