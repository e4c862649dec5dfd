package directory

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Merge is what becomes of a user who is merged into another, by kind.
type Merge = postgres.Merge

// MergeUsers gives the target what is the source's (memberships, extra scopes,
// consents, clients, what they sign in with, telephone number, address), ends everything of the source and
// removes it; what both have stays as the target has it. With look it only says
// what that would do. The actor must be allowed to change either, and to give away
// what the source holds: otherwise a merge would be a way to gain it.
func (s *Service) MergeUsers(ctx context.Context, a Actor, source, target authz.UserID, look bool) (Merge, error) {
	from, err := s.changeable(ctx, a, source)
	if err != nil {
		return Merge{}, err
	}
	if _, err := s.changeable(ctx, a, target); err != nil {
		return Merge{}, err
	}
	if source == target {
		return Merge{}, invalid("target", "is the source itself")
	}
	if source == a.User {
		return Merge{}, invalid("source", "is you: let somebody else merge you away")
	}
	if err := mayGive(a, beyondRole(from)); err != nil {
		return Merge{}, err
	}
	return s.store.MergeUsers(ctx, source, target, look, s.dead(), s.event(a, "user.merge", authz.TenantID{}))
}

// MergedInto is the ids of the users that were merged into one, the latest first.
func (s *Service) MergedInto(ctx context.Context, a Actor, target authz.UserID) ([]authz.UserID, error) {
	if _, err := s.Person(ctx, a, target); err != nil {
		return nil, err
	}
	return s.store.MergedInto(ctx, target)
}
