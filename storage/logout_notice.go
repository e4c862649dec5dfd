package storage

import "github.com/gatehouse/gatehouse/authz"

// LogoutNotice tells a client that a session ended under which it was given tokens
// (OpenID Connect Back-Channel Logout 1.0). The database writes it down when the
// session's sid enters the ledger.
type LogoutNotice struct {
	Client authz.ClientID  `json:"client"`
	User   authz.UserID    `json:"user"`
	SID    authz.SessionID `json:"sid"`
}

// Kind implements [Job].
func (LogoutNotice) Kind() string { return "backchannel_logout" }
