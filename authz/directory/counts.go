package directory

import (
	"context"
	"errors"

	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Counts says how much there is of everything in the deployment.
func (s *Service) Counts(ctx context.Context, a Actor) (postgres.Counts, error) {
	if err := errors.Join(may(a, readDirectory), may(a, manageSessions)); err != nil {
		return postgres.Counts{}, err
	}
	return s.store.Counts(ctx, s.now())
}
