package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// OneTimeLink is a link that works once. Whoever has it can use it.
type OneTimeLink struct {
	UserID    string     `json:"user_id" format:"uuid"`
	URL       string     `json:"url" doc:"Shown this once"`
	ExpiresAt *time.Time `json:"expires_at" nullable:"false"`
}

// onLink is an operation that makes a link for one user.
func (a *API) onLink(do func(context.Context, directory.Actor, authz.UserID) (storage.Link, error)) func(context.Context, directory.Actor, *UserPath) (OneTimeLink, error) {
	return func(ctx context.Context, actor directory.Actor, in *UserPath) (OneTimeLink, error) {
		u, err := a.Directory.User(ctx, actor, in.User)
		if err != nil {
			return OneTimeLink{}, err
		}
		l, err := do(ctx, actor, u.ID)
		if err != nil {
			return OneTimeLink{}, err
		}
		return OneTimeLink{u.ID.String(), a.links.URL(l.ID), instant(l.ExpiresAt)}, nil
	}
}

// NewInvitation is somebody to be invited.
type NewInvitation struct {
	Once
	Body struct {
		Email    string `json:"email" maxLength:"254"`
		Tenant   string `json:"tenant,omitempty" maxLength:"64" doc:"What to join, by slug; the first tenant when left out"`
		Role     string `json:"role,omitempty" enum:"viewer,user,admin,owner" default:"user" doc:"That of a new account; one that exists keeps its own"`
		Language string `json:"language,omitempty" maxLength:"35" doc:"That of the mail"`
	}
}

// Invitation is an invitation on its way.
type Invitation struct {
	Email     string     `json:"email"`
	TenantID  string     `json:"tenant_id" format:"uuid"`
	Role      string     `json:"role"`
	ExpiresAt *time.Time `json:"expires_at" nullable:"false"`
}

func (a *API) inviteUser(ctx context.Context, actor directory.Actor, in *NewInvitation) (Invitation, error) {
	b := in.Body
	l, err := a.Directory.Invite(ctx, actor, directory.Invite{Email: b.Email, Tenant: b.Tenant, Role: authz.Role(b.Role), Language: b.Language})
	return Invitation{l.Email, l.Tenant.ID.String(), string(l.Role), instant(l.ExpiresAt)}, err
}
