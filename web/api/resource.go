package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on resource servers.
var (
	ListResources  = Operation[struct{}, List[Resource]]{"GET", "/resources", "listResources", "List the resource servers", 200, people}
	CreateResource = Operation[NewResource, Resource]{"POST", "/resources", "createResource", "Add a resource server by its identifier (RFC 8707)", 201, operator}
)

func (a *API) resourceRoutes() {
	add(a, ListResources, a.listResources)
	add(a, CreateResource, a.createResource)
}

// Resource is what tokens are for.
type Resource struct {
	Identifier string     `json:"identifier"`
	Name       string     `json:"name"`
	TenantID   *string    `json:"tenant_id" table:"-" doc:"null for one of the whole deployment"`
	Scopes     []string   `json:"scopes" nullable:"false"`
	CreatedAt  *time.Time `json:"created_at" nullable:"false"`
}

func describeResource(r storage.Resource) Resource {
	return Resource{r.Identifier, r.Name, optional(r.Tenant.String()), texts(r.Scopes), instant(r.CreatedAt)}
}

func (a *API) listResources(ctx context.Context, actor directory.Actor, _ *struct{}) (List[Resource], error) {
	resources, err := a.Directory.Resources(ctx, actor)
	return List[Resource]{Items: each(resources, describeResource)}, err
}

// NewResource is a resource server to be made.
type NewResource struct {
	Once
	Body struct {
		Identifier string   `json:"identifier" maxLength:"2048" doc:"The absolute URI that clients name (RFC 8707 §2)"`
		Name       string   `json:"name,omitempty" maxLength:"200" doc:"What people see"`
		Scopes     []string `json:"scopes" nullable:"false" maxItems:"256" doc:"The scopes that it understands"`
		Tenant     string   `json:"tenant,omitempty" maxLength:"64" doc:"Its tenant, by id or slug; the whole deployment when left out"`
	}
}

func (a *API) createResource(ctx context.Context, actor directory.Actor, in *NewResource) (Resource, error) {
	b := in.Body
	n := directory.CreateResource{Identifier: b.Identifier, Name: b.Name, Tenant: b.Tenant}
	for _, text := range b.Scopes {
		scope, err := authz.ParseScope(text)
		if err != nil {
			return Resource{}, err
		}
		n.Scopes = n.Scopes.With(scope)
	}
	r, err := a.Directory.CreateResource(ctx, actor, n)
	return describeResource(r), err
}
