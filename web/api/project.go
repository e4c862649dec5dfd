package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on projects.
var (
	ListProjects  = Operation[InTenant, List[Project]]{"GET", "/projects", "listProjects", "List the projects of a tenant", 200, people}
	CreateProject = Operation[NewProject, Project]{"POST", "/projects", "createProject", "Add a project to a tenant", 201, operator}
)

func (a *API) projectRoutes() {
	add(a, ListProjects, a.listProjects)
	add(a, CreateProject, a.createProject)
}

// Project is a piece of a tenant.
type Project struct {
	ID        string     `json:"id" format:"uuid"`
	TenantID  string     `json:"tenant_id" format:"uuid"`
	Name      string     `json:"name"`
	CreatedAt *time.Time `json:"created_at" nullable:"false"`
}

func describeProject(p storage.Project) Project {
	return Project{p.ID.String(), p.Tenant.String(), p.Name, instant(p.CreatedAt)}
}

func (a *API) listProjects(ctx context.Context, actor directory.Actor, in *InTenant) (List[Project], error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return List[Project]{}, err
	}
	projects, err := a.Directory.Projects(ctx, actor, t.ID)
	return List[Project]{Items: each(projects, describeProject)}, err
}

// NewProject is a project to be made.
type NewProject struct {
	Once
	Body struct {
		Name   string `json:"name" minLength:"1" maxLength:"200" doc:"Unique in the tenant"`
		Tenant string `json:"tenant,omitempty" maxLength:"64" doc:"The tenant, by id or slug; the first tenant when left out"`
	}
}

func (a *API) createProject(ctx context.Context, actor directory.Actor, in *NewProject) (Project, error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Body.Tenant)
	if err != nil {
		return Project{}, err
	}
	p, err := a.Directory.CreateProject(ctx, actor, t.ID, in.Body.Name)
	return describeProject(p), err
}
