package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// The operations on users that look at many, or join two.
var (
	ShowUserStats = Operation[struct{}, UserStats]{"GET", "/users:stats", "getUserStats", "Count users by role and tenant, and the sign-ins of two weeks", 200, people}
	MergeUsers    = Operation[UserMerge, MergeResult]{"POST", "/users/{user}/merge", "mergeUsers", "Merge a user into another, who gets what is theirs", 200, people}
)

// UserStats is a look at everybody at once.
type UserStats struct {
	Total          int     `json:"total"`
	Active         int     `json:"active"`
	Disabled       int     `json:"disabled"`
	NeverSignedIn  int     `json:"never_signed_in"`
	ActiveSessions int     `json:"active_sessions"`
	Roles          []Tally `json:"roles" nullable:"false"`
	Tenants        []Tally `json:"tenants" nullable:"false" doc:"The ten with the most members"`
	Clients        []Tally `json:"clients" nullable:"false" doc:"The ten through which the most was authorized in these two weeks"`
	SignIns        []Day   `json:"sign_ins" nullable:"false" doc:"The last 14 days of UTC, today included"`
}

// Tally is a name and how many there are of it.
type Tally struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Day is how many signed in on a day.
type Day struct {
	Date  string `json:"date" format:"date"`
	Count int    `json:"count"`
}

func (a *API) showUserStats(ctx context.Context, actor directory.Actor, _ *struct{}) (UserStats, error) {
	s, err := a.Directory.UserStats(ctx, actor)
	tally := func(t postgres.Tally) Tally { return Tally(t) }
	return UserStats{
		Total: s.Total, Active: s.Total - s.Disabled, Disabled: s.Disabled, NeverSignedIn: s.NeverSignedIn, ActiveSessions: s.ActiveSessions,
		Roles: each(s.Roles, tally), Tenants: each(s.Tenants, tally), Clients: each(s.Clients, tally),
		SignIns: each(s.SignIns, func(d postgres.Day) Day { return Day{d.Date.Format(time.DateOnly), d.Count} }),
	}, err
}

// UserMerge names the user who goes, in the path, and the one who stays.
type UserMerge struct {
	UserPath
	Body struct {
		Target string `json:"target" maxLength:"254" doc:"Who stays: the id, the user name or the e-mail address"`
		Try    bool   `json:"try,omitempty" doc:"Only say what would become of everything"`
	}
}

// MergeResult is what becomes of what was the source's, by kind.
type MergeResult struct {
	SourceID string         `json:"source_id"`
	TargetID string         `json:"target_id"`
	Moved    map[string]int `json:"moved" nullable:"false" doc:"What the target gets"`
	Kept     map[string]int `json:"kept" nullable:"false" doc:"What both have: the target's stays, the source's goes"`
	Ended    map[string]int `json:"ended" nullable:"false" doc:"The sessions and grants of the source"`
}

func (a *API) mergeUsers(ctx context.Context, actor directory.Actor, in *UserMerge) (MergeResult, error) {
	source, err := a.Directory.User(ctx, actor, in.User)
	if err != nil {
		return MergeResult{}, err
	}
	target, err := a.Directory.User(ctx, actor, in.Body.Target)
	if err != nil {
		return MergeResult{}, err
	}
	m, err := a.Directory.MergeUsers(ctx, actor, source.ID, target.ID, in.Body.Try)
	return MergeResult{source.ID.String(), target.ID.String(), m.Moved, m.Kept, m.Ended}, err
}
