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
	ShowResource   = Operation[ResourcePath, Resource]{"GET", "/resources/{resource}", "getResource", "Show a resource server", 200, people}
	UpdateResource = Operation[ResourceChange, Resource]{"PATCH", "/resources/{resource}", "updateResource", "Change a resource server; a member that is left out stays", 200, operator}
	DeleteResource = Operation[ResourceDeletion, Outcome]{"DELETE", "/resources/{resource}", "deleteResource", "Remove a resource server", 200, operator}
)

func (a *API) resourceRoutes() {
	add(a, ListResources, a.listResources)
	add(a, CreateResource, a.createResource)
	add(a, ShowResource, a.showResource)
	add(a, UpdateResource, a.updateResource)
	add(a, DeleteResource, a.deleteResource)
}

// Resource is what tokens are for.
type Resource struct {
	Identifier string     `json:"identifier"`
	Name       string     `json:"name"`
	TenantID   *string    `json:"tenant_id" table:"-" doc:"null for one of the whole deployment"`
	Scopes     []string   `json:"scopes" nullable:"false"`
	Lifetime   int        `json:"access_token_seconds" table:"-" doc:"How long tokens for it live at most; 0 for as long as any"`
	CreatedAt  *time.Time `json:"created_at" nullable:"false"`
	// DetailTypes stands last, as what few have.
	DetailTypes []storage.DetailType `json:"authorization_details_types" nullable:"false" table:"-" doc:"The types of authorization details that it understands (RFC 9396)"`
}

func describeResource(r storage.Resource) Resource {
	return Resource{r.Identifier, r.Name, optional(r.Tenant.String()), texts(r.Scopes), int(r.AccessTokenLifetime / time.Second), instant(r.CreatedAt), append([]storage.DetailType{}, r.DetailTypes...)}
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
		Lifetime   int      `json:"access_token_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long tokens for it live at most; as long as any when left out"`
		Tenant     string   `json:"tenant,omitempty" maxLength:"64" doc:"Its tenant, by id or slug; the whole deployment when left out"`

		DetailTypes []storage.DetailType `json:"authorization_details_types,omitempty" maxItems:"32" doc:"The types of authorization details that it understands (RFC 9396)"`
	}
}

func (a *API) createResource(ctx context.Context, actor directory.Actor, in *NewResource) (Resource, error) {
	b := in.Body
	n := directory.CreateResource{
		Identifier: b.Identifier, Name: b.Name, Tenant: b.Tenant, DetailTypes: b.DetailTypes, AccessTokenLifetime: time.Duration(b.Lifetime) * time.Second,
	}
	var err error
	if n.Scopes, err = scopeSet(b.Scopes); err != nil {
		return Resource{}, err
	}
	r, err := a.Directory.CreateResource(ctx, actor, n)
	return describeResource(r), err
}

func scopeSet(texts []string) (set authz.ScopeSet, err error) {
	for _, text := range texts {
		scope, err := authz.ParseScope(text)
		if err != nil {
			return nil, err
		}
		set = set.With(scope)
	}
	return set, nil
}

// ResourcePath names a resource server.
type ResourcePath struct {
	Resource string `path:"resource" maxLength:"2048" doc:"Its identifier"`
}

func (a *API) showResource(ctx context.Context, actor directory.Actor, in *ResourcePath) (Resource, error) {
	r, err := a.Directory.Resource(ctx, actor, in.Resource)
	return describeResource(r), err
}

// ResourceChange is what to change of a resource server.
type ResourceChange struct {
	IfMatch
	ResourcePath
	Body struct {
		Name     *string   `json:"name,omitempty" maxLength:"200"`
		Scopes   *[]string `json:"scopes,omitempty" maxItems:"256" doc:"All the scopes that it understands"`
		Lifetime *int      `json:"access_token_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long tokens for it live at most; 0 for as long as any"`

		DetailTypes *[]storage.DetailType `json:"authorization_details_types,omitempty" maxItems:"32" doc:"All the types of authorization details that it understands (RFC 9396)"`
	}
}

func (a *API) updateResource(ctx context.Context, actor directory.Actor, in *ResourceChange) (Resource, error) {
	n := directory.ResourceChange{Name: in.Body.Name, DetailTypes: in.Body.DetailTypes, If: asSeen(in.IfMatch, describeResource)}
	if in.Body.Scopes != nil {
		scopes, err := scopeSet(*in.Body.Scopes)
		if err != nil {
			return Resource{}, err
		}
		n.Scopes = &scopes
	}
	if in.Body.Lifetime != nil {
		lifetime := time.Duration(*in.Body.Lifetime) * time.Second
		n.AccessTokenLifetime = &lifetime
	}
	r, err := a.Directory.UpdateResource(ctx, actor, in.Resource, n)
	return describeResource(r), err
}

// ResourceDeletion names a resource server to be deleted.
type ResourceDeletion struct {
	IfMatch
	ResourcePath
}

func (a *API) deleteResource(ctx context.Context, actor directory.Actor, in *ResourceDeletion) (Outcome, error) {
	return Outcome{in.Resource, "deleted"}, a.Directory.DeleteResource(ctx, actor, in.Resource, asSeen(in.IfMatch, describeResource))
}
