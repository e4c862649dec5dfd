package directory

import (
	"context"
	"errors"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
)

func (s *Service) filter(ctx context.Context, a Actor, f UserFilter) (postgres.UserFilter, error) {
	chosen := postgres.UserFilter{
		Role: f.Role, Group: f.Group, Search: f.Search, Limit: f.limit() + 1,
		LastLoginAfter: f.LastLoginAfter, LastLoginBefore: f.LastLoginBefore, NeverLoggedIn: f.NeverLoggedIn,
	}
	if f.NeverLoggedIn && !(f.LastLoginAfter.IsZero() && f.LastLoginBefore.IsZero()) {
		return chosen, invalid("never_logged_in", "is nobody who signed in at any time: ask for one of the two")
	}
	var err error
	if chosen.Disabled, err = f.Status.disabled(); err != nil {
		return chosen, err
	}
	if chosen.After, err = after[authz.UserID](f.Paging); err != nil {
		return chosen, err
	}
	r, err := reaches(a, readDirectory)
	if err != nil {
		return chosen, err
	}
	chosen.Tenant = r.tenant
	if f.Tenant != "" {
		t, err := s.Tenant(ctx, a, f.Tenant)
		if err != nil {
			return chosen, err
		}
		chosen.Tenant = t.ID
	}
	return chosen, nil
}

// disabled is whether to choose who is disabled, or who is not; nil means both.
func (s Status) disabled() (*bool, error) {
	switch s {
	case "":
		return nil, nil
	case StatusActive, StatusDisabled:
		disabled := s == StatusDisabled
		return &disabled, nil
	}
	return nil, invalid("status", "must be active or disabled")
}

// Users lists users in the order of their creation. A search that finds the text in
// nobody's name gives those whose names are the most like it, the likest first, as
// one page.
func (s *Service) Users(ctx context.Context, a Actor, f UserFilter) (Page[storage.User], error) {
	if _, err := reaches(a, readDirectory); err != nil {
		return Page[storage.User]{}, err
	}
	chosen, err := s.filter(ctx, a, f)
	if err != nil {
		return Page[storage.User]{}, err
	}
	users, err := s.store.Users(ctx, chosen)
	if err == nil && len(users) == 0 && f.Search != "" && f.Cursor == "" {
		return s.similar(ctx, chosen, f.limit())
	}
	return page(users, f.Paging, func(u storage.User) string { return u.ID.String() }), err
}

// similar is who may have been meant when a text stands in nobody's name.
func (s *Service) similar(ctx context.Context, chosen postgres.UserFilter, limit int) (Page[storage.User], error) {
	users, err := s.store.SimilarUsers(ctx, chosen)
	return Page[storage.User]{Items: users[:min(len(users), limit)]}, err
}

// CountUsers counts what Users would list over all its pages.
func (s *Service) CountUsers(ctx context.Context, a Actor, f UserFilter) (int, error) {
	if _, err := reaches(a, readDirectory); err != nil {
		return 0, err
	}
	chosen, err := s.filter(ctx, a, f)
	if err != nil {
		return 0, err
	}
	return s.store.CountUsers(ctx, chosen)
}

// User finds a user by id, user name or e-mail address.
func (s *Service) User(ctx context.Context, a Actor, name string) (storage.User, error) {
	r, err := reaches(a, readDirectory)
	if err != nil {
		return storage.User{}, err
	}
	var u storage.User
	if id, badID := authz.ParseID[authz.UserID](name); badID == nil {
		u, err = s.store.ForUser(id).User(ctx)
	} else {
		u, err = s.store.UserByIdentifier(ctx, name)
	}
	if err == nil && !r.everywhere {
		err = s.isMember(ctx, u.ID, r)
	}
	if err != nil {
		return storage.User{}, orUnknown(err, "user", name)
	}
	return u, nil
}

// isMember is [storage.ErrNotFound] for a user who does not belong to the one tenant
// within reach.
func (s *Service) isMember(ctx context.Context, id authz.UserID, r reach) error {
	p, err := s.store.ForUser(id).Person(ctx)
	if _, member := p.Tenant(r.tenant); err == nil && !member {
		return storage.ErrNotFound
	}
	return err
}

// Person is the user with rights, preferences and tenants. Whoever gets to one tenant
// alone sees nothing of the others that the user belongs to.
func (s *Service) Person(ctx context.Context, a Actor, id authz.UserID) (storage.Person, error) {
	r, err := reaches(a, readDirectory)
	if err != nil {
		return storage.Person{}, err
	}
	p, err := s.store.ForUser(id).Person(ctx)
	if err == nil && !r.everywhere {
		if _, member := p.Tenant(r.tenant); !member {
			err = storage.ErrNotFound
		}
		p = within(p, r.tenant)
	}
	if err != nil {
		return storage.Person{}, orUnknown(err, "user", id.String())
	}
	return p, nil
}

