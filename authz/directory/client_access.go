package directory

import (
	"context"
	"errors"
	"slices"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// checkOpenTo wants what a client says of who may use it to mean something: a
// tenant to be open to, groups to be open to, and people who sign in at all.
func checkOpenTo(c storage.Client) error {
	kinds := []storage.OpenTo{storage.OpenToNobody, storage.OpenToTenant, storage.OpenToEveryone, storage.OpenToGroups}
	forPeople := slices.Contains(c.GrantTypes, storage.GrantAuthorizationCode) || slices.Contains(c.GrantTypes, storage.GrantDeviceCode) ||
		slices.Contains(c.GrantTypes, storage.GrantTokenExchange) || slices.Contains(c.GrantTypes, storage.GrantCIBA) || slices.Contains(c.GrantTypes, storage.GrantJWTBearer)
	switch {
	case !slices.Contains(kinds, c.OpenTo):
		return invalid("open_to", "must be nobody, tenant, everyone or groups")
	case c.OpenTo != storage.OpenToNobody && !forPeople:
		return invalid("open_to", "is of no use to a %s client: nobody signs in through it", c.Kind)
	case c.OpenTo == storage.OpenToTenant && c.Tenant.IsZero():
		return invalid("open_to", "a client of the whole deployment has no tenant: say everyone or groups")
	case c.OpenTo == storage.OpenToEveryone && !c.Tenant.IsZero():
		return invalid("open_to", "a client of one tenant can be open to that tenant or to groups, not to everyone")
	case (c.OpenTo == storage.OpenToGroups) != (len(c.Groups) > 0):
		return invalid("groups", "and open_to groups go together: say both or neither")
	}
	return nil
}

func (s *Service) checkGroups(ctx context.Context, c storage.Client) error {
	const most = 64
	if len(c.Groups) > most {
		return invalid("groups", "are more than %d", most)
	}
	for i, id := range c.Groups {
		g, err := s.store.GroupByID(ctx, id)
		// Another tenant's group does not exist here.
		if err == nil && !c.Tenant.IsZero() && g.Tenant != c.Tenant {
			err = storage.ErrNotFound
		}
		if err != nil {
			return orUnknown(err, "groups", id.String())
		}
		if slices.Contains(c.Groups[:i], id) {
			return invalid("groups", "names %s twice", id)
		}
	}
	return nil
}

// checkOwner gives an agent the owner who answers for it: a person of its tenant,
// whose scopes it never exceeds and with whom it falls.
func (s *Service) checkOwner(ctx context.Context, a Actor, c *storage.Client, owner authz.UserID) error {
	if c.Kind != storage.ClientAgent {
		return nil
	}
	if owner.IsZero() {
		return invalid("owner", "is missing: an agent has an owner, whose scopes it never exceeds")
	}
	if c.Tenant.IsZero() {
		return invalid("tenant", "is missing: an agent belongs to the tenant of its owner")
	}
	person, err := s.Person(ctx, a, owner)
	if errors.Is(err, storage.ErrNotFound) {
		return unknown("owner", "%q does not exist", owner)
	}
	if err != nil {
		return err
	}
	if !person.Rights.MemberOf(c.Tenant) {
		return invalid("owner", "does not belong to the tenant of the agent")
	}
	c.Owner = owner
	return nil
}

// AgentsOf lists the agents that a user answers for, and to who looks after one tenant
// those of it.
func (s *Service) AgentsOf(ctx context.Context, a Actor, owner authz.UserID) ([]storage.Client, error) {
	r, err := reaches(a, readDirectory)
	if err != nil {
		return nil, err
	}
	agents, err := s.store.Agents(ctx, owner)
	return slices.DeleteFunc(agents, func(c storage.Client) bool { return !r.has(c.Tenant) }), err
}
