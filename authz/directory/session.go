package directory

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Sessions lists sessions, the newest first.
func (s *Service) Sessions(ctx context.Context, a Actor, f SessionFilter) (Page[storage.Session], error) {
	if err := may(a, manageSessions); err != nil {
		return Page[storage.Session]{}, err
	}
	chosen := postgres.SessionFilter{User: f.User, Limit: f.limit() + 1}
	var err error
	if chosen.Before, err = after[authz.SessionID](f.Paging); err != nil {
		return Page[storage.Session]{}, err
	}
	if !f.EndedToo {
		chosen.LiveAt = s.now()
	}
	if f.Tenant != "" {
		t, err := s.Tenant(ctx, a, f.Tenant)
		if err != nil {
			return Page[storage.Session]{}, err
		}
		chosen.Tenant = t.ID
	}
	sessions, err := s.store.Sessions(ctx, chosen)
	return page(sessions, f.Paging, func(x storage.Session) string { return x.ID.String() }), err
}

// Session finds a session, one that has ended too while it is kept.
func (s *Service) Session(ctx context.Context, a Actor, id authz.SessionID) (storage.Session, error) {
	r, err := reaches(a, readDirectory)
	if err != nil {
		return storage.Session{}, err
	}
	found, err := s.store.SessionByID(ctx, id)
	if err == nil && !r.has(found.Tenant) {
		err = storage.ErrNotFound
	}
	if err == nil {
		// A session is its user's, and so the whole deployment's, as the account is.
		err = may(a, manageSessions)
	}
	if err != nil {
		return storage.Session{}, orUnknown(err, "session", id.String())
	}
	return found, nil
}

// RevokeSession kills a session and every token beneath it.
func (s *Service) RevokeSession(ctx context.Context, a Actor, id authz.SessionID) error {
	if _, err := s.Session(ctx, a, id); err != nil {
		return err
	}
	return orUnknown(s.store.RevokeSession(ctx, id, s.dead(), s.event(a, "session.revoke", authz.TenantID{})), "session", id.String())
}

// RevokeAllSessions ends everything of a user, everywhere (sessions, codes,
// refresh and access tokens), and says how many sessions that were.
func (s *Service) RevokeAllSessions(ctx context.Context, a Actor, user authz.UserID) (int, error) {
	if err := may(a, manageSessions); err != nil {
		return 0, err
	}
	n, err := s.store.EndEverything(ctx, []authz.UserID{user}, "revoked by an operator", s.dead(), s.event(a, "session.revoke-all", authz.TenantID{}))
	return n, orUnknown(err, "user", user.String())
}

// EndAll ends what a restored database had issued, the keys aside, whoever it was issued to.
func (s *Service) EndAll(ctx context.Context, a Actor) (storage.Ended, error) {
	if err := may(a, manageKeys); err != nil {
		return storage.Ended{}, err
	}
	return s.store.EndAll(ctx, s.event(a, "database.end-all", authz.TenantID{}))
}
