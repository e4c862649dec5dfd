package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// BulkAction is the one thing that is done to many users.
type BulkAction string

// The actions.
const (
	BulkImport     BulkAction = "import"
	BulkUpdate     BulkAction = "update"
	BulkDisable    BulkAction = "disable"
	BulkEnable     BulkAction = "enable"
	BulkDelete     BulkAction = "delete"
	BulkAddToGroup BulkAction = "add-to-group"
	BulkEnd        BulkAction = "revoke-all"
)

// Bulk is one thing done to many users.
type Bulk struct {
	Action BulkAction
	// Group is where users are added to.
	Group authz.GroupID
	// Try only says what would be refused.
	Try bool
	// Resume leaves alone what an interrupted run has done already: who exists as
	// they are to be imported, who is gone, who is a member.
	Resume bool
	// Ahead is how many users earlier judgements of the same import would have added to
	// each tenant that has a limit, by the name that the lines have for it: with it, a
	// file is judged whole in many parts.
	Ahead map[string]int
	Lines []BulkLine
}

// BulkLine is what a bulk does to one user.
type BulkLine struct {
	// Line is where it was written, for refusals.
	Line int
	// User names whom, by id, user name or e-mail address; an import names nobody.
	User string
	New  CreateUser
	// Hash makes the hash of an imported password, when it is known that the user will be
	// added; nil takes New as it is.
	Hash func(context.Context) (string, error)
	UserChange
}

// BulkResult is what came of a bulk: when a line was refused, nothing was changed.
type BulkResult struct {
	Changed, Unchanged int
	Refused            []BulkRefusal
	// Ahead is [Bulk.Ahead] for the next part that names the same tenants.
	Ahead map[string]int
}

func (r *BulkResult) addAhead(tenant string, users int) {
	if r.Ahead == nil {
		r.Ahead = map[string]int{}
	}
	r.Ahead[tenant] += users
}

// note takes down what came of a line. Its error is one that is not the line's fault.
func (r *BulkResult) note(line int, changed bool, err error) error {
	refusal, refused := bulkRefusal(line, err)
	switch {
	case refused:
		r.Refused = append(r.Refused, refusal)
	case err != nil:
		return err
	case changed:
		r.Changed++
	default:
		r.Unchanged++
	}
	return nil
}

// settle says that nothing was changed where a line was refused.
func (r *BulkResult) settle() {
	if len(r.Refused) > 0 {
		r.Changed, r.Unchanged = 0, 0
	}
}

// BulkRefusal says which line cannot be had, and why.
type BulkRefusal struct {
	Line           int
	Field, Problem string
}

// ChangeUsers does one thing to many users: to all of them, each with its audit
// event, or, when one line is refused, to none. Every line is judged, so that one
// answer tells all refusals. What it asks the database, it asks for all of them at once,
// and what it writes goes over together: a line costs no trip of its own.
func (s *Service) ChangeUsers(ctx context.Context, a Actor, b Bulk) (BulkResult, error) {
	if err := may(a, manageUsers); err != nil {
		return BulkResult{}, err
	}
	judge := s.judgeChange
	if b.Action == BulkImport {
		judge = s.judgeImport
	}
	// Where somebody else takes a name meanwhile, the next look finds it taken.
	const looks = 3
	for look := 1; ; look++ {
		result, write, err := judge(ctx, a, b)
		if err != nil || b.Try || len(result.Refused) > 0 || result.Changed == 0 {
			return result, err
		}
		err = write(ctx)
		if look == looks || !overtaken(err) {
			return result, nameTaken(err)
		}
	}
}

// overtaken reports whether something changed between the judgement and the writing.
func overtaken(err error) bool {
	for _, change := range []error{storage.ErrConflict, storage.ErrLimit, storage.ErrNotFound, storage.ErrReference, ErrLastOwner} {
		if errors.Is(err, change) {
			return true
		}
	}
	return false
}

// changesNothing reports whether the user is already as the change would make them.
func (c UserChange) changesNothing(u storage.User) bool {
	return is(c.Username, u.Username) && is(c.DisplayName, u.DisplayName) && is(c.Email, u.Email) && is(c.AvatarURL, u.AvatarURL) &&
		is(c.Language, u.Language) && is(c.Phone, u.Phone) && is(c.PhoneVerified, u.PhoneVerified) && c.Address.Applied(u.Address) == u.Address &&
		is(c.Role, u.Role) && is(c.Disabled, !u.DisabledAt.IsZero())
}

func is[T comparable](want *T, have T) bool { return want == nil || *want == have }

// bulkRefusal tells an error that is the line's own from a fault of the machinery.
func bulkRefusal(line int, err error) (BulkRefusal, bool) {
	var wrong *InvalidError
	var full *storage.LimitError
	r := BulkRefusal{Line: line}
	switch {
	case err == nil:
		return r, false
	case errors.As(err, &wrong):
		r.Field, r.Problem = wrong.Field, wrong.Problem
	case errors.Is(err, ErrForbidden):
		r.Problem = "you may not do that to this user"
	case errors.Is(err, ErrLastOwner):
		r.Problem = ErrLastOwner.Error()
	case errors.As(err, &full):
		r.Field, r.Problem = "tenant", fmt.Sprintf("has no room: its %s is %s", full.Limit, full.Most)
	case errors.Is(err, storage.ErrNotFound):
		r.Problem = "names something that does not exist"
	case errors.Is(err, storage.ErrConflict):
		r.Problem = "is so already"
	case errors.Is(err, storage.ErrReference):
		r.Problem = "names something that does not exist"
	default:
		return r, false
	}
	return r, true
}
