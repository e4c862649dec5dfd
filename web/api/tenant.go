package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// Tenant is a customer inside the deployment.
type Tenant struct {
	ID             string     `json:"id" format:"uuid"`
	Slug           string     `json:"slug"`
	Name           string     `json:"name"`
	Region         string     `json:"region"`
	Plan           string     `json:"plan"`
	MaxUsers       *int       `json:"max_users,omitempty" doc:"Absent for no limit, as the others"`
	MaxAgents      *int       `json:"max_agents,omitempty"`
	StorageQuotaGB *int       `json:"storage_quota_gb,omitempty"`
	Features       []string   `json:"features" nullable:"false"`
	CreatedAt      time.Time  `json:"created_at"`
	SuspendedAt    *time.Time `json:"suspended_at,omitempty" doc:"Absent while the tenant is active"`
}

func describeTenant(t storage.Tenant) Tenant {
	return Tenant{
		ID: t.ID.String(), Slug: t.Slug, Name: t.Name, Region: t.Region, Plan: t.Plan,
		MaxUsers: t.MaxUsers, MaxAgents: t.MaxAgents, StorageQuotaGB: t.StorageQuotaGB,
		Features: texts(t.Features), CreatedAt: t.CreatedAt.UTC(), SuspendedAt: instant(t.SuspendedAt),
	}
}

func (a *API) listTenants(ctx context.Context, actor directory.Actor, in *Paging) (*answer[List[Tenant]], error) {
	page, err := a.Directory.Tenants(ctx, actor, in.directory())
	return list(page, describeTenant), err
}

type newTenant struct {
	Body struct {
		Slug           string   `json:"slug,omitempty" maxLength:"48" doc:"Made from the name when left out"`
		Name           string   `json:"name" minLength:"1" maxLength:"200"`
		Region         string   `json:"region,omitempty" maxLength:"64"`
		Plan           string   `json:"plan,omitempty" maxLength:"64" default:"free"`
		MaxUsers       *int     `json:"max_users,omitempty" minimum:"0" maximum:"2147483647"`
		MaxAgents      *int     `json:"max_agents,omitempty" minimum:"0" maximum:"2147483647"`
		StorageQuotaGB *int     `json:"storage_quota_gb,omitempty" minimum:"0" maximum:"2147483647"`
		Features       []string `json:"features,omitempty" maxItems:"64"`
	}
}

func (a *API) createTenant(ctx context.Context, actor directory.Actor, in *newTenant) (*answer[Tenant], error) {
	b := in.Body
	t, err := a.Directory.CreateTenant(ctx, actor, directory.CreateTenant{
		Slug: b.Slug, Name: b.Name, Region: b.Region, Plan: b.Plan,
		MaxUsers: b.MaxUsers, MaxAgents: b.MaxAgents, StorageQuotaGB: b.StorageQuotaGB, Features: b.Features,
	})
	return &answer[Tenant]{describeTenant(t)}, err
}
