package directory

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// What people do to their own account needs no right: whoever calls these has made
// sure that the actor is that user, and for a deletion that they just signed in.

// ChangeOwnName gives the actor another display name; "" leaves the user name.
func (s *Service) ChangeOwnName(ctx context.Context, a Actor, name string) (storage.User, error) {
	c := UserChange{DisplayName: &name}
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
