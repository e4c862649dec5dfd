package directory_test

import (
	"errors"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// M1: what people may do to themselves they can do to nobody else, whatever they hold.
func TestM1_SelfIsOneself(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	ann, bob := v.user("nora", authz.RoleViewer), v.user("otto", authz.RoleUser)
	as := directory.Actor{Name: "nora", User: ann.ID}
	mine, _ := v.session(ann.ID)
	theirs, _ := v.session(bob.ID)

	if u, err := v.UpdateSelf(ctx, as, directory.SelfChange{DisplayName: pointer("Nora N."), Language: pointer("ja")}); err != nil || u.ID != ann.ID || u.DisplayName != "Nora N." || u.Language != "ja" || u.Role != authz.RoleViewer {
		t.Errorf("update: %+v, %v", u, err)
	}
	if _, err := v.UpdateSelf(ctx, as, directory.SelfChange{DisplayName: pointer("Nora\x1b[2J")}); !refusal(err) {
		t.Errorf("a name that moves the cursor: %v", err)
	}
	_, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: "other"})
	v.must(err)
	if _, err := v.SelectTenant(ctx, as, "other", ""); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a tenant where they do not belong: %v", err)
	}
	if chosen, err := v.SelectTenant(ctx, as, v.acme.ID.String(), ""); err != nil || chosen.ID != v.acme.ID {
		t.Errorf("their tenant: %+v, %v", chosen, err)
	}
	website, err := v.CreateProject(ctx, host, v.acme.ID, "website")
	v.must(err)
	for _, name := range []string{"website", website.ID.String()} {
		if _, err := v.SelectTenant(ctx, as, "acme", name); err != nil {
			t.Errorf("a project of theirs, as %q: %v", name, err)
		}
		p, err := v.store.ForUser(ann.ID).Person(ctx)
		if err != nil || p.Preferences != (storage.Preferences{Tenant: v.acme.ID, Project: website.ID}) {
			t.Errorf("the default is %+v, %v", p.Preferences, err)
		}
	}
	if _, err := v.SelectTenant(ctx, as, "acme", "elsewhere"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a project that is not theirs: %v", err)
	}
	if list, err := v.SelfSessions(ctx, as); err != nil || len(list) != 1 || list[0].ID != mine.ID {
		t.Errorf("sessions: %v, %v", list, err)
	}
	if err := v.RevokeSelfSession(ctx, as, theirs.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("another's session: %v", err)
	}
	if err := v.RevokeSelfSession(ctx, as, mine.ID); err != nil {
		t.Errorf("own session: %v", err)
	}
	if list, err := v.SelfSessions(ctx, directory.Actor{Name: "otto", User: bob.ID}); err != nil || len(list) != 1 {
		t.Errorf("bob's: %v, %v", list, err)
	}
	for name, err := range map[string]error{
		"self": second(v.Self(ctx, host)), "update": second(v.UpdateSelf(ctx, host, directory.SelfChange{})), "sessions": second(v.SelfSessions(ctx, host)),
		"select": second(v.SelectTenant(ctx, host, "acme", "")), "revoke": v.RevokeSelfSession(ctx, host, mine.ID),
	} {
		if !errors.Is(err, directory.ErrForbidden) {
			t.Errorf("%s by nobody in particular: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
