package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on tenants.
var (
	ListTenants      = Operation[Paging, List[Tenant]]{"GET", "/tenants", "listTenants", "List tenants, the oldest first", 200, people}
	CreateTenant     = Operation[NewTenant, Tenant]{"POST", "/tenants", "createTenant", "Add a tenant", 201, operator}
	ShowTenant       = Operation[TenantPath, Tenant]{"GET", "/tenants/{tenant}", "getTenant", "Show a tenant", 200, people}
	UpdateTenant     = Operation[TenantUpdate, Tenant]{"PATCH", "/tenants/{tenant}", "updateTenant", "Change a tenant; a member that is left out stays", 200, operator}
	DeleteTenant     = Operation[TenantDeletion, Outcome]{"DELETE", "/tenants/{tenant}", "deleteTenant", "Delete a tenant for good, with its groups, projects and clients; its people keep their accounts", 200, operator}
	SuspendTenant    = Operation[TenantPath, Outcome]{"POST", "/tenants/{tenant}/suspend", "suspendTenant", "Stop a tenant's sign-ins and tokens at once", 200, operator}
	SetTenantLogo    = Operation[TenantLogo, Tenant]{"PUT", "/tenants/{tenant}/logo", "setTenantLogo", "Make a PNG, JPEG or WebP picture of at most 5 MiB the logo of a tenant's sign-in pages", 200, operator}
	RemoveTenantLogo = Operation[TenantPath, Tenant]{"DELETE", "/tenants/{tenant}/logo", "removeTenantLogo", "Take a tenant's logo away", 200, operator}
	ResumeTenant     = Operation[TenantPath, Outcome]{"POST", "/tenants/{tenant}/resume", "resumeTenant", "Let a tenant's people sign in again", 200, operator}
)

func (a *API) tenantRoutes() {
	add(a, ListTenants, a.listTenants)
	add(a, CreateTenant, a.createTenant)
	add(a, ShowTenant, a.showTenant)
	add(a, UpdateTenant, a.updateTenant)
	add(a, DeleteTenant, a.deleteTenant)
	add(a, SetTenantLogo, a.setTenantLogo)
	add(a, RemoveTenantLogo, a.removeTenantLogo)
	add(a, SuspendTenant, a.onTenant("suspended", a.Directory.SuspendTenant))
	add(a, ResumeTenant, a.onTenant("resumed", a.Directory.ResumeTenant))
}

// Tenant is a customer inside the deployment.
type Tenant struct {
	ID             string     `json:"id" format:"uuid"`
	Slug           string     `json:"slug"`
	Name           string     `json:"name"`
	Region         string     `json:"region"`
	Plan           string     `json:"plan"`
	MaxUsers       *int       `json:"max_users" doc:"null for no limit, as the others"`
	MaxAgents      *int       `json:"max_agents"`
	StorageQuotaGB *int       `json:"storage_quota_gb" table:"-"`
	Features       []string   `json:"features" nullable:"false" table:"-"`
	Accent         string     `json:"accent" table:"-" doc:"The colour of its sign-in pages, as #rrggbb; empty for that of the house"`
	LogoURL        string     `json:"logo_url" table:"-" doc:"Empty where there is none"`
	Registration   []string   `json:"registration" nullable:"false" table:"-" doc:"Whose mail domains may make accounts for themselves; open for everybody, empty for nobody"`
	CreatedAt      *time.Time `json:"created_at" nullable:"false"`
	SuspendedAt    *time.Time `json:"suspended_at" doc:"null while the tenant is active"`
}

func describeTenant(t storage.Tenant) Tenant {
	return Tenant{
		ID: t.ID.String(), Slug: t.Slug, Name: t.Name, Region: t.Region, Plan: t.Plan,
		MaxUsers: t.MaxUsers, MaxAgents: t.MaxAgents, StorageQuotaGB: t.StorageQuotaGB,
		Features: texts(t.Features), Accent: t.Accent, LogoURL: t.Logo, Registration: texts(t.Registration), CreatedAt: instant(t.CreatedAt), SuspendedAt: instant(t.SuspendedAt),
	}
}

func (a *API) listTenants(ctx context.Context, actor directory.Actor, in *Paging) (List[Tenant], error) {
	p, err := a.paging(*in)
	if err != nil {
		return List[Tenant]{}, err
	}
	page, err := a.Directory.Tenants(ctx, actor, p)
	return listOf(a, page, describeTenant), err
}

// NewTenant is a tenant to be made.
type NewTenant struct {
	Once
	Body struct {
		Slug           string   `json:"slug,omitempty" maxLength:"48" doc:"Made from the name when left out, or made up"`
		Name           string   `json:"name,omitempty" maxLength:"200" doc:"The slug when left out"`
		Region         string   `json:"region,omitempty" maxLength:"64"`
		Plan           string   `json:"plan,omitempty" maxLength:"64" default:"free"`
		MaxUsers       *int     `json:"max_users,omitempty" minimum:"0" maximum:"2147483647"`
		MaxAgents      *int     `json:"max_agents,omitempty" minimum:"0" maximum:"2147483647"`
		StorageQuotaGB *int     `json:"storage_quota_gb,omitempty" minimum:"0" maximum:"2147483647"`
		Features       []string `json:"features,omitempty" maxItems:"64"`
	}
}

