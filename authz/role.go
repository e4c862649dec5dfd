package authz

import "fmt"

// Role is the coarse rank of a user in the deployment. What it holds is data
// (the table platform.roles, seeded as in [DefaultRoles]).
type Role string

// The roles of a new deployment, from least to most.
const (
	RoleViewer Role = "viewer"
	RoleUser   Role = "user"
	RoleAdmin  Role = "admin"
	RoleOwner  Role = "owner"
)

// Roles lists the roles from least to most.
func Roles() []Role { return []Role{RoleViewer, RoleUser, RoleAdmin, RoleOwner} }

// ParseRole names the known roles in its error.
func ParseRole(s string) (Role, error) {
	for _, r := range Roles() {
		if s == string(r) {
			return r, nil
		}
	}
	return "", fmt.Errorf("unknown role %q (expected viewer, user, admin or owner)", s)
}

// DefaultRoles is what each role holds in a new deployment.
func DefaultRoles() map[Role][]Pattern {
	return map[Role][]Pattern{
		RoleViewer: {"user", "agents:read"},
		RoleUser:   {"user", "agents:read", "tools:execute"},
		RoleAdmin:  {"admin", "*"},
		RoleOwner:  {"admin", "*", "billing", "users:manage"},
	}
}

// ACR is an authentication context class reference (OpenID Connect Core §2):
// how strong a sign-in was.
type ACR string

// The classes that Gatehouse issues, from weak to strong.
const (
	// ACRSingleFactor is one factor, such as a password.
	ACRSingleFactor ACR = "aal1"
	// ACRMultiFactor is two factors of different kinds.
	ACRMultiFactor ACR = "aal2"
	// ACRPhishingResistant is a passkey with user verification; the name is the
	// one of OpenID Connect Extended Authentication Profile ACR Values 1.0.
	ACRPhishingResistant ACR = "phr"
)

// ACRs lists the classes from weak to strong.
func ACRs() []ACR { return []ACR{ACRSingleFactor, ACRMultiFactor, ACRPhishingResistant} }

func (a ACR) strength() int {
	for i, known := range ACRs() {
		if a == known {
			return i + 1
		}
	}
	return 0
}

// Satisfies reports whether a sign-in of class a is enough where need is asked.
// An empty need is satisfied by any sign-in, an unknown one by its equal alone.
func (a ACR) Satisfies(need ACR) bool {
	if need == "" || a == need {
		return true
	}
	return need.strength() > 0 && a.strength() >= need.strength()
}
