package templates

import (
	"slices"

	"github.com/gatehouse/gatehouse/authz"
)

// ProfileProblem says why a profile was not changed.
type ProfileProblem string

// What cannot be had: a name that is too long or has signs that names do not have; a
// telephone number without its country; an address like such a name; a file that is no
// picture, or too large, or more than the tenant has room for.
const (
	ProfileNameUnfit    ProfileProblem = "name"
	ProfilePhoneUnfit   ProfileProblem = "phone"
	ProfileAddressUnfit ProfileProblem = "address"
	ProfilePictureUnfit ProfileProblem = "picture"
)

// Profile changes what the user says of themselves: POST /account/profile with csrf and,
// in one form, name and language; in another phone, street, postal_code, locality, region
// and country. What a form leaves out stays.
type Profile struct {
	Layout
	Name, Username string
	// Phone is the telephone number, "" for none.
	Phone         string
	PhoneVerified bool
	Address       Address
	// Chosen is the language that they chose, "" for what their browser says.
	Chosen string
	// Avatar is the address of the picture, "" for none.
	Avatar  string
	Problem ProfileProblem
}

// Address is where letters reach the user; "" for a part that is not known.
type Address struct{ Street, Locality, Region, PostalCode, Country string }

func (Profile) template() string { return "profile" }

// PasswordProblem says why a password cannot be had.
type PasswordProblem string

// Why a password cannot be had.
const (
	PasswordLong     PasswordProblem = "long"
	PasswordShort    PasswordProblem = "short"
	PasswordCommon   PasswordProblem = "common"
	PasswordRepeats  PasswordProblem = "repeats"
	PasswordPersonal PasswordProblem = "personal"
	PasswordBusy     PasswordProblem = "busy"
)

// ChangePassword takes a new password: POST /account/password with csrf, username
// (for password managers) and password.
type ChangePassword struct {
	Layout
	Username string
	// Least is the fewest characters.
	Least   int
	Problem PasswordProblem
	// Again is where to sign in again first; "" when that was just done.
	Again string
}

func (ChangePassword) template() string { return "password" }

// AccountTenants lets somebody choose among their tenants and the projects of these:
// POST /account/tenants with csrf, tenant_id, project_id and make_default ("on").
type AccountTenants struct {
	Layout
	Places []AccountPlace
}

// AccountPlace is a tenant of a user, or a project of it: the one of this session, the
// one where a sign-in begins.
type AccountPlace struct {
	TenantID  authz.TenantID
	ProjectID authz.ProjectID
	// Project is "" for the whole tenant.
	Tenant, Project  string
	Current, Default bool
}

// Name is that of the tenant, with the project's behind it.
func (p AccountPlace) Name() string {
	if p.Project == "" {
		return p.Tenant
	}
	return p.Tenant + " · " + p.Project
}

// Projects reports whether there is any.
func (a AccountTenants) Projects() bool {
	return slices.ContainsFunc(a.Places, func(p AccountPlace) bool { return p.Project != "" })
}

func (AccountTenants) template() string { return "tenants" }

// DeleteProblem says why an account was not deleted.
type DeleteProblem string

// Why an account was not deleted.
const (
	DeleteUnconfirmed DeleteProblem = "unconfirmed"
	DeleteLastOwner   DeleteProblem = "last-owner"
)

// AccountData exports and deletes: POST /account/data/export with csrf; POST
// /account/data/delete with csrf and confirm, the user's own name.
type AccountData struct {
	Layout
	Username string
	Problem  DeleteProblem
	Again    string
}

func (AccountData) template() string { return "data" }
