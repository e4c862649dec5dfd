package directory

import (
	"context"
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// How long the links last that operators make: people do not wait for them.
const (
	setUpLifetime      = 3 * 24 * time.Hour
	handedLifetime     = 30 * time.Minute
	invitationLifetime = 7 * 24 * time.Hour
)

// SetUpLink makes a link with which the owner of an account without a password chooses one. It is
// for the operator to hand over.
func (s *Service) SetUpLink(ctx context.Context, a Actor, id authz.UserID) (storage.Link, error) {
	return s.linkFor(ctx, a, id, storage.LinkSetUp, setUpLifetime)
}

// ResetLink makes a link with which a user chooses another password. It is for the operator to hand over.
func (s *Service) ResetLink(ctx context.Context, a Actor, id authz.UserID) (storage.Link, error) {
	return s.linkFor(ctx, a, id, storage.LinkResetPassword, handedLifetime)
}

func (s *Service) linkFor(ctx context.Context, a Actor, id authz.UserID, purpose storage.LinkPurpose, lifetime time.Duration) (storage.Link, error) {
	p, err := s.changeable(ctx, a, id)
	if err != nil {
		return storage.Link{}, err
	}
	now := s.now()
	l := storage.Link{ID: authz.RandomID[authz.LinkID](), Purpose: purpose, User: id, Email: p.Email, CreatedAt: now, ExpiresAt: now.Add(lifetime)}
	return l, s.store.InsertLinkFor(ctx, l, s.event(a, "link.create", authz.TenantID{}))
}

// Invite is who is invited to what.
type Invite struct {
	Email string
	// Tenant is a slug; "" means the first tenant.
	Tenant string
	// Group is one of the tenant's to join beside that of all members, or zero.
	Group authz.GroupID
	// Role "" is user.
	Role     authz.Role
	Language string
}

// Invite mails an invitation. It is bound to its address, and takes the place of an
// earlier one to the same tenant.
func (s *Service) Invite(ctx context.Context, a Actor, n Invite) (storage.Link, error) {
	if n.Role == "" {
		n.Role = authz.RoleUser
	}
	if err := s.mayAssign(ctx, a, n.Role); err != nil {
		return storage.Link{}, err
	}
	if _, err := authz.ParseRole(string(n.Role)); err != nil {
		return storage.Link{}, invalid("role", "%v", err)
	}
	if err := CheckEmail(n.Email); err != nil {
		return storage.Link{}, err
	}
	tenant, err := s.tenantOrFirst(ctx, a, n.Tenant)
	if err != nil {
		return storage.Link{}, err
	}
	if !n.Group.IsZero() {
		// Who accepts gets what the group gives: it is given away here.
		g, err := s.changeableGroup(ctx, a, n.Group)
		if err == nil && g.Tenant != tenant.ID {
			err = unknown("group", "%q does not exist", n.Group)
		}
		if err == nil {
			err = mayGiveIn(a, g.Tenant, g.Scopes)
		}
		if err != nil {
			return storage.Link{}, err
		}
	}
	now := s.now()
	l := storage.Link{
		ID: authz.RandomID[authz.LinkID](), Purpose: storage.LinkInvitation, Email: n.Email, CreatedAt: now, ExpiresAt: now.Add(invitationLifetime),
		Invitation: storage.Invitation{Tenant: tenant, Group: n.Group, Role: n.Role},
	}
	m := storage.Mail{Letter: storage.LetterInvitation, To: n.Email, Language: n.Language, Link: l.ID, Until: l.ExpiresAt, Subject: tenant.Name}
	return l, s.store.InsertInvitation(ctx, l, m, s.event(a, "user.invite", tenant.ID))
}

// AcceptInvitation spends an invitation and makes the account that it is for. The address, the
// role and the tenant are the invitation's, whatever n says; first is the passkey that they begin with, or nil.
// [storage.ErrNotFound]: it was spent before.
func (s *Service) AcceptInvitation(ctx context.Context, l storage.Link, n CreateUser, first *storage.FirstPasskey, addr netip.Addr) (storage.User, error) {
	return s.accept(ctx, l, n, first, "user.invitation.accept", addr)
}

// JoinByInvitation spends an invitation for a user whose address it was sent to.
func (s *Service) JoinByInvitation(ctx context.Context, l storage.Link, u storage.User, addr netip.Addr) error {
	a := Actor{Name: u.Username, User: u.ID, IPAddress: addr}
	return s.store.AcceptInvitation(ctx, l, u, false, nil, s.event(a, "user.invitation.accept", l.Tenant.ID))
}
