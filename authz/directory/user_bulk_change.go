package directory

import (
	"context"
	"errors"
	"strconv"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// review is what is known about a change of many users before anything is written.
type review struct {
	Bulk
	actor  Actor
	result BulkResult
	people map[authz.UserID]storage.Person
	// named is whom folded user names and addresses mean.
	named map[string]authz.UserID
	roles map[authz.Role]storage.Role
	// taken is the folded names that are in use, or will be.
	taken map[string]bool
	// owners is how many there are who can act, where one of them is named.
	owners int
	group  reviewedGroup
	// done is the line by which a user is changed, changed all of them in order.
	done    map[authz.UserID]int
	changed []authz.UserID
	updates []postgres.UserUpdate
}

// reviewedGroup is where users are to be added.
type reviewedGroup struct {
	storage.Group
	// refused is why nobody can be added.
	refused error
	// most is the limit of its tenant, nil for none; room how many members more it lets in.
	most *int
	room int
}

func (s *Service) judgeChange(ctx context.Context, a Actor, b Bulk) (BulkResult, func(context.Context) error, error) {
	r := &review{Bulk: b, actor: a, done: map[authz.UserID]int{}, taken: map[string]bool{}}
	err := s.lookUpPeople(ctx, r)
	switch {
	case err != nil:
	case b.Action == BulkUpdate:
		err = s.lookUpNames(ctx, r)
	case b.Action == BulkAddToGroup:
		err = s.lookUpGroup(ctx, r)
	}
	if err != nil {
		return r.result, nil, err
	}
	for _, line := range b.Lines {
		changed, err := r.judge(line)
		if err := r.result.note(line.Line, changed, err); err != nil {
			return r.result, nil, err
		}
	}
	r.result.settle()
	return r.result, func(ctx context.Context) error { return s.changeAll(ctx, r) }, nil
}

func (s *Service) lookUpPeople(ctx context.Context, r *review) error {
	var ids []authz.UserID
	var names []string
	for _, line := range r.Lines {
		if id, err := authz.ParseID[authz.UserID](line.User); err == nil {
			ids = append(ids, id)
		} else {
			names = append(names, storage.FoldIdentifier(line.User))
		}
	}
	people, err := s.store.People(ctx, ids, names)
	r.people, r.named = make(map[authz.UserID]storage.Person, len(people)), make(map[string]authz.UserID, 2*len(people))
	owner := false
	for _, p := range people {
		r.people[p.ID] = p
		r.named[storage.FoldIdentifier(p.Username)], r.named[storage.FoldIdentifier(p.Email)] = p.ID, p.ID
		owner = owner || owns(p.Role, p.DisabledAt.IsZero())
	}
	if err == nil && owner {
		disabled := false
		r.owners, err = s.store.CountUsers(ctx, postgres.UserFilter{Role: authz.RoleOwner, Disabled: &disabled})
	}
	return err
}

// lookUpNames asks what the users of an update may be called, and what their roles give.
func (s *Service) lookUpNames(ctx context.Context, r *review) error {
	catalogue, err := s.store.Catalogue(ctx)
	if err != nil {
		return err
	}
	r.roles = catalogue.Roles
	var wanted []postgres.Names
	for _, line := range r.Lines {
		if n := line.names(); n != (postgres.Names{}) {
			wanted = append(wanted, n)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	inUse, err := s.store.Taken(ctx, wanted)
	for _, n := range inUse {
		r.taken[n.Username], r.taken[n.Email] = true, true
	}
	return err
}

// names are the folded names that a change gives; "" for one that stays.
func (c UserChange) names() (n postgres.Names) {
	if c.Username != nil {
		n.Username = storage.FoldIdentifier(*c.Username)
	}
	if c.Email != nil {
		n.Email = storage.FoldIdentifier(*c.Email)
	}
	return n
}

func (s *Service) lookUpGroup(ctx context.Context, r *review) error {
	g, err := s.changeableGroup(ctx, r.actor, r.Group)
	if err == nil {
		err = mayGiveIn(r.actor, g.Tenant, g.Scopes)
	}
	if _, refused := bulkRefusal(0, err); refused {
		r.group.refused = err
		return nil
	}
	r.group.Group = g
	if err != nil {
		return err
	}
	t, err := s.Tenant(ctx, r.actor, g.Tenant.String())
	if err != nil || t.MaxUsers == nil {
		return err
	}
	members, err := s.store.CountMembers(ctx, t.ID)
	// Its lines name no tenant.
	r.group.most, r.group.room = t.MaxUsers, *t.MaxUsers-members-r.Ahead[""]
	r.result.addAhead("", r.Ahead[""])
	return err
}

// judge says whether a line changes its user, and takes down what is to be written.
func (r *review) judge(line BulkLine) (changed bool, err error) {
	id, notID := authz.ParseID[authz.UserID](line.User)
	if notID != nil {
		id = r.named[storage.FoldIdentifier(line.User)]
	}
	p, exists := r.people[id]
	before, again := r.done[id]
	gone := !exists || again && r.Action == BulkDelete
	if gone && r.Action == BulkDelete && r.Resume {
		return false, nil
	}
	if gone {
		return false, unknown("user", "%q does not exist", line.User)
	}
	switch r.Action {
	case BulkUpdate:
		changed, err = r.judgeUpdate(p, line)
		if changed && again {
			return false, invalid("user", "is changed by line %d already", before)
		}
	case BulkDisable, BulkEnable:
		if changed = p.DisabledAt.IsZero() == (r.Action == BulkDisable) && !again; changed {
			err = r.mayChange(p)
		}
	case BulkDelete:
		changed, err = true, r.mayChange(p)
	case BulkAddToGroup:
		changed, err = r.judgeMember(p, again)
	case BulkEnd:
		changed = !again
	default:
		err = invalid("action", "is none of import, update, disable, enable, delete, add-to-group, revoke-all")
	}
	if err == nil && changed {
		err = r.keepAnOwner(p, line)
	}
	if err != nil || !changed {
		return false, err
	}
	r.done[id] = line.Line
	r.changed = append(r.changed, id)
	return true, nil
}

func (r *review) mayChange(p storage.Person) error {
	return mayManage(r.actor, append(beyondRole(p), p.Rights.RoleScopes...))
}

func (r *review) judgeUpdate(p storage.Person, line BulkLine) (bool, error) {
	line.UserChange = line.tidy()
	if line.changesNothing(p.User) {
		return false, nil
	}
	if err := r.mayChange(p); err != nil {
		return false, err
	}
	if line.Role != nil {
		if err := mayManage(r.actor, r.roles[*line.Role].Scopes); err != nil {
			return false, err
		}
	}
	if err := errors.Join(line.check(), line.numbered(p.User)); err != nil {
		return false, err
	}
	n := line.names()
	switch {
	case r.taken[n.Username] && n.Username != storage.FoldIdentifier(p.Username):
		return false, taken("username", inAnyCase)
	case r.taken[n.Email] && n.Email != storage.FoldIdentifier(p.Email):
		return false, taken("email", inAnyCase)
	}
	for _, name := range []string{n.Username, n.Email} {
		if name != "" {
			r.taken[name] = true
		}
	}
	r.updates = append(r.updates, postgres.UserUpdate{ID: p.ID, UserChange: postgres.UserChange(line.UserChange)})
	return true, nil
}

func (r *review) judgeMember(p storage.Person, again bool) (bool, error) {
	if r.group.refused != nil {
		return false, r.group.refused
	}
	member, here := again, false
	for _, g := range p.Rights.Groups {
		member = member || g.Group == r.group.ID
		here = here || g.Tenant == r.group.Tenant
	}
	switch {
	case member && r.Resume:
		return false, nil
	case member:
		return false, storage.ErrConflict
	case here || r.group.most == nil:
		return true, nil
	case r.group.room <= 0:
		return false, &storage.LimitError{Limit: "max_users", Most: strconv.Itoa(*r.group.most)}
	}
	r.group.room--
	r.result.addAhead("", 1)
	return true, nil
}

// keepAnOwner refuses a line after which, with those before it, there would be no owner.
func (r *review) keepAnOwner(p storage.Person, line BulkLine) error {
	role, active := p.Role, p.DisabledAt.IsZero()
	before := owns(role, active)
	switch r.Action {
	case BulkUpdate:
		if line.Role != nil {
			role = *line.Role
		}
		if line.Disabled != nil {
			active = !*line.Disabled
		}
	case BulkDisable, BulkDelete:
		active = false
	case BulkEnable:
		active = true
	}
	switch after := owns(role, active); {
	case before && !after && r.owners == 1:
		return ErrLastOwner
	case before && !after:
		r.owners--
	case after && !before:
		r.owners++
	}
	return nil
}

func owns(role authz.Role, active bool) bool { return role == authz.RoleOwner && active }

// changeAll writes what the judgement has found fit, in one transaction.
func (s *Service) changeAll(ctx context.Context, r *review) error {
	event := func(action string) storage.AuditEvent { return s.event(r.actor, action, authz.TenantID{}) }
	switch r.Action {
	case BulkUpdate:
		_, err := s.store.UpdateUsers(ctx, r.updates, s.dead(), event("user.update"))
		return err
	case BulkDisable:
		return s.store.SetUsersDisabled(ctx, r.changed, true, s.dead(), event("user.disable"))
	case BulkEnable:
		return s.store.SetUsersDisabled(ctx, r.changed, false, s.dead(), event("user.enable"))
	case BulkDelete:
		return s.store.DeleteUsers(ctx, r.changed, s.dead(), event("user.delete"))
	case BulkEnd:
		_, err := s.store.EndEverything(ctx, r.changed, "revoked by an operator", s.dead(), event("session.revoke-all"))
		return err
	}
	return s.store.InsertMemberships(ctx, s.memberships(r.group.Group, r.changed), s.event(r.actor, "group.add-member", r.group.Tenant))
}

func (s *Service) memberships(g storage.Group, users []authz.UserID) []storage.Membership {
	all := make([]storage.Membership, len(users))
	for i, user := range users {
		now := s.now()
		all[i] = storage.Membership{ID: authz.NewID[authz.MembershipID](now), Tenant: g.Tenant, User: user, Group: g.ID, CreatedAt: now}
	}
	return all
}
