package directory

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// What people do to their own account needs no right: whoever calls these has made
// sure that the actor is that user, and for a deletion that they just signed in.

// ChangeOwnProfile gives the actor another display name, where "" leaves the user name,
// another language, telephone number and address.
func (s *Service) ChangeOwnProfile(ctx context.Context, a Actor, change SelfChange) (storage.User, error) {
	c := change.ofUser()
	if err := c.check(); err != nil {
		return storage.User{}, err
	}
	return s.store.UpdateUser(ctx, a.User, postgres.UserChange(c), s.dead(), s.event(a, "user.update", authz.TenantID{}))
}

// DeleteOwnAccount removes the actor for good. The last owner stays
// ([postgres.ErrLastOwner]).
func (s *Service) DeleteOwnAccount(ctx context.Context, a Actor) error {
	return s.store.DeleteUsers(ctx, []authz.UserID{a.User}, s.dead(), s.event(a, "user.delete", authz.TenantID{}))
}
