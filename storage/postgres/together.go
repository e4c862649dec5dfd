package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Together makes every change of do, which it makes through the store that do is
// given, or none: an error takes all of them back. Within another Together the
// changes are taken back to where this one began, and the other goes on.
func (s *OperatorStore) Together(ctx context.Context, act string, do func(*OperatorStore) error) error {
	inside := func(tx pgx.Tx) error {
		joined := *s.Store
		joined.within = tx
		return do(&OperatorStore{Store: &joined, as: s.as})
	}
	if s.within != nil {
		return translate(act, pgx.BeginFunc(ctx, s.within, inside))
	}
	return s.tx(ctx, act, s.as, inside)
}
