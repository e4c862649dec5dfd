package oidc

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/ory/fosite"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Error is an OAuth error as it leaves the house (RFC 6749 §5.2): a code of a
// registered catalogue and a sentence of ours. Nothing that a caller sent and
// nothing that the machinery said is ever part of it.
type Error struct {
	Code        string
	Description string
	Status      int
}

func (e *Error) Error() string { return e.Code + ": " + e.Description }

func badRequest(code, description string) *Error {
	return &Error{Code: code, Description: description, Status: http.StatusBadRequest}
}

// descriptions are the sentences for errors that come out of fosite, whose own
// hints quote the request.
var descriptions = map[string]string{
	"invalid_request":           "The request lacks a parameter, repeats one or has one with a value that is not allowed.",
	"invalid_client":            "Client authentication failed: the client is unknown or inactive, or its credentials or its authentication method are not the registered ones.",
	"invalid_grant":             "The code or token is malformed, expired, revoked, was used before, or belongs to another client, redirect_uri or code_verifier.",
	"unauthorized_client":       "This client is not registered for this grant type.",
	"unsupported_grant_type":    "This grant type is not supported. See grant_types_supported in the discovery document.",
	"invalid_scope":             "A requested scope is malformed or exceeds what may be granted.",
	"unsupported_response_type": "This response type is not supported. See response_types_supported in the discovery document.",
	"invalid_dpop_proof":        "The DPoP proof is missing, malformed, or not made for this request.",
	"use_dpop_nonce":            "The nonce of the DPoP proof is not a current one.",
	"invalid_target":            "A requested resource is malformed, unknown, or not one that this token may be made for.",
	"access_denied":             "The request was denied.",
}

// translate is the one place where errors of storage and of fosite become OAuth
// errors. Whatever it does not know is a fault of ours: the caller learns that
// there was one, the log learns which.
func translate(err error) *Error {
	var ours *Error
	if errors.As(err, &ours) {
		return ours
	}
	if errors.Is(err, storage.ErrUnavailable) {
		return &Error{Code: "temporarily_unavailable", Status: http.StatusServiceUnavailable,
			Description: "The server cannot answer at this moment. Try again shortly."}
	}
	var theirs *fosite.RFC6749Error
	if errors.As(err, &theirs) {
		code := theirs.ErrorField
		// fosite's names for a refused scope and for state are none of RFC 6749's.
		switch code {
		case "scope_not_granted":
			code = "invalid_scope"
		case "invalid_state", "insufficient_entropy":
			code = "invalid_request"
		}
		if sentence, known := descriptions[code]; known {
			status := http.StatusBadRequest
			if code == "invalid_client" {
				status = http.StatusUnauthorized
			}
			return &Error{Code: code, Description: sentence, Status: status}
		}
	}
	return &Error{Code: "server_error", Status: http.StatusInternalServerError,
		Description: "Something went wrong on the server. The request id leads the operator to it."}
}

// ignoreNotFound is for look-ups where absence is an answer.
func ignoreNotFound(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// writeError answers an endpoint that speaks JSON.
func (p *Provider) writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := translate(err)
	p.logError(r, e, err)
	switch e.Status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "60")
	case http.StatusUnauthorized:
		// RFC 6749 §5.2: the challenge that fits the way the client tried.
		if strings.HasPrefix(r.Header.Get("Authorization"), "Basic ") {
			w.Header().Set("WWW-Authenticate", `Basic realm="gatehouse", charset="UTF-8"`)
		}
	}
	p.writeJSON(w, e.Status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.Code, e.Description})
}

func (p *Provider) logError(r *http.Request, e *Error, err error) {
	level := slog.LevelInfo
	if e.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	p.Log.Log(r.Context(), level, "request refused", "path", r.URL.Path, "oauth_error", e.Code, "cause", causes(err))
}

// causes is every layer of an error: fosite's errors show nothing but their code.
func causes(err error) string {
	var layers []string
	for ; err != nil; err = errors.Unwrap(err) {
		if text := err.Error(); len(layers) == 0 || text != layers[len(layers)-1] {
			layers = append(layers, text)
		}
	}
	return strings.Join(layers, " ← ")
}

func (p *Provider) writeJSON(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		p.Log.Error("encode answer", "error", err)
		http.Error(w, `{"error":"server_error"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// writeToken answers with a signed token instead of JSON.
func (p *Provider) writeToken(w http.ResponseWriter, mediaType, token string) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(token))
}

// parsedScopes reads a scope text that we wrote ourselves.
func parsedScopes(s string) authz.ScopeSet {
	set, _ := authz.ParseScopeSet(s)
	return set
}

// isStorageFault tells a fault of the machinery from a token that is not valid.
func isStorageFault(err error) bool {
	return err != nil && translate(err).Status >= http.StatusInternalServerError &&
		!errors.Is(err, fosite.ErrNotFound) && !errors.Is(err, fosite.ErrInactiveToken)
}
