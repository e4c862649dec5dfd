package directory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// A scope that somebody has stays in the registry, and the refusal says who; when they
// have given it up, it goes.
func TestDeleteScope_InUse(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	const scope = "moon:land"
	v.must(v.PutScope(ctx, host, storage.ScopeInfo{Name: scope, Title: "Land on the moon", NeedsACR: authz.ACRMultiFactor}, nil))
	gives, nothing := []authz.Pattern{scope}, []authz.Pattern{}
	group, shop := v.group("crew"), v.client(storage.ClientService)
	roles, err := v.Roles(ctx, host)
	v.must(err)
	setRole := func(more ...authz.Pattern) error {
		_, err := v.SetRoleScopes(ctx, host, roles[0].Name, slices.Concat(roles[0].Scopes, more), nil)
		return err
	}
	setClient := func(scopes []authz.Pattern) error {
		_, err := v.UpdateClient(ctx, host, shop.ID, directory.ClientChange{Scopes: &scopes})
		return err
	}
	for holder, tt := range map[string]struct{ take, giveUp func() error }{
		"group crew": {
			func() error { _, err := v.SetGroupScopes(ctx, host, group.ID, gives, nil); return err },
			func() error { _, err := v.SetGroupScopes(ctx, host, group.ID, nothing, nil); return err },
		},
		"client " + string(shop.ID):     {func() error { return setClient(gives) }, func() error { return setClient(nothing) }},
		"role " + string(roles[0].Name): {func() error { return setRole(scope) }, func() error { return setRole() }},
		"user ann": {
			func() error { return v.GrantUserScope(ctx, host, v.ann.ID, v.acme.ID, scope) },
			func() error { return v.RevokeUserScope(ctx, host, v.ann.ID, v.acme.ID, scope) },
		},
		"resource https://moon.example": {
			func() error {
				_, err := v.CreateResource(ctx, host, directory.CreateResource{Identifier: "https://moon.example", Name: "Moon", Scopes: authz.ScopeSet{scope}})
				return err
			},
			func() error { return v.DeleteResource(ctx, host, "https://moon.example", nil) },
		},
	} {
		v.must(tt.take())
		before := v.world.Text(`select * from platform.scopes order by name`) + v.world.Text(`select count(*) from platform.audit_events`)
		var refused *directory.InvalidError
		err := v.DeleteScope(ctx, host, scope, nil)
		if !errors.Is(err, storage.ErrConflict) || !errors.As(err, &refused) || refused.Field != "scope" || !strings.Contains(refused.Problem, "the "+holder+" has it") {
			t.Errorf("%s: %v", holder, err)
		}
		if after := v.world.Text(`select * from platform.scopes order by name`) + v.world.Text(`select count(*) from platform.audit_events`); after != before {
			t.Errorf("%s: the refused deletion left something", holder)
		}
		v.must(tt.giveUp())
	}
	v.must(v.DeleteScope(ctx, host, scope, nil))
	if _, err := v.Scope(ctx, host, scope); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}
