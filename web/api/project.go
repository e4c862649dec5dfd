package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on projects.
var (
	ListProjects  = Operation[PartOfTenant, List[Project]]{"GET", "/projects", "listProjects", "List the projects of a tenant, the oldest first", 200, people}
	ShowProject   = Operation[ProjectPath, Project]{"GET", "/projects/{project}", "getProject", "Show a project", 200, people}
	RenameProject = Operation[ProjectName, Project]{"PATCH", "/projects/{project}", "renameProject", "Give a project another name", 200, operator}
	DeleteProject = Operation[ProjectDeletion, Outcome]{"DELETE", "/projects/{project}", "deleteProject", "Delete a project with its groups", 200, operator}
	CreateProject = Operation[NewProject, Project]{"POST", "/projects", "createProject", "Add a project to a tenant", 201, operator}
)

func (a *API) projectRoutes() {
	add(a, ListProjects, a.listProjects)
	add(a, CreateProject, a.createProject)
	add(a, ShowProject, a.showProject)
	add(a, RenameProject, a.renameProject)
	add(a, DeleteProject, a.deleteProject)
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

func (a *API) listProjects(ctx context.Context, actor directory.Actor, in *PartOfTenant) (List[Project], error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return List[Project]{}, err
	}
	p, err := a.paging(in.Paging)
	if err != nil {
		return List[Project]{}, err
	}
	page, err := a.Directory.Projects(ctx, actor, t.ID, p)
	return listOf(a, page, describeProject), err
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

// ProjectPath names a project.
type ProjectPath struct {
	Project string `path:"project" maxLength:"200" doc:"The id or the name"`
	InTenant
}

func (a *API) project(ctx context.Context, actor directory.Actor, in ProjectPath) (storage.Project, error) {
	t, err := a.Directory.Tenant(ctx, actor, in.Tenant)
	if err != nil {
		return storage.Project{}, err
	}
	return a.Directory.Project(ctx, actor, t.ID, in.Project)
}

func (a *API) showProject(ctx context.Context, actor directory.Actor, in *ProjectPath) (Project, error) {
	p, err := a.project(ctx, actor, *in)
	return describeProject(p), err
}

// ProjectName is what a project is to be called.
type ProjectName struct {
	IfMatch
	ProjectPath
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200"`
	}
}

func (a *API) renameProject(ctx context.Context, actor directory.Actor, in *ProjectName) (Project, error) {
	p, err := a.project(ctx, actor, in.ProjectPath)
	if err != nil {
		return Project{}, err
	}
	p, err = a.Directory.RenameProject(ctx, actor, p, in.Body.Name, asSeen(in.IfMatch, describeProject))
	return describeProject(p), err
}

// ProjectDeletion names a project to be deleted.
type ProjectDeletion struct {
	IfMatch
	ProjectPath
}

func (a *API) deleteProject(ctx context.Context, actor directory.Actor, in *ProjectDeletion) (Outcome, error) {
	p, err := a.project(ctx, actor, in.ProjectPath)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{p.ID.String(), "deleted"}, a.Directory.DeleteProject(ctx, actor, p, asSeen(in.IfMatch, describeProject))
}
