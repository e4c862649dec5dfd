package storage

import (
	"cmp"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// UnusablePassword stands where a password hash would for an account that has no
// password. No password verifies against it.
const UnusablePassword = "!"

// User is the record of a person. A zero time means "never" or "not".
type User struct {
	ID              authz.UserID
	Username        string
	Email           string
	EmailVerifiedAt time.Time
	PasswordHash    string
	DisplayName     string
	AvatarURL       string
	Role            authz.Role
	CreatedAt       time.Time
	LastLoginAt     time.Time
	DisabledAt      time.Time
	// AuthzChangedAt is when a right of this user last changed. A token issued
	// before is derived anew before it is believed.
	AuthzChangedAt time.Time
	// Language is the one that the user chose, LastLanguage that of the page on which they
	// last signed in: tags (BCP 47), or "" for none.
	Language, LastLanguage string
	// Phone is a telephone number as E.164 writes it, "+" and digits, or "".
	Phone string
	// PhoneVerified says that somebody has made sure that the number is the user's.
	PhoneVerified bool
	Address       Address
}

// Locale is the language that the user is known to read: a tag (BCP 47), or "".
func (u User) Locale() string { return cmp.Or(u.Language, u.LastLanguage) }

// LanguageAt is the language of a letter about what the user did on a page of a language.
func (u User) LanguageAt(page string) string { return cmp.Or(u.Language, page, u.LastLanguage) }

// Name is what a page calls the user.
func (u User) Name() string {
	if u.DisplayName != "" {
		return u.DisplayName
	}
	return u.Username
}

// Preferences is where a user lands when nothing else is said.
type Preferences struct {
	Tenant  authz.TenantID
	Project authz.ProjectID
}

// Person is a user with all that decides what they may do, read in one trip.
type Person struct {
	User
	Rights      authz.Rights
	Preferences Preferences
	// Tenants is where the user belongs, suspended tenants left out.
	Tenants []Tenant
}

// Tenant finds one of the person's tenants.
func (p Person) Tenant(id authz.TenantID) (Tenant, bool) {
	for _, t := range p.Tenants {
		if t.ID == id {
			return t, true
		}
	}
	return Tenant{}, false
}

// Role is a rank and what it holds.
type Role struct {
	Name        authz.Role
	Description string
	Scopes      []authz.Pattern
}

// UserScope is a scope that one user holds beyond role and groups, in one tenant
// or, with a zero Tenant, in all.
type UserScope struct {
	User      authz.UserID
	Tenant    authz.TenantID
	Scope     authz.Pattern
	CreatedAt time.Time
}
