package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// Session is the sign-in of one browser or device.
type Session struct {
	ID         string    `json:"id" format:"uuid"`
	UserID     string    `json:"user_id" format:"uuid"`
	TenantID   string    `json:"tenant_id" format:"uuid"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	IPAddress  string    `json:"ip_address,omitempty"`
	UserAgent  string    `json:"user_agent"`
	ACR        string    `json:"acr" doc:"How strongly the user signed in"`
	AMR        []string  `json:"amr" nullable:"false" doc:"By which means (RFC 8176)"`
}

func describeSession(s storage.Session) Session {
	d := Session{
		ID: s.ID.String(), UserID: s.User.String(), TenantID: s.Tenant.String(),
		CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		UserAgent: s.UserAgent, ACR: string(s.ACR), AMR: texts(s.AMR),
	}
	if s.IPAddress.IsValid() {
		d.IPAddress = s.IPAddress.String()
	}
	return d
}

type sessionFilter struct {
	Paging
	User string `query:"user" maxLength:"64" doc:"The id of a user, to see only theirs"`
}

func (a *API) listSessions(ctx context.Context, actor directory.Actor, in *sessionFilter) (*answer[List[Session]], error) {
	f := directory.SessionFilter{Paging: in.directory()}
	if in.User != "" {
		var err error
		if f.User, err = named[authz.UserID](in.User); err != nil {
			return nil, err
		}
	}
	page, err := a.Directory.Sessions(ctx, actor, f)
	return list(page, describeSession), err
}

type sessionPath struct {
	SessionID string `path:"session_id" maxLength:"64"`
}

func (a *API) revokeSession(ctx context.Context, actor directory.Actor, in *sessionPath) (*struct{}, error) {
	id, err := named[authz.SessionID](in.SessionID)
	if err != nil {
		return nil, err
	}
	return &struct{}{}, a.Directory.RevokeSession(ctx, actor, id)
}

// Revoked says how much was ended.
type Revoked struct {
	Sessions int `json:"sessions" doc:"How many sessions there were"`
}

func (a *API) revokeAllSessions(ctx context.Context, actor directory.Actor, in *UserPath) (*answer[Revoked], error) {
	id, err := named[authz.UserID](in.UserID)
	if err != nil {
		return nil, err
	}
	n, err := a.Directory.RevokeAllSessions(ctx, actor, id)
	return &answer[Revoked]{Revoked{n}}, err
}
