package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func TestCreateUser(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	u, err := v.CreateUser(ctx, host, directory.CreateUser{Username: "Zoë", Email: "Zoe@Example.com", DisplayName: "Zoë B.", Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := v.Person(ctx, host, u.ID)
	if err != nil || p.Role != authz.RoleUser || p.PasswordHash != storage.UnusablePassword || !p.EmailVerifiedAt.IsZero() ||
		!p.Rights.MemberOf(v.acme.ID) || p.Preferences.Tenant != v.acme.ID {
		t.Errorf("the new user: %+v, %v", p, err)
	}
	for _, name := range []string{u.ID.String(), "zoë", "ZOË", "zoe\u0308", "zoe@example.com"} {
		if found, err := v.User(ctx, host, name); err != nil || found.ID != u.ID {
			t.Errorf("User(%q) = %v, %v", name, found.ID, err)
		}
	}
}

// I3: no spelling of a name or an address makes a second account.
func TestI3_CreateUser_Taken(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	for _, n := range []directory.CreateUser{
		{Username: "ann", Email: "other@example.com"},
		{Username: "ANN", Email: "other@example.com"},
		{Username: "ａｎｎ", Email: "other@example.com"},
		{Username: "other", Email: "ann@example.com"},
		{Username: "other", Email: "Ann@EXAMPLE.com"},
	} {
		_, err := v.CreateUser(ctx, host, n)
		var invalid *directory.InvalidError
		if !errors.Is(err, storage.ErrConflict) || !errors.As(err, &invalid) || !strings.Contains(invalid.Problem, "taken") {
			t.Errorf("CreateUser(%q, %q): %v; want a sentence that it is taken", n.Username, n.Email, err)
		}
	}
	bob := v.user("bob", authz.RoleUser)
	if _, err := v.UpdateUser(ctx, host, bob.ID, directory.UserChange{Email: pointer("ANN@example.com")}); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("moving to another's address: %v", err)
	}
}

func TestCreateUser_Invalid(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	good := directory.CreateUser{Username: "bob", Email: "bob@example.com"}
	for field, broken := range map[string][]func(*directory.CreateUser){
		"username": {
			func(n *directory.CreateUser) { n.Username = "" },
			func(n *directory.CreateUser) { n.Username = "bob@example.com" }, // would pass for an address
			func(n *directory.CreateUser) { n.Username = anID[authz.UserID]().String() },
			func(n *directory.CreateUser) { n.Username = "bob smith" },
			func(n *directory.CreateUser) { n.Username = "bob\n" },
			func(n *directory.CreateUser) { n.Username = "<script>" },
			func(n *directory.CreateUser) { n.Username = strings.Repeat("b", 200) },
		},
		"email": {
			func(n *directory.CreateUser) { n.Email = "" },
			func(n *directory.CreateUser) { n.Email = "bob" },
			func(n *directory.CreateUser) { n.Email = "Bob <bob@example.com>" },
			func(n *directory.CreateUser) { n.Email = "bob@example.com, eve@example.com" },
			func(n *directory.CreateUser) { n.Email = "bob@example.com\r\nBcc: eve@example.com" },
			func(n *directory.CreateUser) { n.Email = strings.Repeat("b", 250) + "@example.com" },
		},
		"display_name": {func(n *directory.CreateUser) { n.DisplayName = "Bob\r\nBcc: eve@example.com" }},
		"role":         {func(n *directory.CreateUser) { n.Role = "root" }},
		"password":     {func(n *directory.CreateUser) { n.PasswordHash = "correct horse battery staple" }},
		"tenant":       {func(n *directory.CreateUser) { n.Tenant = "nowhere" }},
	} {
		for _, spoil := range broken {
			n := good
			spoil(&n)
			_, err := v.CreateUser(t.Context(), host, n)
			var invalid *directory.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != field {
				t.Errorf("CreateUser(%.60q): %v; want a refusal of %s", fmt.Sprint(n), err, field)
			}
			if err != nil && strings.Contains(err.Error(), "horse") {
				t.Errorf("the refusal repeats the password: %v", err)
			}
		}
	}
}

func TestUpdateUser(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	v.world.Exec(`update platform.users set email_verified_at = $2, authz_changed_at = $2 where id = $1`, v.ann.ID, now.Add(-time.Hour))
	tests := []struct {
		name     string
		change   directory.UserChange
		want     func(*storage.User)
		verified bool
	}{
		{"nothing", directory.UserChange{}, func(*storage.User) {}, true},
		{"name", directory.UserChange{DisplayName: pointer("Ann A.")}, func(u *storage.User) { u.DisplayName = "Ann A." }, true},
		{"language", directory.UserChange{Language: pointer("ar")}, func(u *storage.User) { u.Language = "ar" }, true},
		{"no language", directory.UserChange{Language: pointer("")}, func(u *storage.User) { u.Language = "" }, true},
		{"number", directory.UserChange{Phone: pointer("+49 (30) 123-456"), PhoneVerified: pointer(true)}, func(u *storage.User) { u.Phone, u.PhoneVerified = "+4930123456", true }, true},
		{"the same number, written otherwise", directory.UserChange{Phone: pointer("+4930/123 456")}, func(*storage.User) {}, true},
		{"another number", directory.UserChange{Phone: pointer("+4930123457")}, func(u *storage.User) { u.Phone, u.PhoneVerified = "+4930123457", false }, true},
		{"its verification", directory.UserChange{PhoneVerified: pointer(true)}, func(u *storage.User) { u.PhoneVerified = true }, true},
		{"its verification withdrawn", directory.UserChange{PhoneVerified: pointer(false)}, func(u *storage.User) { u.PhoneVerified = false }, true},
		{"no number", directory.UserChange{Phone: pointer("")}, func(u *storage.User) { u.Phone = "" }, true},
		{"postal address", directory.UserChange{Address: storage.AddressChange{Street: pointer(" Hauptstr. 1\r\nHinterhaus "), Country: pointer("Germany")}},
			func(u *storage.User) {
				u.Address = storage.Address{Street: "Hauptstr. 1\nHinterhaus", Country: "Germany"}
			}, true},
		{"a part of it", directory.UserChange{Address: storage.AddressChange{Country: pointer(""), PostalCode: pointer("10115")}},
			func(u *storage.User) { u.Address.Country, u.Address.PostalCode = "", "10115" }, true},
		{"no postal address", directory.UserChange{Address: storage.AddressChange{Street: pointer(""), PostalCode: pointer("")}}, func(u *storage.User) { u.Address = storage.Address{} }, true},
		{"picture", directory.UserChange{AvatarURL: pointer("https://img.example/a.png")}, func(u *storage.User) { u.AvatarURL = "https://img.example/a.png" }, true},
		{"spelling of the address", directory.UserChange{Email: pointer("Ann@example.com")}, func(u *storage.User) { u.Email = "Ann@example.com" }, true},
		{"address", directory.UserChange{Email: pointer("ann@elsewhere.example")}, func(u *storage.User) { u.Email = "ann@elsewhere.example" }, false},
		{"role", directory.UserChange{Role: pointer(authz.RoleViewer)}, func(u *storage.User) { u.Role = authz.RoleViewer }, false},
	}
	want := v.ann
	for _, tt := range tests {
		got, err := v.UpdateUser(ctx, host, v.ann.ID, tt.change)
		tt.want(&want)
		if err != nil || got.DisplayName != want.DisplayName || got.AvatarURL != want.AvatarURL || got.Language != want.Language ||
			got.Phone != want.Phone || got.PhoneVerified != want.PhoneVerified || got.Address != want.Address || got.Email != want.Email || got.Role != want.Role {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
		if got.EmailVerifiedAt.IsZero() == tt.verified {
			t.Errorf("%s: the address is verified at %v", tt.name, got.EmailVerifiedAt)
		}
		if moved := v.changedAt(v.ann.ID).Equal(now); moved != (tt.name == "role") {
			t.Errorf("%s: rights changed: %v", tt.name, moved)
		}
	}
	for _, bad := range []directory.UserChange{
		{Email: pointer("")}, {DisplayName: pointer("\x1b[31m")}, {Role: pointer(authz.Role("root"))}, {Language: pointer("pt")}, {Language: pointer("de-CH")},
		{Phone: pointer("030 123456")}, {Phone: pointer("+49 (0)30 123456")}, {Phone: pointer("+0301234567")}, {Phone: pointer("+123456")}, {Phone: pointer("+1234567890123456")},
		{Phone: pointer("+49 30 123456;ext=7")}, {Phone: pointer("+49\n30123456")}, {PhoneVerified: pointer(true)}, {Phone: pointer(""), PhoneVerified: pointer(true)},
		{Address: storage.AddressChange{Street: pointer("a\x00b")}}, {Address: storage.AddressChange{Locality: pointer("a\nb")}}, {Address: storage.AddressChange{Country: pointer(strings.Repeat("x", 201))}},
		{Address: storage.AddressChange{Region: pointer("\x1b[31m")}}, {Address: storage.AddressChange{PostalCode: pointer("1\t2")}},
		{AvatarURL: pointer("javascript:alert(1)")}, {AvatarURL: pointer("http://img.example/a.png")},
	} {
		var invalid *directory.InvalidError
		if _, err := v.UpdateUser(ctx, host, v.ann.ID, bad); !errors.As(err, &invalid) {
			t.Errorf("UpdateUser(%+v): %v; want a refusal", bad, err)
		}
	}
}

// A change writes what was given: of parallel changes none undoes another.
func TestUpdateUser_Parallel(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			change := directory.UserChange{DisplayName: pointer(fmt.Sprint("Ann ", i))}
			if i == 10 {
				change = directory.UserChange{Role: pointer(authz.RoleViewer)}
			}
			if _, err := v.UpdateUser(ctx, host, v.ann.ID, change); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if u, err := v.User(ctx, host, "ann"); err != nil || u.Role != authz.RoleViewer {
		t.Errorf("the demotion was undone: %+v, %v", u, err)
	}
}

// M9: the last owner stays, and stays able to act.
func TestM9_LastOwner(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	first := v.user("first", authz.RoleOwner)
	ends := map[string]func(authz.UserID) error{
		"demoting": func(id authz.UserID) error {
			_, err := v.UpdateUser(ctx, host, id, directory.UserChange{Role: pointer(authz.RoleAdmin)})
			return err
		},
		"disabling": func(id authz.UserID) error { return v.DisableUser(ctx, host, id) },
		"deleting":  func(id authz.UserID) error { return v.DeleteUser(ctx, host, id, nil) },
	}
	for name, end := range ends {
		if err := end(first.ID); !errors.Is(err, directory.ErrLastOwner) {
			t.Errorf("%s the last owner: %v", name, err)
		}
	}
	second := v.user("second", authz.RoleOwner)
	v.must(v.DisableUser(ctx, host, second.ID))
	for name, end := range ends {
		if err := end(first.ID); !errors.Is(err, directory.ErrLastOwner) {
			t.Errorf("%s the last owner who can act: %v", name, err)
		}
	}
	v.must(v.EnableUser(ctx, host, second.ID))
	v.must(v.DeleteUser(ctx, host, first.ID, nil))
}

// Owners who remove each other at once, in different ways, leave one.
func TestM9_LastOwner_Parallel(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	for round := range 5 {
		var owners []storage.User
		for i := range 4 {
			owners = append(owners, v.user(fmt.Sprintf("owner-%d-%d", round, i), authz.RoleOwner))
		}
		var group sync.WaitGroup
		for i, u := range owners {
			group.Go(func() {
				var err error
				switch i % 3 {
				case 0:
					err = v.DeleteUser(ctx, host, u.ID, nil)
				case 1:
					err = v.DisableUser(ctx, host, u.ID)
				default:
					_, err = v.UpdateUser(ctx, host, u.ID, directory.UserChange{Role: pointer(authz.RoleViewer)})
				}
				if err != nil && !errors.Is(err, directory.ErrLastOwner) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		left, err := v.CountUsers(ctx, host, directory.UserFilter{Role: authz.RoleOwner, Status: directory.StatusActive})
		if err != nil || left != 1 {
			t.Fatalf("%d owners are left, %v", left, err)
		}
	}
}

// A5 7.4: disabling a user, changing their password, ending their sessions and
// deleting them end everything of theirs at once, and of nobody else.
func TestH8_EndsEverything(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	bystander := v.user("bystander", authz.RoleUser)
	otherSession, otherGrant := v.session(bystander.ID)
	for name, end := range map[string]func(authz.UserID) error{
		"disable":         func(id authz.UserID) error { return v.DisableUser(ctx, host, id) },
		"password":        func(id authz.UserID) error { return v.SetPasswordHash(ctx, host, id, hash+"x") },
		"revoke sessions": func(id authz.UserID) error { _, err := v.RevokeAllSessions(ctx, host, id); return err },
		"delete":          func(id authz.UserID) error { return v.DeleteUser(ctx, host, id, nil) },
	} {
		u := v.user("user-of-"+strings.ReplaceAll(name, " ", "-"), authz.RoleUser)
		session, grant := v.session(u.ID)
		for _, dead := range []bool{false, true} {
			for what, id := range map[string]string{"sid": session.TokenJTI.String(), "grant": grant.ID.String()} {
				standing, err := v.store.Standing(ctx, []string{id}, u.ID)
				if err != nil || standing.Dead != dead {
					t.Errorf("%s: the %s is dead: %v, %v; want %v", name, what, standing.Dead, err, dead)
				}
			}
			if !dead {
				v.must(end(u.ID))
			}
		}
		if in, err := v.store.SignedIn(ctx, session.ID, ""); err == nil && in.Session.Live(now) {
			t.Errorf("%s: the session lives on", name)
		}
		if granted, err := v.store.Granted(ctx, grant.ID); err == nil && granted.Grant.RevokedAt.IsZero() {
			t.Errorf("%s: the grant lives on", name)
		}
	}
	standing, err := v.store.Standing(ctx, []string{otherSession.TokenJTI.String(), otherGrant.ID.String()}, bystander.ID)
	if err != nil || standing.Dead {
		t.Errorf("the bystander's tokens are dead: %v, %v", standing.Dead, err)
	}
	if n, err := v.RevokeAllSessions(ctx, host, bystander.ID); n != 1 || err != nil {
		t.Errorf("RevokeAllSessions = %d, %v", n, err)
	}
}

// C13: an id is never used again.
func TestC13_DeleteUser(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	v.must(v.DeleteUser(ctx, host, v.ann.ID, nil))
	if again := v.user("ann", authz.RoleUser); again.ID == v.ann.ID {
		t.Error("a deleted user's id was given again")
	}
	if _, err := v.Person(ctx, host, v.ann.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the deleted user: %v", err)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	beta, err := v.CreateTenant(ctx, host, directory.CreateTenant{Slug: "beta"})
	v.must(err)
	for i := range 6 {
		n := directory.CreateUser{Username: fmt.Sprintf("bob%d", i), Email: fmt.Sprintf("bob%d@example.com", i), DisplayName: "Robert", Role: authz.RoleViewer, Tenant: beta.Slug}
		u, err := v.CreateUser(ctx, host, n)
		v.must(err)
		if i == 0 {
			v.must(v.DisableUser(ctx, host, u.ID))
		}
	}
	tools := v.group("tools")
	v.must(v.AddMember(ctx, host, tools.ID, v.ann.ID))
	tests := []struct {
		name   string
		filter directory.UserFilter
		want   int
	}{
		{"all", directory.UserFilter{}, 7},
		{"role", directory.UserFilter{Role: authz.RoleViewer}, 6},
		{"tenant", directory.UserFilter{Tenant: "acme"}, 1},
		{"group", directory.UserFilter{Group: tools.ID}, 1},
		{"active", directory.UserFilter{Status: directory.StatusActive}, 6},
		{"disabled", directory.UserFilter{Status: directory.StatusDisabled}, 1},
		{"user name", directory.UserFilter{Search: "BOB3"}, 1},
		{"address", directory.UserFilter{Search: "3@Example"}, 1},
		{"display name", directory.UserFilter{Search: "robert"}, 6},
		{"everything that is no letter", directory.UserFilter{Search: "%"}, 0},
		{"both", directory.UserFilter{Role: authz.RoleViewer, Status: directory.StatusActive, Search: "bob"}, 5},
	}
	for _, tt := range tests {
		for _, size := range []int{0, 1, 2, 7} {
			seen := map[authz.UserID]bool{}
			filter := tt.filter
			filter.Limit = size
			for {
				part, err := v.Users(ctx, host, filter)
				v.must(err)
				if size > 0 && len(part.Items) > size {
					t.Errorf("%s: a page of %d has %d", tt.name, size, len(part.Items))
				}
				for _, u := range part.Items {
					if seen[u.ID] {
						t.Errorf("%s: %s came twice", tt.name, u.Username)
					}
					seen[u.ID] = true
				}
				if filter.Cursor = part.Next; filter.Cursor == "" {
					break
				}
			}
			if len(seen) != tt.want {
				t.Errorf("%s in pages of %d: %d users; want %d", tt.name, size, len(seen), tt.want)
			}
		}
		if n, err := v.CountUsers(ctx, host, tt.filter); err != nil || n != tt.want {
			t.Errorf("%s: CountUsers = %d, %v; want %d", tt.name, n, err, tt.want)
		}
	}
}

// I11: a new deployment has the one owner that was asked for; of replicas that
// start at once one makes them.
func TestI11_Bootstrap(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	var made atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		s := directory.New(storagetest.Open(t, dsn, postgres.Options{MaxConns: 1}), pepper, func() time.Time { return now })
		group.Go(func() {
			u, won, err := s.Bootstrap(t.Context(), directory.CreateUser{Username: fmt.Sprint("owner", i), Email: fmt.Sprintf("owner%d@example.com", i), PasswordHash: hash})
			if err != nil {
				t.Error(err)
			}
			if won {
				made.Add(1)
			}
			if won == u.ID.IsZero() {
				t.Errorf("Bootstrap = %v, %v", u.ID, won)
			}
		})
	}
	group.Wait()
	var tenants, owners, members, events int
	w.Get(`select (select count(*) from platform.tenants), (select count(*) from platform.users where role = 'owner'),
		(select count(*) from platform.user_group_memberships), (select count(*) from platform.audit_events)`, nil, &tenants, &owners, &members, &events)
	if made.Load() != 1 || tenants != 1 || owners != 1 || members != 1 || events != 1 {
		t.Errorf("%d replicas made %d tenants, %d owners, %d memberships, %d events", made.Load(), tenants, owners, members, events)
	}
}