// within is what of a person concerns one tenant.
func within(p storage.Person, tenant authz.TenantID) storage.Person {
	p.Tenants = slices.DeleteFunc(slices.Clone(p.Tenants), func(t storage.Tenant) bool { return t.ID != tenant })
	p.Rights.Extra = slices.DeleteFunc(slices.Clone(p.Rights.Extra), func(e authz.ExtraScope) bool { return e.Tenant != tenant })
	p.Rights.Groups = slices.DeleteFunc(slices.Clone(p.Rights.Groups), func(g authz.GroupRights) bool { return g.Tenant != tenant })
	return p
}

// CreateUser adds a user, as a member of their tenant.
func (s *Service) CreateUser(ctx context.Context, a Actor, n CreateUser) (storage.User, error) {
	if err := s.mayAssign(ctx, a, n.Role); err != nil {
		return storage.User{}, err
	}
	u, err := s.newUser(n)
	if err != nil {
		return u, err
	}
	tenant, err := s.tenantOrFirst(ctx, a, n.Tenant)
	if err == nil {
		// Now that the tenant is not another's, which would not be found.
		err = may(a, manageUsers)
	}
	if err != nil {
		return storage.User{}, err
	}
	return u, nameTaken(s.store.InsertUsers(ctx, []postgres.NewUser{{User: u, Tenant: tenant.ID}}, s.event(a, "user.create", tenant.ID)))
}

func (s *Service) newUser(n CreateUser) (storage.User, error) {
	now := s.now()
	u := storage.User{
		ID: authz.NewID[authz.UserID](now), Username: n.Username, Email: n.Email, DisplayName: n.DisplayName,
		PasswordHash: n.PasswordHash, Role: n.Role, CreatedAt: now, Language: n.Language, LastLanguage: n.LastLanguage,
		Phone: tidyPhone(n.Phone), PhoneVerified: n.PhoneVerified,
		Address: storage.Address{
			Street: tidyPart(n.Address.Street), Locality: tidyPart(n.Address.Locality), Region: tidyPart(n.Address.Region),
			PostalCode: tidyPart(n.Address.PostalCode), Country: tidyPart(n.Address.Country),
		},
	}
	if u.PasswordHash == "" {
		u.PasswordHash = storage.UnusablePassword
	}
	if u.Role == "" {
		u.Role = authz.RoleUser
	}
	return u, checkUser(u)
}

func checkUser(u storage.User) error {
	if _, err := authz.ParseRole(string(u.Role)); err != nil {
		return invalid("role", "%v", err)
	}
	return errors.Join(checkUsername(u.Username), CheckEmail(u.Email), checkName("display_name", u.DisplayName), checkPasswordHash(u.PasswordHash),
		checkLanguage(u.Language), checkLanguage(u.LastLanguage),
		checkPhone(u.Phone), checkVerified(u.Phone, u.PhoneVerified), checkAddress(u.Address))
}

// checkPasswordHash keeps a password from being stored as its own hash. It does not
// repeat what it refuses.
func checkPasswordHash(encoded string) error {
	if encoded != storage.UnusablePassword && !strings.HasPrefix(encoded, "$argon2id$") {
		return invalid("password", "is not a hash")
	}
	return nil
}

// checkUsername keeps apart what people read: an "@" would pass for an e-mail
// address, a UUID for an id.
func checkUsername(name string) error {
	if name == "" || len(name) > 128 {
		return invalid("username", "must have 1 to 128 bytes")
	}
	if _, err := authz.ParseID[authz.UserID](name); err == nil {
		return invalid("username", "must not look like an id")
	}
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-+", c) {
			return invalid("username", "may have letters, digits and . _ - +, not %q", c)
		}
	}
	return nil
}

// CheckEmail judges whether a text can be an e-mail address. The error is an [*InvalidError].
func CheckEmail(address string) error {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" || len(address) > 254 {
		return invalid("email", "is not an e-mail address")
	}
	return nil
}

func checkName(field, text string) error {
	if len(text) > 200 {
		return invalid(field, "is longer than 200 bytes")
	}
	for _, c := range text {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			return invalid(field, "has a control character")
		}
	}
	return nil
}

// checkLanguage lets in what pages and letters are written in, and "" for none.
func checkLanguage(tag string) error {
	if tag != "" && templates.ChooseLanguage(tag) != tag {
		return invalid("language", "must be one of en, de, es, fr, ja and ar, or nothing for what the browser says")
	}
	return nil
}

const inAnyCase = "is taken, perhaps in another case"

// nameTaken says in words which name is in use already.
func nameTaken(err error) error {
	if !errors.Is(err, storage.ErrConflict) {
		return err
	}
	switch text := err.Error(); {
	case strings.Contains(text, "users_username_folded"):
		return taken("username", inAnyCase)
	case strings.Contains(text, "users_email_folded"):
		return taken("email", inAnyCase)
	}
	return err
}

