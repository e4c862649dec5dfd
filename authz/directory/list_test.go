package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// pages is a whole list, part by part, two at a time.
func pages[T any](v *town, part func(directory.Paging) (directory.Page[T], error), name func(T) string) []string {
	v.Helper()
	var names []string
	for p := (directory.Paging{Limit: 2}); ; {
		page, err := part(p)
		v.must(err)
		if len(page.Items) > 2 {
			v.Errorf("a part of %d", len(page.Items))
		}
		for _, item := range page.Items {
			names = append(names, name(item))
		}
		if p.Cursor = page.Next; p.Cursor == "" {
			return names
		}
	}
}

// Groups and projects come part by part, each once, the oldest first, and those of one
// tenant alone.
func TestGroupsAndProjects_Pages(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	other, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: "other"})
	v.must(err)
	_, err = v.CreateProject(ctx, host, other.ID, "elsewhere")
	v.must(err)
	groups, projects := []string{storage.MembersGroup}, []string{}
	for i := range 5 {
		v.clock = v.clock.Add(1e9)
		name := fmt.Sprint("no. ", 5-i)
		p, err := v.CreateProject(ctx, host, v.acme.ID, name)
		v.must(err)
		_, err = v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: v.acme.ID, Project: p.ID, Name: name})
		v.must(err)
		groups, projects = append(groups, name), append(projects, name)
	}
	got := pages(v, func(p directory.Paging) (directory.Page[storage.Group], error) {
		return v.Groups(ctx, host, v.acme.ID, p)
	},
		func(g storage.Group) string { return g.Name })
	if !slices.Equal(got, groups) {
		t.Errorf("groups: %v, want %v", got, groups)
	}
	got = pages(v, func(p directory.Paging) (directory.Page[storage.Project], error) {
		return v.Projects(ctx, host, v.acme.ID, p)
	},
		func(p storage.Project) string { return p.Name })
	if !slices.Equal(got, projects) {
		t.Errorf("projects: %v, want %v", got, projects)
	}
}

// An id finds the one it belongs to, whatever another calls itself, and a name of
// several the group of the whole tenant.
func TestGroup_ByIDOrName(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	project, err := v.CreateProject(ctx, host, v.acme.ID, "site")
	v.must(err)
	inProject, err := v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: v.acme.ID, Project: project.ID, Name: "crew"})
	v.must(err)
	wide := v.group("crew")
	v.group(wide.ID.String())
	_, err = v.CreateProject(ctx, host, v.acme.ID, project.ID.String())
	v.must(err)
	for name, want := range map[string]authz.GroupID{"crew": wide.ID, wide.ID.String(): wide.ID, inProject.ID.String(): inProject.ID} {
		if g, err := v.Group(ctx, host, v.acme.ID, name); err != nil || g.ID != want {
			t.Errorf("group %q: %v, %v", name, g, err)
		}
	}
	for _, name := range []string{"site", project.ID.String()} {
		if p, err := v.Project(ctx, host, v.acme.ID, name); err != nil || p.ID != project.ID {
			t.Errorf("project %q: %v, %v", name, p, err)
		}
	}
}

func TestClients_Filters(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	v.clock = v.clock.Add(time.Second) // the first tenant is acme: ids of one instant come in any order
	_, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: "other"})
	v.must(err)
	bob := v.user("bob", authz.RoleUser)
	for _, n := range []directory.CreateClient{
		{ID: "spa", Kind: storage.ClientSPA, Tenant: "acme", RedirectURIs: []string{"https://shop.example/callback"}},
		{ID: "service", Kind: storage.ClientService, Tenant: "other"},
		{ID: "everywhere", Kind: storage.ClientService, AllTenants: true},
		{ID: "of-ann", Kind: storage.ClientAgent, Tenant: "acme", Owner: v.ann.ID},
		{ID: "of-bob", Kind: storage.ClientAgent, Tenant: "acme", Owner: bob.ID},
	} {
		n.Name = "x"
		_, _, err := v.CreateClient(ctx, host, n)
		v.must(err)
	}
	v.must(v.DisableClient(ctx, host, "of-ann"))
	for _, tt := range []struct {
		filter directory.ClientFilter
		want   string
	}{
		{directory.ClientFilter{}, "everywhere of-ann of-bob service spa"},
		{directory.ClientFilter{Kind: storage.ClientService}, "everywhere service"},
		{directory.ClientFilter{Kind: "teapot"}, ""},
		{directory.ClientFilter{Tenant: "acme"}, "of-ann of-bob spa"},
		{directory.ClientFilter{Tenant: "other", Kind: storage.ClientAgent}, ""},
		{directory.ClientFilter{Owner: v.ann.ID}, "of-ann"},
		{directory.ClientFilter{Status: directory.StatusDisabled}, "of-ann"},
		{directory.ClientFilter{Status: directory.StatusActive, Kind: storage.ClientAgent}, "of-bob"},
	} {
		got := pages(v, func(p directory.Paging) (directory.Page[storage.Client], error) {
			f := tt.filter
			f.Paging = p
			return v.Clients(ctx, host, f)
		}, func(c storage.Client) string { return string(c.ID) })
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v: %v, want %s", tt.filter, got, tt.want)
		}
	}
}
