package resource

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/dpop"
)

// refusal is one of the ways in which a request is not let through.
type refusal struct {
	status int
	// scheme is the one that the challenge is for; "" for every one that is understood.
	scheme string
	// code is the error code of RFC 6750 §3.1, RFC 9449 §7.1 or RFC 9470 §3, empty for
	// a request that did not try to authenticate.
	code string
	// scopes is all that the client needs, not only what it lacks.
	scopes authz.ScopeSet
	// signIn is the sign-in that is needed, nil when that is not what is missing.
	signIn *SignIn
	detail string
}

func noToken(scopes authz.ScopeSet) *refusal {
	return &refusal{status: http.StatusUnauthorized, scopes: scopes, detail: "An access token is needed, in the Authorization header."}
}

func ambiguous() *refusal {
	return &refusal{status: http.StatusBadRequest, scheme: schemeBearer, code: "invalid_request", detail: "There is more than one Authorization header."}
}

func invalidToken(scheme string, scopes authz.ScopeSet) *refusal {
	return &refusal{status: http.StatusUnauthorized, scheme: scheme, code: "invalid_token", scopes: scopes, detail: "The access token is expired, revoked or not valid here."}
}

func unprovenToken(scopes authz.ScopeSet) *refusal {
	return &refusal{status: http.StatusUnauthorized, scheme: dpop.Scheme, code: "invalid_token", scopes: scopes,
		detail: "The access token is bound to a DPoP key: send it with the scheme DPoP and a proof made with that key."}
}

func invalidProof(scopes authz.ScopeSet, detail string) *refusal {
	return &refusal{status: http.StatusUnauthorized, scheme: dpop.Scheme, code: "invalid_dpop_proof", scopes: scopes, detail: detail}
}

func needsNonce(scopes authz.ScopeSet) *refusal {
	return &refusal{status: http.StatusUnauthorized, scheme: dpop.Scheme, code: "use_dpop_nonce", scopes: scopes,
		detail: "The DPoP proof needs the nonce of the DPoP-Nonce header."}
}

func insufficientScope(scheme string, scopes authz.ScopeSet) *refusal {
	return &refusal{status: http.StatusForbidden, scheme: scheme, code: "insufficient_scope", scopes: scopes,
		detail: "The access token lacks a scope. Needed: " + scopes.String() + "."}
}

func insufficientSignIn(scheme string, scopes authz.ScopeSet, need *SignIn) *refusal {
	return &refusal{status: http.StatusUnauthorized, scheme: scheme, code: "insufficient_user_authentication", scopes: scopes, signIn: need,
		detail: "This needs a stronger or a more recent sign-in."}
}

func unavailable() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, detail: "The access token cannot be checked at the moment."}
}

// challenge writes refusals: WWW-Authenticate as RFC 6750 §3 wants it, and a
// problem document (RFC 9457) for the reader.
type challenge struct {
	realm            string
	resourceMetadata string
	// dpop: clients may come with proofs.
	dpop bool
}

func (c challenge) write(w http.ResponseWriter, no refusal) {
	if no.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10") // seconds, as [cooldown]
	} else {
		w.Header()["Www-Authenticate"] = c.headers(no)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(no.status)
	// The client is gone when this fails.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"title": http.StatusText(no.status), "status": no.status, "detail": no.detail,
	})
}

// headers is one challenge for each scheme. Bearer stands first: there are clients
// that read no further.
func (c challenge) headers(no refusal) []string {
	switch {
	case no.scheme != "":
		return []string{c.header(no, no.scheme)}
	case c.dpop:
		return []string{c.header(no, schemeBearer), c.header(no, dpop.Scheme)}
	}
	return []string{c.header(no, schemeBearer)}
}

func (c challenge) header(no refusal, scheme string) string {
	var b strings.Builder
	b.WriteString(scheme + " realm=" + quote(c.realm))
	algorithms, acr, age := "", "", ""
	if scheme == dpop.Scheme {
		algorithms = dpop.AlgorithmNames()
	}
	if no.signIn != nil {
		acr, age = no.signIn.acrValues(), no.signIn.maxAge()
	}
	for _, parameter := range []struct{ name, value string }{
		{"error", no.code},
		{"scope", no.scopes.String()},
		{"acr_values", acr},
		{"max_age", age},
		{"algs", algorithms},
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
