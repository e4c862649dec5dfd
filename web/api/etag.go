package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// versioned is a document that says in which state its object is (RFC 9110 §8.8.3).
type versioned interface{ tag() string }

// errChanged: the object is not in the state that the caller has seen.
var errChanged = errors.New("changed meanwhile")

// tagOf is a strong tag of what stands in a document.
func tagOf(document any) string {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // documents are structs of ours
	}
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func (c Client) tag() string   { return tagOf(c) }
func (g Group) tag() string    { return tagOf(g) }
func (p Project) tag() string  { return tagOf(p) }
func (s Scope) tag() string    { return tagOf(s) }
func (r Resource) tag() string { return tagOf(r) }
func (r Role) tag() string     { return tagOf(r) }
func (t Tenant) tag() string   { return tagOf(t) }
func (w Webhook) tag() string  { return tagOf(w) }

// IfMatch makes a change one of what the caller has seen: embed it in the parameters
// of a change, and judge the object in the moment of the change.
type IfMatch struct {
	Tags string `header:"If-Match" maxLength:"512" doc:"The ETag of the object as you saw it: when it has changed since, nothing is changed (RFC 9110 §13.1.1)"`
}

// met is the error where the object is not in the wanted state.
func (m IfMatch) met(current versioned) error {
	wanted := strings.Split(m.Tags, ",")
	for i := range wanted {
		wanted[i] = strings.TrimSpace(wanted[i])
	}
	if m.Tags == "" || slices.Contains(wanted, "*") || slices.Contains(wanted, current.tag()) {
		return nil
	}
	return errChanged
}

// conditional is what [IfMatch] is embedded in, for the document.
type conditional interface{ conditional() }

func (IfMatch) conditional() {}

// asSeen is m as a condition on what the directory holds; nil where there is none.
func asSeen[T any, D versioned](m IfMatch, describe func(T) D) func(T) error {
	if m.Tags == "" {
		return nil
	}
	return func(now T) error { return m.met(describe(now)) }
}
