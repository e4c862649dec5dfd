package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// The ways in which a [Webhook] is told.
const (
	// ProtocolWebhook is a JSON message signed as Standard Webhooks say.
	ProtocolWebhook = "webhook"
	// ProtocolSET is a security event token (RFC 8417), pushed (RFC 8935).
	ProtocolSET = "set"
)

// The types of event that a security event token tells of (OpenID CAEP 1.0).
const (
	EventSessionRevoked   = "session-revoked"
	EventCredentialChange = "credential-change"
)

// Webhook is a receiver of events.
type Webhook struct {
	ID authz.WebhookID
	// Tenant is whose events it hears; zero for those of the whole deployment.
	Tenant authz.TenantID
	// Client is the one whose people it hears of; "" for everybody's. Of [ProtocolSET] alone.
	Client   authz.ClientID
	Name     string
	Protocol string
	URL      string
	// Audience is whom security event tokens are for.
	Audience string
	// Events are types, or families of them such as "user.*".
	Events []string
	// SecretSealed signs the messages of [ProtocolWebhook]; with [ProtocolSET] it is the
	// Authorization header, nil for none.
	SecretSealed []byte
	// PreviousSealed signs too, until PreviousExpiresAt.
	PreviousSealed    []byte
	PreviousExpiresAt time.Time
	CreatedAt         time.Time
	LastDeliveredAt   time.Time
	// DisabledAt is when somebody stopped it, or it had failed for too long.
	DisabledAt time.Time
}

// Delivery is one message to one receiver.
type Delivery struct {
	Webhook authz.WebhookID
	// Event is the id of the message, whoever it goes to and however often: that of the
	// audit event, where it tells of one.
	Event authz.AuditID
	Type  string
	// At is when it happened.
	At time.Time
	// Data is a JSON document.
	Data []byte
	// BegunAt is since when it is tried.
	BegunAt time.Time
	Tries   int
	TriedAt time.Time
	// Outcome is what came of the last try, in words.
	Outcome string
	// DeliveredAt and GivenUpAt are both zero while it is tried.
	DeliveredAt, GivenUpAt time.Time
}

// WebhookDelivery is the job that makes a [Delivery]. The database writes it down with
// the delivery.
type WebhookDelivery struct {
	Webhook authz.WebhookID `json:"webhook"`
	Event   authz.AuditID   `json:"event"`
}

// Kind implements [Job].
func (WebhookDelivery) Kind() string { return "webhook" }
