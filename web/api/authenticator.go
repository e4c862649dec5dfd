package api

import (
	"context"

	"github.com/gatehouse/gatehouse/authz/directory"
)

// AcceptAuthenticators is the one operation on the kinds of authenticators.
var AcceptAuthenticators = Operation[AcceptedAuthenticators, Outcome]{"POST", "/tenants/{tenant}/accept-authenticators", "acceptAuthenticators", "Say which models of authenticators a tenant's people may make passkeys with", 200, operator}

func (a *API) authenticatorRoutes() { add(a, AcceptAuthenticators, a.acceptAuthenticators) }

// AcceptedAuthenticators is which models a tenant accepts.
type AcceptedAuthenticators struct {
	TenantPath
	Body struct {
		AAGUIDs []string `json:"aaguids" nullable:"false" maxItems:"200" doc:"The AAGUIDs of the models; none for any"`
	}
}

func (a *API) acceptAuthenticators(ctx context.Context, actor directory.Actor, in *AcceptedAuthenticators) (Outcome, error) {
	err := a.Directory.AcceptAuthenticators(ctx, actor, in.Tenant, in.Body.AAGUIDs)
	return Outcome{ID: in.Tenant, Status: "accepted"}, err
}