func (a *API) createTenant(ctx context.Context, actor directory.Actor, in *NewTenant) (Tenant, error) {
	b := in.Body
	t, err := a.Directory.CreateTenant(ctx, actor, directory.CreateTenant{
		Slug: b.Slug, Name: b.Name, Region: b.Region, Plan: b.Plan,
		MaxUsers: b.MaxUsers, MaxAgents: b.MaxAgents, StorageQuotaGB: b.StorageQuotaGB, Features: b.Features,
	})
	return describeTenant(t), err
}

// TenantPath names a tenant.
type TenantPath struct {
	Tenant string `path:"tenant" maxLength:"64" doc:"The id or the slug"`
}

func (a *API) showTenant(ctx context.Context, actor directory.Actor, in *TenantPath) (Tenant, error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	return describeTenant(t), err
}

// TenantUpdate is what to change of a tenant.
type TenantUpdate struct {
	IfMatch
	TenantPath
	Body struct {
		Slug           *string   `json:"slug,omitempty" maxLength:"48"`
		Name           *string   `json:"name,omitempty" maxLength:"200"`
		Region         *string   `json:"region,omitempty" maxLength:"64"`
		Plan           *string   `json:"plan,omitempty" maxLength:"64"`
		MaxUsers       *int      `json:"max_users,omitempty" minimum:"-1" maximum:"2147483647" doc:"-1 for no limit, as the others"`
		MaxAgents      *int      `json:"max_agents,omitempty" minimum:"-1" maximum:"2147483647"`
		StorageQuotaGB *int      `json:"storage_quota_gb,omitempty" minimum:"-1" maximum:"2147483647"`
		Features       *[]string `json:"features,omitempty" maxItems:"64" doc:"In place of those it had"`
		Accent         *string   `json:"accent,omitempty" maxLength:"7" doc:"The colour of its sign-in pages, as #rrggbb; empty for that of the house. Pages take from it what can be read by day and by night"`
		Registration   *[]string `json:"registration,omitempty" maxItems:"64" doc:"In place of what it was: open, closed, or the mail domains whose people may make accounts for themselves"`
	}
}

func (a *API) updateTenant(ctx context.Context, actor directory.Actor, in *TenantUpdate) (Tenant, error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return Tenant{}, err
	}
	b := in.Body
	t, err = a.Directory.UpdateTenant(ctx, actor, t.ID, directory.TenantChange{
		Slug: b.Slug, Name: b.Name, Region: b.Region, Plan: b.Plan, MaxUsers: b.MaxUsers, MaxAgents: b.MaxAgents, StorageQuotaGB: b.StorageQuotaGB, Features: b.Features,
		Accent: b.Accent, Registration: b.Registration,
		If: asSeen(in.IfMatch, describeTenant),
	})
	return describeTenant(t), err
}

// TenantLogo is a picture for a tenant.
type TenantLogo struct {
	TenantPath
	Upload
}

func (a *API) setTenantLogo(ctx context.Context, actor directory.Actor, in *TenantLogo) (Tenant, error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return Tenant{}, err
	}
	picture, err := Picture{in.Upload}.read()
	if err != nil {
		return Tenant{}, err
	}
	t, err = a.Directory.SetTenantLogo(ctx, actor, t.ID, picture)
	return describeTenant(t), err
}

func (a *API) removeTenantLogo(ctx context.Context, actor directory.Actor, in *TenantPath) (Tenant, error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return Tenant{}, err
	}
	t, err = a.Directory.RemoveTenantLogo(ctx, actor, t.ID)
	return describeTenant(t), err
}

// TenantDeletion names a tenant twice.
type TenantDeletion struct {
	IfMatch
	TenantPath
	Confirm string `query:"confirm" maxLength:"64" doc:"The slug of the tenant, once more"`
}

func (a *API) deleteTenant(ctx context.Context, actor directory.Actor, in *TenantDeletion) (Outcome, error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{t.ID.String(), "deleted"}, a.Directory.DeleteTenant(ctx, actor, t.ID, in.Confirm, asSeen(in.IfMatch, describeTenant))
}

// onTenant is an operation that does one thing to one tenant.
func (a *API) onTenant(status string, do func(context.Context, directory.Actor, authz.TenantID) error) func(context.Context, directory.Actor, *TenantPath) (Outcome, error) {
	return func(ctx context.Context, actor directory.Actor, in *TenantPath) (Outcome, error) {
		t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
		if err != nil {
			return Outcome{}, err
		}
		return Outcome{t.ID.String(), status}, do(ctx, actor, t.ID)
	}
}
