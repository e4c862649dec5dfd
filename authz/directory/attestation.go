package directory

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
)

// maxModels bounds the list of a tenant.
const maxModels = 200

// AcceptAuthenticators says which models of authenticators, by AAGUID, the members
// of a tenant may make passkeys with; none for any. Passkeys that there are stay.
func (s *Service) AcceptAuthenticators(ctx context.Context, a Actor, tenant string, aaguids []string) error {
	if err := may(a, manageTenants); err != nil {
		return err
	}
	if len(aaguids) > maxModels {
		return invalid("aaguids", "has more than %d entries", maxModels)
	}
	models := make([][16]byte, len(aaguids))
	for i, text := range aaguids {
		// The form of an AAGUID is that of a UUID (FIDO Metadata Statements §3.1).
		id, err := authz.ParseID[authz.AuthenticatorModelID](text)
		if err != nil {
			return invalid("aaguids", "%.60q is not an AAGUID: it has the form of a UUID", text)
		}
		models[i] = id
	}
	t, err := s.Tenant(ctx, a, tenant)
	if err != nil {
		return err
	}
	return s.store.SetAttestationPolicy(ctx, t.ID, models, s.event(a, "tenant.accept-authenticators", t.ID))
}
