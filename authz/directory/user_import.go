package directory

import (
	"context"
	"errors"
	"strconv"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// judgement is what is known about an import before anything is written.
type judgement struct {
	Bulk
	actor  Actor
	roles  map[authz.Role]storage.Role
	result BulkResult
	// users are those to be added, lines what they are made of. The tenant of one who is
	// for the first is zero while there is none.
	users []postgres.NewUser
	lines []BulkLine
	// addressOf is the address of each user name that is taken, taken each such address; all folded.
	addressOf map[string]string
	taken     map[string]bool
	// tenants is what the lines name, room how many more each with a limit may have.
	tenants map[string]named
	room    map[authz.TenantID]int
}

type named struct {
	storage.Tenant
	err error
}

func (s *Service) judgeImport(ctx context.Context, a Actor, b Bulk) (BulkResult, func(context.Context) error, error) {
	j := &judgement{
		Bulk: b, actor: a, addressOf: map[string]string{}, taken: map[string]bool{}, tenants: map[string]named{}, room: map[authz.TenantID]int{},
	}
	catalogue, err := s.store.Catalogue(ctx)
	if err != nil {
		return j.result, nil, err
	}
	j.roles = catalogue.Roles
	names := make([]postgres.Names, len(b.Lines))
	for i, line := range b.Lines {
		names[i] = foldedNames(line.New)
	}
	inUse, err := s.store.Taken(ctx, names)
	if err != nil {
		return j.result, nil, err
	}
	for _, n := range inUse {
		j.take(n)
	}
	for i, line := range b.Lines {
		changed, err := s.judgeLine(ctx, j, line, names[i])
		if err := j.result.note(line.Line, changed, err); err != nil {
			return j.result, nil, err
		}
	}
	j.result.settle()
	return j.result, func(ctx context.Context) error { return s.addUsers(ctx, a, j) }, nil
}

func (s *Service) judgeLine(ctx context.Context, j *judgement, line BulkLine, names postgres.Names) (changed bool, err error) {
	address, exists := j.addressOf[names.Username]
	if j.Resume && exists && address == names.Email {
		return false, nil
	}
	if err := mayManage(j.actor, j.roles[line.New.Role].Scopes); err != nil {
		return false, err
	}
	u, err := s.newUser(line.New)
	if err != nil {
		return false, err
	}
	t, err := s.importTenant(ctx, j, line.New.Tenant)
	switch {
	case err != nil:
		return false, err
	case exists:
		return false, taken("username", inAnyCase)
	case j.taken[names.Email]:
		return false, taken("email", inAnyCase)
	}
	if t.MaxUsers != nil {
		if j.room[t.ID] <= 0 {
			return false, &storage.LimitError{Limit: "max_users", Most: strconv.Itoa(*t.MaxUsers)}
		}
		j.room[t.ID]--
		j.result.addAhead(line.New.Tenant, 1)
	}
	j.take(names)
	j.users, j.lines = append(j.users, postgres.NewUser{User: u, Tenant: t.ID}), append(j.lines, line)
	return true, nil
}

// importTenant is the tenant of a line. There is none yet, and no error, where the first
// is to be made when somebody is added.
func (s *Service) importTenant(ctx context.Context, j *judgement, name string) (storage.Tenant, error) {
	t, known := j.tenants[name]
	if known {
		return t.Tenant, t.err
	}
	t.Tenant, t.err = s.Tenant(ctx, j.actor, name)
	if name == "" && j.actor.Host && errors.Is(t.err, storage.ErrNotFound) {
		t = named{}
	}
	if t.err == nil && t.MaxUsers != nil {
		if _, counted := j.room[t.ID]; !counted {
			members, err := s.store.CountMembers(ctx, t.ID)
			if err != nil {
				return t.Tenant, err
			}
			j.room[t.ID] = *t.MaxUsers - members
		}
		j.room[t.ID] -= j.Ahead[name]
		j.result.addAhead(name, j.Ahead[name])
	}
	j.tenants[name] = t
	return t.Tenant, t.err
}

func (j *judgement) take(n postgres.Names) {
	j.addressOf[n.Username], j.taken[n.Email] = n.Email, true
}

func foldedNames(n CreateUser) postgres.Names {
	return postgres.Names{Username: storage.FoldIdentifier(n.Username), Email: storage.FoldIdentifier(n.Email)}
}

// addUsers adds whom the judgement has found fit, each with an event of their own. The
// hashes are made before the transaction begins, for they take their time.
func (s *Service) addUsers(ctx context.Context, a Actor, j *judgement) error {
	for i, line := range j.lines {
		if line.Hash == nil {
			continue
		}
		var err error
		if j.users[i].PasswordHash, err = line.Hash(ctx); err != nil {
			return err
		}
	}
	return s.store.Together(ctx, "import users", func(all *postgres.OperatorStore) error {
		inside := *s
		inside.store = all
		for i, u := range j.users {
			if !u.Tenant.IsZero() {
				continue
			}
			first, err := inside.tenantOrFirst(ctx, a, "")
			if err != nil {
				return err
			}
			j.users[i].Tenant = first.ID
		}
		return all.InsertUsers(ctx, j.users, s.event(a, "user.create", authz.TenantID{}))
	})
}
