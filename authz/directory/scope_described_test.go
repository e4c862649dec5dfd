package directory_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// giving is each way in which an operator gives scopes.
func giving(v *town) map[string]func(...authz.Pattern) error {
	v.Helper()
	ctx := v.Context()
	group, shop := v.group("crew"), v.client(storage.ClientService)
	return map[string]func(...authz.Pattern) error{
		"create client": func(p ...authz.Pattern) error {
			_, _, err := v.CreateClient(ctx, host, directory.CreateClient{Name: "Batch", Kind: storage.ClientService, Scopes: p})
			return err
		},
		"update client": func(p ...authz.Pattern) error {
			_, err := v.UpdateClient(ctx, host, shop.ID, directory.ClientChange{Scopes: &p})
			return err
		},
		"create group": func(p ...authz.Pattern) error {
			_, err := v.CreateGroup(ctx, host, directory.CreateGroup{Tenant: v.acme.ID, Name: string(p[0]), Scopes: p})
			return err
		},
		"group": func(p ...authz.Pattern) error { _, err := v.SetGroupScopes(ctx, host, group.ID, p, nil); return err },
		"role": func(p ...authz.Pattern) error {
			_, err := v.SetRoleScopes(ctx, host, authz.RoleViewer, p, nil)
			return err
		},
		"user": func(p ...authz.Pattern) error { return v.GrantUserScope(ctx, host, v.ann.ID, v.acme.ID, p[0]) },
		"registration token": func(p ...authz.Pattern) error {
			_, _, err := v.CreateRegistrationToken(ctx, host, directory.CreateRegistrationToken{Name: "farm", Uses: 1, Lifetime: time.Hour, Policy: storage.RegistrationPolicy{Scopes: p}})
			return err
		},
		"trusted issuer": func(p ...authz.Pattern) error {
			i := idp(p...)
			i.Issuer += "/" + url.PathEscape(string(p[0]))
			_, err := v.AddTrustedIssuer(ctx, host, i, "", false)
			return err
		},
	}
}

// A scope that nobody has described is given to nobody, and the refusal says what may have
// been meant and how to describe a new one; nothing is written.
func TestUndescribedScope(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	written := func() string { return v.world.Text(`select count(*) from platform.audit_events`) }
	ways := giving(v)
	for way, give := range ways {
		before := written()
		for scope, says := range map[authz.Pattern]string{
			"agnets:read": `"agnets:read" is not described; did you mean "agents:read"? To describe a new one: gatehouse admin scopes create agnets:read --title TITLE`,
			"agnets:*":    `"agnets:*" reaches no scope that is described; did you mean "agents:*"? To describe a new one: gatehouse admin scopes create agnets:read --title TITLE`,
			"opneid":      `"opneid" is not described; did you mean "openid"?`,
			"moon:land":   `"moon:land" is not described. To describe`,
			"agents:**":   "wildcard",
		} {
			var refused *directory.InvalidError
			if err := give(scope); !errors.As(err, &refused) || refused.Field != "scopes" || !strings.Contains(refused.Problem, says) {
				t.Errorf("%s, %s: %v", way, scope, err)
			}
		}
		if written() != before {
			t.Errorf("%s: what was refused has left something", way)
		}
	}
	v.must(v.PutScope(ctx, host, storage.ScopeInfo{Name: "moon:land", Title: "Land on the moon"}, nil))
	for way, give := range ways {
		for _, scope := range []authz.Pattern{"moon:land", "moon:*", "*", "openid", "offline_access", "admin"} {
			if err := give(scope); err != nil {
				t.Errorf("%s, %s: %v", way, scope, err)
			}
		}
	}
}

// What was given before anybody asked stays with who has it, until it is taken away.
func TestUndescribedScope_ThatIsHeld(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	ways := giving(v)
	v.world.Exec(`update platform.user_groups set scopes = '{old:one}'`)
	v.world.Exec(`update platform.clients set scopes = '{old:one}'`)
	v.world.Exec(`update platform.roles set scopes = '{old:one}' where name = 'viewer'`)
	for _, way := range []string{"update client", "group", "role"} {
		var refused *directory.InvalidError
		for range 100 { // the word that it has changed is on its way
			if refused = nil; !errors.As(ways[way]("old:one", "openid"), &refused) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if refused != nil {
			t.Errorf("%s: what was held: %v", way, refused)
		}
		v.must(ways[way]("openid"))
		if err := ways[way]("openid", "old:one"); !errors.As(err, &refused) {
			t.Errorf("%s: what was given up came back: %v", way, err)
		}
	}
}
