package directory

import (
	"context"
	"strings"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Audit lists what was done, the latest first.
func (s *Service) Audit(ctx context.Context, a Actor, f AuditFilter) (Page[storage.AuditEvent], error) {
	if err := may(a, readAudit); err != nil {
		return Page[storage.AuditEvent]{}, err
	}
	last, err := after[authz.AuditID](f.Paging)
	if err != nil {
		return Page[storage.AuditEvent]{}, err
	}
	chosen := postgres.AuditFilter{
		User: f.User, ActorID: f.ActorID, Actor: f.Actor, Action: f.Action, ObjectKind: f.ObjectKind, ObjectID: f.ObjectID,
		Since: f.Since, Until: f.Until, Before: last, Limit: f.limit() + 1,
	}
	if family, under := strings.CutSuffix(f.Action, "*"); under {
		chosen.Action, chosen.ActionsUnder = "", family
	}
	if f.Tenant != "" {
		t, err := s.Tenant(ctx, a, f.Tenant)
		if err != nil {
			return Page[storage.AuditEvent]{}, err
		}
		chosen.Tenant = t.ID
	}
	events, err := s.store.AuditEvents(ctx, chosen)
	return page(events, f.Paging, func(e storage.AuditEvent) string { return e.ID.String() }), err
}

// FollowAudit lists what was done since a position, and says where that ends. Without
// a position it lists nothing, and says where the log ends now.
func (s *Service) FollowAudit(ctx context.Context, a Actor, from postgres.AuditPosition) ([]storage.AuditEvent, postgres.AuditPosition, error) {
	if err := may(a, readAudit); err != nil {
		return nil, nil, err
	}
	if len(from) == 0 {
		end, err := s.store.AuditEnd(ctx)
		return nil, end, err
	}
	const atOnce = 100
	return s.store.AuditAfter(ctx, from, atOnce)
}

// VerifyAudit looks for an event that was changed, removed or put in between.
func (s *Service) VerifyAudit(ctx context.Context, a Actor) (postgres.AuditCheck, error) {
	if err := may(a, readAudit); err != nil {
		return postgres.AuditCheck{}, err
	}
	return s.store.VerifyAudit(ctx)
}
