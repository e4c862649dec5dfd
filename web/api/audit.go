package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// ListAudit reads the audit log.
var ListAudit = Operation[AuditFilter, List[Event]]{"GET", "/audit", "listAudit", "List changes, the newest first", 200, operator}

func (a *API) auditRoutes() { add(a, ListAudit, a.listAudit) }

// Event is one change: who made it, on what, from where.
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
	Actor      string `query:"actor" maxLength:"254" doc:"A user, by id, user name or e-mail address, to see only what they did"`
	ObjectKind string `query:"object_kind" maxLength:"64" doc:"Only changes of this kind of thing, such as user or client"`
	ObjectID   string `query:"object_id" maxLength:"254" doc:"Only changes of the thing with this id"`
	Paging
}

func (a *API) listAudit(ctx context.Context, actor directory.Actor, in *AuditFilter) (List[Event], error) {
	f := directory.AuditFilter{ObjectKind: in.ObjectKind, ObjectID: in.ObjectID}
	var err error
	if f.Paging, err = a.paging(in.Paging); err != nil {
		return List[Event]{}, err
	}
	if in.Actor != "" {
		u, err := a.Directory.User(ctx, actor, in.Actor)
		if err != nil {
			return List[Event]{}, err
		}
		f.ActorID = u.ID
	}
	page, err := a.Directory.Audit(ctx, actor, f)
	return listOf(a, page, describeEvent), err
}
