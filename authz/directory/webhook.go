package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// Webhooks lists the receivers of events, the oldest first; a tenant narrows the list.
func (s *Service) Webhooks(ctx context.Context, a Actor, tenant string, p Paging) (Page[storage.Webhook], error) {
	if err := may(a, manageWebhooks); err != nil {
		return Page[storage.Webhook]{}, err
	}
	last, err := after[authz.WebhookID](p)
	if err != nil {
		return Page[storage.Webhook]{}, err
	}
	of, err := s.tenantOrNone(ctx, a, tenant)
	if err != nil {
		return Page[storage.Webhook]{}, err
	}
	all, err := s.store.Webhooks(ctx, of, last, p.limit()+1)
	return page(all, p, func(w storage.Webhook) string { return w.ID.String() }), err
}

func (s *Service) tenantOrNone(ctx context.Context, a Actor, named string) (authz.TenantID, error) {
	if named == "" {
		return authz.TenantID{}, nil
	}
	t, err := s.Tenant(ctx, a, named)
	return t.ID, err
}

// Webhook finds a receiver by its id.
func (s *Service) Webhook(ctx context.Context, a Actor, id authz.WebhookID) (storage.Webhook, error) {
	if err := may(a, manageWebhooks); err != nil {
		return storage.Webhook{}, err
	}
	w, err := s.store.Webhook(ctx, id)
	return w, orUnknown(err, "webhook", id.String())
}

// CreateWebhook registers a receiver. w says all of it but its tenant and when it was
// made.
func (s *Service) CreateWebhook(ctx context.Context, a Actor, w storage.Webhook, tenant string) (storage.Webhook, error) {
	if err := may(a, manageWebhooks); err != nil {
		return w, err
	}
	var err error
	if w.Tenant, err = s.tenantOrNone(ctx, a, tenant); err != nil {
		return w, err
	}
	if err := checkWebhook(w); err != nil {
		return w, err
	}
	if w.Client != "" {
		c, err := s.Client(ctx, a, w.Client)
		if err != nil {
			return w, err
		}
		if c.Tenant != w.Tenant {
			return w, invalid("client", "belongs to another tenant than the webhook")
		}
	}
	w.CreatedAt = s.now()
	return w, s.store.InsertWebhook(ctx, w, s.event(a, "webhook.create", w.Tenant))
}

func checkWebhook(w storage.Webhook) error {
	set := w.Protocol == storage.ProtocolSET
	switch {
	case !set && w.Protocol != storage.ProtocolWebhook:
		return invalid("protocol", "must be %s or %s", storage.ProtocolWebhook, storage.ProtocolSET)
	case set == (w.Audience == ""):
		return invalid("audience", "and the protocol %s go together: say both or neither", storage.ProtocolSET)
	case len(w.Audience) > 2048:
		return invalid("audience", "is longer than 2048 characters")
	case !set && w.Client != "":
		return invalid("client", "is of use to the protocol %s alone", storage.ProtocolSET)
	}
	return errors.Join(checkName("name", w.Name), checkFetched("url", w.URL), checkEvents(w))
}

// WebhookChange is what to change of a receiver; what is nil stays.
type WebhookChange struct {
	Name, URL, Audience *string
	Events              *[]string
	// Disabled stops it, or lets it hear again what happens from now on.
	Disabled *bool
	// If judges the receiver in the moment of the change; nil for any.
	If func(storage.Webhook) error
}

// UpdateWebhook changes a receiver.
func (s *Service) UpdateWebhook(ctx context.Context, a Actor, id authz.WebhookID, n WebhookChange) (storage.Webhook, error) {
	return s.changeWebhook(ctx, a, id, "webhook.update", func(w *storage.Webhook) error {
		if err := holds(n.If, *w); err != nil {
			return err
		}
		change(&w.Name, n.Name)
		change(&w.URL, n.URL)
		change(&w.Audience, n.Audience)
		change(&w.Events, n.Events)
		switch {
		case n.Disabled == nil:
		case !*n.Disabled:
			w.DisabledAt = time.Time{}
		case w.DisabledAt.IsZero():
			w.DisabledAt = s.now()
		}
		return checkWebhook(*w)
	})
}

