package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on sessions.
var (
	ListSessions  = Operation[SessionFilter, List[Session]]{"GET", "/sessions", "listSessions", "List the sessions that stand, the newest first", 200, people}
	ShowSession   = Operation[SessionPath, Session]{"GET", "/sessions/{session}", "getSession", "Show a session", 200, people}
	RevokeSession = Operation[SessionPath, Outcome]{"DELETE", "/sessions/{session}", "revokeSession", "End a session and every token beneath it", 200, people}
)

func (a *API) sessionRoutes() {
	add(a, ListSessions, a.listSessions)
	add(a, ShowSession, a.showSession)
	add(a, RevokeSession, a.revokeSession)
}

// Session is the sign-in of one browser or device.
type Session struct {
	ID         string     `json:"id" format:"uuid"`
	UserID     string     `json:"user_id" format:"uuid"`
	TenantID   string     `json:"tenant_id" format:"uuid" table:"-"`
	ProjectID  *string    `json:"project_id" table:"-"`
	CreatedAt  *time.Time `json:"created_at" nullable:"false"`
	LastSeenAt *time.Time `json:"last_seen_at" nullable:"false"`
	ExpiresAt  *time.Time `json:"expires_at" nullable:"false"`
	IPAddress  *string    `json:"ip_address"`
	UserAgent  string     `json:"user_agent"`
	ACR        string     `json:"acr" table:"-" doc:"How strongly the user signed in"`
	AMR        []string   `json:"amr" nullable:"false" table:"-" doc:"By which means (RFC 8176)"`
	RevokedAt  *time.Time `json:"revoked_at" table:"-" doc:"null while nobody has ended it"`
}

func describeSession(s storage.Session) Session {
	return Session{
		ID: s.ID.String(), UserID: s.User.String(), TenantID: s.Tenant.String(), ProjectID: optional(s.Project.String()),
		CreatedAt: instant(s.CreatedAt), LastSeenAt: instant(s.LastSeenAt), ExpiresAt: instant(s.ExpiresAt),
		IPAddress: address(s.IPAddress), UserAgent: s.UserAgent, ACR: string(s.ACR), AMR: texts(s.AMR),
		RevokedAt: instant(s.RevokedAt),
	}
}

// SessionFilter asks for a part of a list of sessions.
type SessionFilter struct {
	Paging
	User   string `query:"user" maxLength:"254" doc:"A user, by id, user name or e-mail address, to see only theirs"`
	Tenant string `query:"tenant" maxLength:"64" doc:"A tenant, by id or slug, to see only sessions that work in it"`
	All    bool   `query:"all" doc:"Also those that have ended, while they are kept"`
}

func (a *API) listSessions(ctx context.Context, actor directory.Actor, in *SessionFilter) (List[Session], error) {
	f := directory.SessionFilter{Tenant: in.Tenant, EndedToo: in.All}
	var err error
	if f.Paging, err = a.paging(in.Paging); err != nil {
		return List[Session]{}, err
	}
	if in.User != "" {
		u, err := a.Directory.User(ctx, actor, in.User)
		if err != nil {
			return List[Session]{}, err
		}
		f.User = u.ID
	}
	page, err := a.Directory.Sessions(ctx, actor, f)
	return listOf(a, page, describeSession), err
}

// SessionPath names a session.
type SessionPath struct {
	Session string `path:"session" maxLength:"64"`
}

func (a *API) showSession(ctx context.Context, actor directory.Actor, in *SessionPath) (Session, error) {
	id, err := named[authz.SessionID](in.Session)
	if err != nil {
		return Session{}, err
	}
	found, err := a.Directory.Session(ctx, actor, id)
	return describeSession(found), err
}

func (a *API) revokeSession(ctx context.Context, actor directory.Actor, in *SessionPath) (Outcome, error) {
	id, err := named[authz.SessionID](in.Session)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{id.String(), "revoked"}, a.Directory.RevokeSession(ctx, actor, id)
}

// Revoked says how much was ended.
type Revoked struct {
	UserID  string `json:"user_id" format:"uuid"`
	Revoked int    `json:"revoked" doc:"How many sessions there were"`
}

func (a *API) revokeAllSessions(ctx context.Context, actor directory.Actor, in *UserPath) (Revoked, error) {
	u, err := a.Directory.User(ctx, actor, in.User)
	if err != nil {
		return Revoked{}, err
	}
	n, err := a.Directory.RevokeAllSessions(ctx, actor, u.ID)
	return Revoked{u.ID.String(), n}, err
}
