package oidc

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a form: nothing in the protocol needs more.
const maxBody = 64 << 10

// maxParameters bounds the names of one request.
const maxParameters = 64

// form reads the parameters of a POST from its body alone. RFC 6749 §3.2: each
// at most once, empty is absent. Its error is an *Error.
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if !isForm(r.Header.Get("Content-Type")) {
		return nil, badRequest("invalid_request", "The body must be application/x-www-form-urlencoded.")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, badRequest("invalid_request", "The body must not be compressed.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	query := r.URL.RawQuery
	// ParseForm would put the query beside the body.
	r.URL.RawQuery = ""
	err := r.ParseForm()
	r.URL.RawQuery = query
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &Error{Code: "invalid_request", Status: http.StatusRequestEntityTooLarge, Description: "The body is larger than 64 KiB."}
	case err != nil:
		return nil, badRequest("invalid_request", "The body is not a well-formed form.")
	}
	return once(r.PostForm)
}

func isForm(contentType string) bool {
	const form = "application/x-www-form-urlencoded"
	if contentType == form {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == form
}

// isText reports whether PostgreSQL can hold the string as text. What it cannot is
// nobody's name, and asking for it would look like a fault of ours.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// repeatable: RFC 8707 §2, RFC 8693 §2.1.
func repeatable(name string) bool { return name == "resource" || name == "audience" }

// once refuses a repeated parameter and takes the empty ones out (RFC 6749 §3.1).
func once(values url.Values) (url.Values, error) {
	if len(values) > maxParameters {
		return nil, badRequest("invalid_request", "The request has too many parameters.")
	}
	for name, all := range values {
		if len(all) > 1 && !repeatable(name) {
			return nil, badRequest("invalid_request", "A parameter is given more than once.")
		}
		if !isText(name) || slices.ContainsFunc(all, func(s string) bool { return !isText(s) }) {
			return nil, badRequest("invalid_request", "A parameter is not valid UTF-8 or has a zero byte in it.")
		}
		if slices.Contains(all, "") {
			all = slices.DeleteFunc(all, func(value string) bool { return value == "" })
			values[name] = all
		}
		if len(all) == 0 {
			delete(values, name)
		}
	}
	return values, nil
}
