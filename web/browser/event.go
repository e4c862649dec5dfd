package browser

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Event is the audit event of what a person does to their own account. What they are
// told of it is in the language of the page.
func (v *Visit) Event(person storage.Person, action string, now time.Time) storage.AuditEvent {
	return storage.AuditEvent{
		ID: authz.NewID[authz.AuditID](now), At: now, Actor: person.Username, ActorID: person.ID, Action: action,
		IPAddress: AddressFrom(v.r.Context()), Language: v.Language(),
	}
}
