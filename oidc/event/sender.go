package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/keys"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// patience is how long a message is tried, at growing distances, until it is given up. A
// receiver to which nothing else was delivered by then is stopped.
const patience = 24 * time.Hour

// Sender delivers messages. It may be used from many goroutines.
type Sender struct {
	// Issuer is who speaks, in security event tokens.
	Issuer   string
	Store    *postgres.Store
	Keys     *keys.Ring
	Outbound *outbound.Client
	Secrets  Secrets
	// Subject is the sub under which a client knows a user.
	Subject func(context.Context, authz.ClientID, authz.UserID) (string, error)
	Log     *slog.Logger
	Now     func() time.Time
}

// verdict is what came of a try.
type verdict struct {
	outcome string
	// delivered: it was taken. final: no further try can change that it was not. gone: the
	// receiver wants to hear nothing any more.
	delivered, final, gone bool
}

// Deliver makes one try to deliver a message. An error means that it is to be tried
// again; a message that was delivered, given up or is gone is none.
func (s *Sender) Deliver(ctx context.Context, job storage.WebhookDelivery) error {
	store := s.Store.ForOperator()
	w, d, err := store.Delivery(ctx, job.Webhook, job.Event)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil || !d.DeliveredAt.IsZero() || !d.GivenUpAt.IsZero() {
		return err
	}
	now := s.Now()
	v := verdict{outcome: "the webhook is stopped", final: true}
	if w.DisabledAt.IsZero() {
		if v, err = s.try(ctx, w, d, now); err != nil {
			return err
		}
	}
	late := now.Sub(d.BegunAt) >= patience
	d.TriedAt, d.Outcome = now, v.outcome
	switch {
	case v.delivered:
		d.DeliveredAt = now
	case v.final || v.gone || late:
		d.GivenUpAt = now
	}
	if err := store.SettleDelivery(ctx, d); err != nil {
		return err
	}
	switch {
	case d.GivenUpAt.IsZero() && d.DeliveredAt.IsZero():
		return fmt.Errorf("deliver to webhook %s: %s", w.ID, v.outcome)
	case v.gone:
		return s.stop(ctx, store, w, now, now)
	case late && !v.delivered && !v.final:
		return s.stop(ctx, store, w, d.BegunAt, now)
	}
	return nil
}

// stop stops a receiver that has heard nothing since an instant.
func (s *Sender) stop(ctx context.Context, store *postgres.OperatorStore, w storage.Webhook, since, now time.Time) error {
	s.Log.WarnContext(ctx, "a webhook takes nothing", "webhook", w.ID, "since", since)
	err := store.DisableSilentWebhook(ctx, w.ID, since, storage.AuditEvent{
		ID: authz.NewID[authz.AuditID](now), At: now, Actor: "gatehouse", Action: "webhook.fail", Tenant: w.Tenant,
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// try sends a message. Its error is a fault of ours.
func (s *Sender) try(ctx context.Context, w storage.Webhook, d storage.Delivery, now time.Time) (verdict, error) {
	prepare, judge := s.sign, judgeWebhook
	if w.Protocol == storage.ProtocolSET {
		prepare, judge = s.securityEvent(ctx), judgeSET
	}
	header, body, err := prepare(w, d, now)
	if err != nil {
		return verdict{}, err
	}
	answer, err := s.Outbound.Post(ctx, w.URL, header, body)
	if err != nil {
		// What the network said is for the log: it would tell what there is inside.
		s.Log.InfoContext(ctx, "a webhook cannot be reached", "webhook", w.ID, "cause", err)
		return verdict{outcome: "could not be reached"}, nil
	}
	return judge(answer), nil
}

// judgeWebhook: any 2xx is yes; 410 is a receiver that has gone (Standard Webhooks).
func judgeWebhook(a outbound.Answer) verdict {
	return verdict{outcome: fmt.Sprintf("answered with status %d", a.Status), delivered: a.Status/100 == 2, gone: a.Status == http.StatusGone}
}