// UpdateUser changes a user's record. The last owner stays one.
func (s *Service) UpdateUser(ctx context.Context, a Actor, id authz.UserID, c UserChange) (storage.User, error) {
	p, err := s.changeable(ctx, a, id)
	if err != nil {
		return storage.User{}, err
	}
	if c.Role != nil {
		if err := s.mayAssign(ctx, a, *c.Role); err != nil {
			return p.User, err
		}
	}
	c = c.tidy()
	if err := errors.Join(c.check(), c.numbered(p.User)); err != nil {
		return p.User, err
	}
	u, err := s.store.UpdateUser(ctx, id, postgres.UserChange(c), s.dead(), s.event(a, "user.update", authz.TenantID{}))
	return u, nameTaken(err)
}

func (c UserChange) check() error {
	var problems []error
	if c.Username != nil {
		problems = append(problems, checkUsername(*c.Username))
	}
	if c.Email != nil {
		problems = append(problems, CheckEmail(*c.Email))
	}
	if c.DisplayName != nil {
		problems = append(problems, checkName("display_name", *c.DisplayName))
	}
	if c.Language != nil {
		problems = append(problems, checkLanguage(*c.Language))
	}
	if c.Phone != nil {
		problems = append(problems, checkPhone(*c.Phone))
	}
	problems = append(problems, checkAddress(c.Address.Applied(storage.Address{})))
	if c.AvatarURL != nil && *c.AvatarURL != "" {
		if u, err := url.Parse(*c.AvatarURL); err != nil || u.Scheme != "https" || u.Host == "" || len(*c.AvatarURL) > 2048 {
			problems = append(problems, invalid("avatar_url", "must be an https address"))
		}
	}
	if c.Role != nil {
		if _, err := authz.ParseRole(string(*c.Role)); err != nil {
			problems = append(problems, invalid("role", "%v", err))
		}
	}
	return errors.Join(problems...)
}

// SetPasswordHash gives a user another password and ends everything of theirs.
func (s *Service) SetPasswordHash(ctx context.Context, a Actor, id authz.UserID, hash string) error {
	if _, err := s.changeable(ctx, a, id); err != nil {
		return err
	}
	if err := checkPasswordHash(hash); err != nil {
		return err
	}
	return s.store.SetPasswordHash(ctx, id, hash, s.dead(), s.event(a, "user.password", authz.TenantID{}))
}

// DisableUser ends everything of a user until they are enabled again. The last
// owner stays enabled.
func (s *Service) DisableUser(ctx context.Context, a Actor, id authz.UserID) error {
	if _, err := s.changeable(ctx, a, id); err != nil {
		return err
	}
	return s.store.SetUsersDisabled(ctx, []authz.UserID{id}, true, s.dead(), s.event(a, "user.disable", authz.TenantID{}))
}

// EnableUser lets a user sign in again.
func (s *Service) EnableUser(ctx context.Context, a Actor, id authz.UserID) error {
	if _, err := s.changeable(ctx, a, id); err != nil {
		return err
	}
	return s.store.SetUsersDisabled(ctx, []authz.UserID{id}, false, s.dead(), s.event(a, "user.enable", authz.TenantID{}))
}

// RemoveAuthenticators takes passkeys, authenticator app and recovery codes from a
// user who has lost them, and ends everything of theirs: what is left is the
// password, or the way to a new one.
func (s *Service) RemoveAuthenticators(ctx context.Context, a Actor, id authz.UserID) error {
	if _, err := s.changeable(ctx, a, id); err != nil {
		return err
	}
	return s.store.RemoveAuthenticators(ctx, id, s.dead(), s.event(a, "user.remove-authenticators", authz.TenantID{}))
}

// DeleteUser removes a user for good. The id is never used again, and the last
// owner stays.
func (s *Service) DeleteUser(ctx context.Context, a Actor, id authz.UserID, seen func(storage.User) error) error {
	if _, err := s.changeable(ctx, a, id); err != nil {
		return err
	}
	return s.store.DeleteUser(ctx, id, seen, s.dead(), s.event(a, "user.delete", authz.TenantID{}))
}

// firstTenant is the slug of the tenant that an empty database gets.
const firstTenant = "default"

// Bootstrap makes the first tenant and its owner in an empty database; false when
// the database is not empty. Of several replicas that start at once one wins.
func (s *Service) Bootstrap(ctx context.Context, owner CreateUser) (storage.User, bool, error) {
	owner.Role = authz.RoleOwner
	u, err := s.newUser(owner)
	if err != nil {
		return u, false, err
	}
	t := storage.Tenant{ID: authz.NewID[authz.TenantID](u.CreatedAt), Slug: firstTenant, Name: "My organization", Plan: "free", CreatedAt: u.CreatedAt}
	err = s.store.Bootstrap(ctx, t, u, s.event(Actor{Name: "gatehouse"}, "bootstrap", t.ID))
	if errors.Is(err, storage.ErrConflict) {
		return storage.User{}, false, nil
	}
	return u, err == nil, err
}

// slug is a name as it stands in addresses and commands.
func slug(name string) string {
	mapped := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, name)
	parts := strings.FieldsFunc(mapped, func(c rune) bool { return c == '-' })
	joined := strings.Join(parts, "-")
	return strings.Trim(joined[:min(len(joined), 48)], "-")
}
