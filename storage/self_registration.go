package storage

import (
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
)

// RegistrationOpen in a [Registration] lets everybody in.
const RegistrationOpen = "open"

// Registration is who may make an account in a tenant for themselves: the owners of
// addresses in the mail domains that it lists, everybody for [RegistrationOpen], and
// nobody when it is empty.
type Registration []string

// Admits reports whether the owner of an address may; a part of a domain is another domain.
func (r Registration) Admits(email string) bool {
	if slices.Contains(r, RegistrationOpen) {
		return true
	}
	at := strings.LastIndexByte(email, '@')
	return at >= 0 && slices.Contains(r, strings.ToLower(email[at+1:]))
}

// RegistrationRequest is that somebody wants an account. Whether the address has one is found
// out behind the answer, so that the answer cannot tell.
type RegistrationRequest struct {
	Tenant authz.TenantID
	Email  string
	// Flow is the sealed authorization request that waits, or "".
	Flow string `json:",omitempty"`
	// Language is a tag (BCP 47), or "" for the usual one.
	Language string `json:",omitempty"`
}

// Kind implements [Job].
func (RegistrationRequest) Kind() string { return "register" }
