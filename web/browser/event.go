package browser

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Event is the audit event of what a person does to their own account.
func Event(ctx context.Context, person storage.Person, action string, now time.Time) storage.AuditEvent {
	return storage.AuditEvent{
		ID: authz.NewID[authz.AuditID](now), At: now, Actor: person.Username, ActorID: person.ID, Action: action, IPAddress: AddressFrom(ctx),
	}
}
