package directory

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// LedgerLifetime is how long the ids of what ends here stay in the ledger: longer
// than any token that carries one lives.
const LedgerLifetime = 25 * time.Hour

// Service is the directory. It may be used from many goroutines.
type Service struct {
	store  *postgres.OperatorStore
	pepper []byte
	now    func() time.Time
}

// New opens the directory. pepper is the key under which client secrets are
// digested ([storage.ClientSecretPepper]).
func New(store *postgres.Store, pepper []byte, now func() time.Time) *Service {
	return &Service{store: store.ForOperator(), pepper: pepper, now: now}
}

// event is the audit event of a change that happens now.
func (s *Service) event(a Actor, action string, tenant authz.TenantID) storage.AuditEvent {
	now := s.now()
	return storage.AuditEvent{
		ID: authz.NewID[authz.AuditID](now), At: now, Actor: a.Name, ActorID: a.User, Action: action, Tenant: tenant, IPAddress: a.IPAddress,
	}
}

func (s *Service) dead() time.Time { return s.now().Add(LedgerLifetime) }

// limit is how many items a page has.
func (p Paging) limit() int {
	const usual, most = 50, 500
	if p.Limit <= 0 {
		return usual
	}
	return min(p.Limit, most)
}

// after reads a cursor: the id of the last item of the page before.
func after[I ~[16]byte](p Paging) (I, error) {
	if p.Cursor == "" {
		return I{}, nil
	}
	id, err := authz.ParseID[I](p.Cursor)
	if err != nil {
		return id, invalid("cursor", "is not one that a list has given")
	}
	return id, nil
}

// page is a part of a list of which one item more than asked for was read: that
// there is one more says that something follows.
func page[T any](items []T, p Paging, id func(T) string) Page[T] {
	if len(items) <= p.limit() {
		return Page[T]{Items: items}
	}
	items = items[:p.limit()]
	return Page[T]{Items: items, Next: id(items[len(items)-1])}
}
