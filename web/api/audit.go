package api

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// The operations on the audit log.
var (
	ListAudit   = Operation[AuditFilter, List[Event]]{"GET", "/audit", "listAudit", "List what was done, the newest first", 200, operator}
	FollowAudit = Operation[AuditPosition, AuditNews]{"GET", "/audit:follow", "followAudit", "Wait for what is done from now on", 200, operator}
	VerifyAudit = Operation[struct{}, AuditCheck]{"GET", "/audit:verify", "verifyAudit", "Look for events that were changed or removed", 200, operator}
)

func (a *API) auditRoutes() {
	add(a, ListAudit, a.listAudit)
	add(a, FollowAudit, a.followAudit)
	add(a, VerifyAudit, a.verifyAudit)
}

// Event is one thing that was done: who did it, to what, from where.
type Event struct {
	ID         string          `json:"id" format:"uuid" table:"-"`
	At         *time.Time      `json:"at" nullable:"false"`
	Actor      string          `json:"actor"`
	ActorID    *string         `json:"actor_id" table:"-"`
	Action     string          `json:"action"`
	ObjectKind string          `json:"object_kind"`
	ObjectID   string          `json:"object_id"`
	TenantID   *string         `json:"tenant_id" table:"-"`
	IPAddress  *string         `json:"ip_address"`
	Before     json.RawMessage `json:"before" table:"-" doc:"The object as it was, secrets left out; null when it was not there"`
	After      json.RawMessage `json:"after" table:"-" doc:"The object as it became; null when it is gone"`
}

func describeEvent(e storage.AuditEvent) Event {
	return Event{
		ID: e.ID.String(), At: instant(e.At), Actor: e.Actor, ActorID: optional(e.ActorID.String()), Action: e.Action,
		ObjectKind: e.ObjectKind, ObjectID: e.ObjectID, TenantID: optional(e.Tenant.String()),
		IPAddress: address(e.IPAddress), Before: e.Before, After: e.After,
	}
}

// AuditFilter asks for a part of the audit log.
type AuditFilter struct {
	User       string    `query:"user" maxLength:"254" doc:"Only what this user did and what was done to them, by id, user name or e-mail address; who was merged into them counts as them"`
	Actor      string    `query:"actor" maxLength:"254" doc:"Only what this one did: a user by id, user name or e-mail address, or another actor as the log names it, such as a client"`
	Action     string    `query:"action" maxLength:"64" doc:"Only this action, such as user.create, or a family of them, such as user.*"`
	ObjectKind string    `query:"object_kind" maxLength:"64" doc:"Only what was done to this kind of thing, such as user or client"`
	ObjectID   string    `query:"object_id" maxLength:"2048" doc:"Only what was done to the thing with this id"`
	Tenant     string    `query:"tenant" maxLength:"64" doc:"Only what was done in this tenant, by id or slug"`
	Since      time.Time `query:"since" doc:"Only from this instant on"`
	Until      time.Time `query:"until" doc:"Only before this instant"`
	Paging
}

func (a *API) listAudit(ctx context.Context, actor directory.Actor, in *AuditFilter) (List[Event], error) {
	f := directory.AuditFilter{
		Action: in.Action, ObjectKind: in.ObjectKind, ObjectID: in.ObjectID, Tenant: in.Tenant, Since: in.Since, Until: in.Until,
	}
	var err error
	if f.Paging, err = a.paging(in.Paging); err != nil {
		return List[Event]{}, err
	}
	if in.User != "" {
		if f.User, err = a.wasUser(ctx, actor, in.User); err != nil {
			return List[Event]{}, err
		}
	}
	if in.Actor != "" {
		switch u, err := a.Directory.User(ctx, actor, in.Actor); {
		case errors.Is(err, storage.ErrNotFound):
			f.Actor = in.Actor
		case err != nil:
			return List[Event]{}, err
		default:
			f.ActorID = u.ID
		}
	}
	page, err := a.Directory.Audit(ctx, actor, f)
	return listOf(a, page, describeEvent), err
}

// wasUser is the id of a user, who may be gone when it is their id that is named.
func (a *API) wasUser(ctx context.Context, actor directory.Actor, name string) (authz.UserID, error) {
	u, err := a.Directory.User(ctx, actor, name)
	if errors.Is(err, storage.ErrNotFound) {
		if id, badID := authz.ParseID[authz.UserID](name); badID == nil {
			return id, nil
		}
	}
	return u.ID, err
}

// AuditPosition says how far the log was read.
type AuditPosition struct {
	After string `query:"after" maxLength:"512" doc:"The position of the answer before; left out, the answer is where the log ends now"`
	Wait  int    `query:"wait" minimum:"0" maximum:"20" default:"20" doc:"How many seconds to wait for something to happen"`
}

// AuditNews is what was done behind a position.
type AuditNews struct {
	Items    []Event `json:"items" nullable:"false"`
	Position string  `json:"position" doc:"Send it as after to hear what follows"`
}

// askAgain is how often the log is asked while somebody waits. The log could say so
// itself, but then each sign-in would: and what announces itself commits one by one.
const askAgain = 500 * time.Millisecond

func (a *API) followAudit(ctx context.Context, actor directory.Actor, in *AuditPosition) (AuditNews, error) {
	from, err := a.position(in.After)
	if err != nil {
		return AuditNews{}, err
	}
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for asked := time.Duration(0); ; asked += askAgain {
		events, behind, err := a.Directory.FollowAudit(ctx, actor, from)
		if err != nil || len(events) > 0 || from == nil || asked >= time.Duration(in.Wait)*time.Second {
			return AuditNews{each(events, describeEvent), a.cursors.seal(positionText(behind))}, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return AuditNews{}, ctx.Err()
		}
	}
}

func (a *API) position(after string) (postgres.AuditPosition, error) {
	text, err := a.cursors.open(after)
	if err != nil || text == "" {
		return nil, err
	}
	var p postgres.AuditPosition
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			// A cursor of another list: it is ours, and no position.
			return nil, &directory.InvalidError{Field: "after", Problem: "is not the position of any answer: begin without it"}
		}
		p = append(p, n)
	}
	return p, nil
}

func positionText(p postgres.AuditPosition) string {
	parts := make([]string, len(p))
	for i, n := range p {
		parts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(parts, ".")
}

// AuditCheck is what came of verifying the log.
type AuditCheck struct {
	Intact bool  `json:"intact" doc:"Whether each event follows from the one before"`
	Events int64 `json:"events" doc:"How many there are; 0 when the log is not intact"`
	// Chain and Seq tell where to look.
	Chain *int64 `json:"broken_chain" doc:"The chain that breaks; null when none does"`
	Seq   *int64 `json:"broken_at" doc:"The place in that chain; null when none breaks"`
}

func (a *API) verifyAudit(ctx context.Context, actor directory.Actor, _ *struct{}) (AuditCheck, error) {
	c, err := a.Directory.VerifyAudit(ctx, actor)
	if err != nil || !c.Broken {
		return AuditCheck{Intact: true, Events: c.Events}, err
	}
	return AuditCheck{Chain: &c.Chain, Seq: &c.Seq}, nil
}
