package api

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// Question asks what a client would be granted.
type Question struct {
	Client  string `query:"client" required:"true" maxLength:"128" doc:"The client_id"`
	User    string `query:"user" maxLength:"254" doc:"Who would sign in, by id, user name or e-mail address; left out, the client acts for itself"`
	Tenant  string `query:"tenant" maxLength:"64" doc:"The tenant that the token would be for, by id or slug; the user's own when left out"`
	Project string `query:"project" maxLength:"200" doc:"The project that the token would be for, by id or name"`
	ACR     string `query:"acr" enum:"aal1,aal2,phr" doc:"How strongly the user would have signed in"`
	Scope   string `query:"scope" maxLength:"4096" doc:"What is asked for, between spaces; left out, what a request gets that names none"`
}

// Explanation is what becomes of one requested scope.
type Explanation struct {
	Scope   string `json:"scope"`
	Granted bool   `json:"granted"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail" doc:"The role, the group or the class that decided"`
}

func describeOutcome(o authz.Outcome) Explanation {
	return Explanation{string(o.Scope), o.Granted, string(o.Reason), o.Detail}
}

func (a *API) explainScopes(ctx context.Context, actor directory.Actor, in *Question) (List[Explanation], error) {
	request, err := a.question(ctx, actor, in)
	if err != nil {
		return List[Explanation]{}, err
	}
	decision, err := a.Directory.ExplainScopes(ctx, actor, request)
	return List[Explanation]{Items: each(decision.Outcomes, describeOutcome)}, err
}

// question turns names into ids.
func (a *API) question(ctx context.Context, actor directory.Actor, in *Question) (directory.Explain, error) {
	client, err := a.Directory.Client(ctx, actor, authz.ClientID(in.Client))
	if err != nil {
		return directory.Explain{}, err
	}
	e := directory.Explain{Client: client.ID, Tenant: client.Tenant, ACR: authz.ACR(in.ACR), Requested: authz.Literal(client.Scopes)}
	if in.Scope != "" {
		if e.Requested, err = authz.ParseScopeSet(in.Scope); err != nil {
			return e, err
		}
	}
	if in.User != "" {
		user, err := a.Directory.User(ctx, actor, in.User)
		if err != nil {
			return e, err
		}
		person, err := a.Directory.Person(ctx, actor, user.ID)
		if err != nil {
			return e, err
		}
		e.User = user.ID
		if e.Tenant.IsZero() {
			e.Tenant = home(person)
		}
	}
	return e, a.readPlace(ctx, actor, in, &e)
}

// home is the tenant in which a person lands when nothing else is said.
func home(p storage.Person) authz.TenantID {
	if t, member := p.Tenant(p.Preferences.Tenant); member {
		return t.ID
	}
	if len(p.Tenants) > 0 {
		return p.Tenants[0].ID
	}
	return authz.TenantID{}
}

func (a *API) readPlace(ctx context.Context, actor directory.Actor, in *Question, e *directory.Explain) error {
	if in.Tenant != "" {
		tenant, err := a.Directory.Tenant(ctx, actor, in.Tenant)
		if err != nil {
			return err
		}
		e.Tenant = tenant.ID
	}
	if in.Project != "" {
		project, err := a.Directory.Project(ctx, actor, e.Tenant, in.Project)
		if err != nil {
			return err
		}
		e.Project = project.ID
	}
	return nil
}
