package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// Delivery is one message to one receiver of events.
type Delivery struct {
	Event       string          `json:"event" format:"uuid" doc:"The id of the message: webhook-id, or the jti of a security event token"`
	Type        string          `json:"type"`
	At          *time.Time      `json:"at" nullable:"false" doc:"When it happened"`
	State       string          `json:"state" enum:"pending,delivered,given-up"`
	Tries       int             `json:"tries"`
	Outcome     string          `json:"outcome" doc:"What came of the last try"`
	TriedAt     *time.Time      `json:"tried_at"`
	DeliveredAt *time.Time      `json:"delivered_at" table:"-"`
	GivenUpAt   *time.Time      `json:"given_up_at" table:"-" doc:"When it was not tried any more"`
	Data        json.RawMessage `json:"data" table:"-" doc:"Who and what it is about"`
}

func describeDelivery(d storage.Delivery) Delivery {
	state := "pending"
	switch {
	case !d.DeliveredAt.IsZero():
		state = "delivered"
	case !d.GivenUpAt.IsZero():
		state = "given-up"
	}
	return Delivery{
		Event: d.Event.String(), Type: d.Type, At: instant(d.At), State: state, Tries: d.Tries, Outcome: d.Outcome,
		TriedAt: instant(d.TriedAt), DeliveredAt: instant(d.DeliveredAt), GivenUpAt: instant(d.GivenUpAt), Data: d.Data,
	}
}

// DeliveryFilter asks for what was sent to a receiver of events.
type DeliveryFilter struct {
	WebhookPath
	Paging
}

func (a *API) listDeliveries(ctx context.Context, actor directory.Actor, in *DeliveryFilter) (List[Delivery], error) {
	id, err := in.id()
	if err != nil {
		return List[Delivery]{}, err
	}
	paging, err := a.paging(in.Paging)
	if err != nil {
		return List[Delivery]{}, err
	}
	page, err := a.Directory.Deliveries(ctx, actor, id, paging)
	return listOf(a, page, describeDelivery), err
}

func (a *API) testWebhook(ctx context.Context, actor directory.Actor, in *WebhookPath) (Outcome, error) {
	id, err := in.id()
	if err != nil {
		return Outcome{}, err
	}
	event, err := a.Directory.TestWebhook(ctx, actor, id)
	return Outcome{event.String(), "queued"}, err
}

// DeliveryPath names one message to one receiver of events.
type DeliveryPath struct {
	WebhookPath
	Event string `path:"event" maxLength:"64" doc:"The id of the message"`
}

func (a *API) redeliver(ctx context.Context, actor directory.Actor, in *DeliveryPath) (Outcome, error) {
	id, err := in.id()
	if err != nil {
		return Outcome{}, err
	}
	event, err := named[authz.AuditID](in.Event)
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{event.String(), "queued"}, a.Directory.Redeliver(ctx, actor, id, event)
}
