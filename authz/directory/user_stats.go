package directory

import (
	"context"
	"errors"

	"github.com/gatehouse/gatehouse/storage/postgres"
)

// UserStats is a look at everybody at once.
type UserStats = postgres.UserStats

// The days and the length of the lists that UserStats covers.
const (
	statsDays = 14
	statsTop  = 10
)

// UserStats counts everybody by role and tenant, the sign-ins of the last two
// weeks, and the clients that were used the most in them.
func (s *Service) UserStats(ctx context.Context, a Actor) (UserStats, error) {
	if err := errors.Join(may(a, readDirectory), may(a, manageSessions)); err != nil {
		return UserStats{}, err
	}
	return s.store.UserStats(ctx, s.now(), statsDays, statsTop)
}