func (s *Service) changeWebhook(ctx context.Context, a Actor, id authz.WebhookID, action string, do func(*storage.Webhook) error) (storage.Webhook, error) {
	w, err := s.Webhook(ctx, a, id)
	if err != nil {
		return w, err
	}
	w, err = s.store.UpdateWebhook(ctx, id, do, s.event(a, action, w.Tenant))
	return w, orUnknown(err, "webhook", id.String())
}

// RotateWebhookSecret gives a receiver another secret, sealed. The one before signs too
// for the overlap, so that the receiver has time.
func (s *Service) RotateWebhookSecret(ctx context.Context, a Actor, id authz.WebhookID, sealed []byte, overlap time.Duration) (storage.Webhook, error) {
	return s.changeWebhook(ctx, a, id, "webhook.rotate-secret", func(w *storage.Webhook) error {
		if overlap < 0 || overlap > 30*24*time.Hour {
			return invalid("overlap", "must be between 0 and 30 days")
		}
		previous := w.SecretSealed
		w.SecretSealed, w.PreviousSealed, w.PreviousExpiresAt = sealed, nil, time.Time{}
		if overlap > 0 && w.Protocol == storage.ProtocolWebhook {
			w.PreviousSealed, w.PreviousExpiresAt = previous, s.now().Add(overlap)
		}
		return nil
	})
}

// DeleteWebhook removes a receiver, and the log of what was sent to it.
func (s *Service) DeleteWebhook(ctx context.Context, a Actor, id authz.WebhookID, seen func(storage.Webhook) error) error {
	w, err := s.Webhook(ctx, a, id)
	if err != nil {
		return err
	}
	return orUnknown(s.store.DeleteWebhook(ctx, id, seen, s.event(a, "webhook.delete", w.Tenant)), "webhook", id.String())
}

// Deliveries lists what was sent to a receiver in the last thirty days, the latest first.
func (s *Service) Deliveries(ctx context.Context, a Actor, id authz.WebhookID, p Paging) (Page[storage.Delivery], error) {
	if _, err := s.Webhook(ctx, a, id); err != nil {
		return Page[storage.Delivery]{}, err
	}
	last, err := after[authz.AuditID](p)
	if err != nil {
		return Page[storage.Delivery]{}, err
	}
	all, err := s.store.Deliveries(ctx, id, last, p.limit()+1)
	return page(all, p, func(d storage.Delivery) string { return d.Event.String() }), err
}

// TestWebhook sends a receiver a message of the type webhook.test, to a receiver of
// security event tokens one about nobody, and gives its id.
func (s *Service) TestWebhook(ctx context.Context, a Actor, id authz.WebhookID) (authz.AuditID, error) {
	w, err := s.enabledWebhook(ctx, a, id)
	if err != nil {
		return authz.AuditID{}, err
	}
	e := s.event(a, "webhook.test", w.Tenant)
	data, err := json.Marshal(map[string]any{
		"object": map[string]string{"kind": "webhook", "id": id.String()}, "user_id": nil, "tenant_id": optionalID(w.Tenant), "actor_id": optionalID(a.User),
	})
	if err != nil {
		return e.ID, fmt.Errorf("encode test message: %w", err)
	}
	d := storage.Delivery{Webhook: id, Event: authz.NewID[authz.AuditID](e.At), Type: e.Action, At: e.At, Data: data}
	return d.Event, orUnknown(s.store.InsertDelivery(ctx, d, e), "webhook", id.String())
}

func optionalID[K any](id authz.ID[K]) *authz.ID[K] {
	if id.IsZero() {
		return nil
	}
	return &id
}

// Redeliver sends a message once more, under the same id.
func (s *Service) Redeliver(ctx context.Context, a Actor, id authz.WebhookID, event authz.AuditID) error {
	w, err := s.enabledWebhook(ctx, a, id)
	if err != nil {
		return err
	}
	return orUnknown(s.store.Redeliver(ctx, id, event, s.event(a, "webhook.redeliver", w.Tenant)), "delivery", event.String())
}

func (s *Service) enabledWebhook(ctx context.Context, a Actor, id authz.WebhookID) (storage.Webhook, error) {
	w, err := s.Webhook(ctx, a, id)
	if err == nil && !w.DisabledAt.IsZero() {
		err = invalid("webhook", "is stopped: let it hear again first")
	}
	return w, err
}
