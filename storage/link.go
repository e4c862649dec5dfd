package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// LinkPurpose is what a one-time link does.
type LinkPurpose string

// The purposes.
const (
	LinkVerifyEmail   LinkPurpose = "verify_email"
	LinkResetPassword LinkPurpose = "reset_password"
	LinkSignIn        LinkPurpose = "sign_in"
	// LinkSetUp lets the owner of a new account choose a password.
	LinkSetUp LinkPurpose = "set_up"
	// LinkChangeEmail goes to the new address; the old one stays until it is used.
	LinkChangeEmail LinkPurpose = "change_email"
	// LinkUndoEmail goes to the old address, once the new one has taken its place.
	LinkUndoEmail  LinkPurpose = "undo_email"
	LinkInvitation LinkPurpose = "invitation"
	// LinkRegistration makes the account that its reader has asked for.
	LinkRegistration LinkPurpose = "registration"
)

// Link is a link that works once. The secret in it is kept nowhere (authn.Links).
type Link struct {
	ID      authz.LinkID
	Purpose LinkPurpose
	// User is whose link it is; zero for an invitation and a registration.
	User authz.UserID
	// Email is the address that the link proves, restores or is for.
	Email string
	// Flow is a sealed authorization request that a sign-in goes on with, or "".
	Flow                 string
	CreatedAt, ExpiresAt time.Time
	// Invitation is what an invitation or a registration is to.
	Invitation
}

// Invitation says what somebody becomes who accepts.
type Invitation struct {
	Tenant Tenant
	// Group is the id of a group to join beside that of all members, or zero.
	Group authz.GroupID
	// Role is that of an account which is made; one that exists keeps its own.
	Role authz.Role
}
