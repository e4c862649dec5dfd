package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/event"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on webhooks, the receivers of events.
var (
	ListWebhooks        = Operation[WebhookFilter, List[Webhook]]{"GET", "/webhooks", "listWebhooks", "List the receivers of events", 200, operator}
	CreateWebhook       = Operation[NewWebhook, NewlyMadeWebhook]{"POST", "/webhooks", "createWebhook", "Register a receiver of events; the secret that signs is shown this once", 201, operator}
	ShowWebhook         = Operation[WebhookPath, Webhook]{"GET", "/webhooks/{webhook}", "getWebhook", "Show a receiver of events", 200, operator}
	UpdateWebhook       = Operation[WebhookChange, Webhook]{"PATCH", "/webhooks/{webhook}", "updateWebhook", "Change a receiver of events; a member that is left out stays", 200, operator}
	RotateWebhookSecret = Operation[WebhookRotation, WebhookSecret]{"POST", "/webhooks/{webhook}/rotate-secret", "rotateWebhookSecret", "Give a receiver of events another secret, which is shown this once", 200, operator}
	DeleteWebhook       = Operation[WebhookDeletion, Outcome]{"DELETE", "/webhooks/{webhook}", "deleteWebhook", "Remove a receiver of events, and what is known of its deliveries", 200, operator}
	TestWebhook         = Operation[WebhookPath, Outcome]{"POST", "/webhooks/{webhook}/test", "testWebhook", "Send a receiver of events a message to try it", 200, operator}
	ListDeliveries      = Operation[DeliveryFilter, List[Delivery]]{"GET", "/webhooks/{webhook}/deliveries", "listDeliveries", "List what was sent to a receiver of events, the latest first", 200, operator}
	Redeliver           = Operation[DeliveryPath, Outcome]{"POST", "/webhooks/{webhook}/deliveries/{event}/redeliver", "redeliver", "Send a message once more", 200, operator}
)

func (a *API) webhookRoutes() {
	add(a, ListWebhooks, a.listWebhooks)
	add(a, CreateWebhook, a.createWebhook)
	add(a, ShowWebhook, a.showWebhook)
	add(a, UpdateWebhook, a.updateWebhook)
	add(a, RotateWebhookSecret, a.rotateWebhookSecret)
	add(a, DeleteWebhook, a.deleteWebhook)
	add(a, TestWebhook, a.testWebhook)
	add(a, ListDeliveries, a.listDeliveries)
	add(a, Redeliver, a.redeliver)
}

// Webhook is a receiver of events.
type Webhook struct {
	ID              string     `json:"id" format:"uuid"`
	Name            string     `json:"name"`
	URL             string     `json:"url"`
	Protocol        string     `json:"protocol" enum:"webhook,set" doc:"webhook: messages as Standard Webhooks say; set: security event tokens (RFC 8417)"`
	TenantID        *string    `json:"tenant_id" table:"-" doc:"null for one that hears of the whole deployment"`
	ClientID        *string    `json:"client_id" table:"-" doc:"The one client whose people it hears of; null for everybody's"`
	Audience        *string    `json:"audience" table:"-" doc:"Whom security event tokens are for; null for a webhook"`
	Events          []string   `json:"events" nullable:"false"`
	CreatedAt       *time.Time `json:"created_at" nullable:"false" table:"-"`
	LastDeliveredAt *time.Time `json:"last_delivered_at"`
	DisabledAt      *time.Time `json:"disabled_at" doc:"When it was stopped, by somebody or because it had failed for a day"`
}

func describeWebhook(w storage.Webhook) Webhook {
	return Webhook{
		ID: w.ID.String(), Name: w.Name, URL: w.URL, Protocol: w.Protocol, TenantID: optional(w.Tenant.String()), ClientID: optional(string(w.Client)),
		Audience: optional(w.Audience), Events: w.Events, CreatedAt: instant(w.CreatedAt), LastDeliveredAt: instant(w.LastDeliveredAt), DisabledAt: instant(w.DisabledAt),
	}
}

// WebhookFilter narrows the list of webhooks.
type WebhookFilter struct {
	Tenant string `query:"tenant" maxLength:"64" doc:"Only those of this tenant, by id or slug"`
	Paging
}

func (a *API) listWebhooks(ctx context.Context, actor directory.Actor, in *WebhookFilter) (List[Webhook], error) {
	paging, err := a.paging(in.Paging)
	if err != nil {
		return List[Webhook]{}, err
	}
	page, err := a.Directory.Webhooks(ctx, actor, in.Tenant, paging)
	return listOf(a, page, describeWebhook), err
}

// NewWebhook is a receiver of events to be made.
type NewWebhook struct {
	Once
	Body struct {
		Name          string   `json:"name,omitempty" maxLength:"200" doc:"For those who read the list"`
		URL           string   `json:"url" maxLength:"2048" doc:"Where the messages are posted: https, on the public Internet"`
		Protocol      string   `json:"protocol,omitempty" enum:"webhook,set" default:"webhook" doc:"webhook: messages as Standard Webhooks say; set: security event tokens (RFC 8417)"`
		Events        []string `json:"events" nullable:"false" maxItems:"64" doc:"Types such as user.create, as the audit log names them, or families such as user.*; for the protocol set session-revoked and credential-change"`
		Tenant        string   `json:"tenant,omitempty" maxLength:"64" doc:"Whose events it hears, by id or slug; those of the whole deployment when left out"`
		Client        string   `json:"client,omitempty" maxLength:"512" doc:"With the protocol set: the one client whose people it hears of"`
		Audience      string   `json:"audience,omitempty" maxLength:"2048" doc:"With the protocol set: whom the tokens are for"`
		Authorization string   `json:"authorization,omitempty" maxLength:"4096" pattern:"^[!-~]+( [!-~]+)*$" doc:"With the protocol set: the value of the Authorization header that the receiver wants"`
	}
}

// NewlyMadeWebhook is a receiver that was just made.
type NewlyMadeWebhook struct {
	Webhook
	Secret *string `json:"secret" doc:"What signs the messages, shown this once; null for security event tokens, which our published keys sign"`
}

func (a *API) createWebhook(ctx context.Context, actor directory.Actor, in *NewWebhook) (NewlyMadeWebhook, error) {
	b := in.Body
	w := storage.Webhook{
		ID: authz.NewID[authz.WebhookID](a.Now()), Client: authz.ClientID(b.Client), Name: b.Name, Protocol: b.Protocol, URL: b.URL, Audience: b.Audience, Events: b.Events,
	}
	secret, err := a.sealSecret(&w, b.Authorization)
	if err != nil {
		return NewlyMadeWebhook{}, err
	}
	w, err = a.Directory.CreateWebhook(ctx, actor, w, b.Tenant)
	return NewlyMadeWebhook{describeWebhook(w), optional(secret)}, err
}

// sealSecret gives a receiver a secret, and says it if it is one of ours.
func (a *API) sealSecret(w *storage.Webhook, authorization string) (secret string, err error) {
	switch {
	case w.Protocol != storage.ProtocolSET && authorization != "":
		return "", &directory.InvalidError{Field: "authorization", Problem: "is of use to the protocol set alone: a webhook is signed"}
	case w.Protocol != storage.ProtocolSET:
		secret = event.NewSecret()
		w.SecretSealed = a.secrets.Seal(w.ID, secret)
	case authorization != "":
		w.SecretSealed = a.secrets.Seal(w.ID, authorization)
	default:
		w.SecretSealed = nil
	}
	return secret, nil
}

// WebhookPath names a receiver of events.
type WebhookPath struct {
	Webhook string `path:"webhook" maxLength:"64" doc:"Its id"`
}

func (p WebhookPath) id() (authz.WebhookID, error) { return named[authz.WebhookID](p.Webhook) }

func (a *API) showWebhook(ctx context.Context, actor directory.Actor, in *WebhookPath) (Webhook, error) {
	id, err := in.id()
	if err != nil {
		return Webhook{}, err
	}
	w, err := a.Directory.Webhook(ctx, actor, id)
	return describeWebhook(w), err
}

// WebhookChange is what to change of a receiver of events.
type WebhookChange struct {
	IfMatch
	WebhookPath
	Body struct {
		Name     *string   `json:"name,omitempty" maxLength:"200"`
		URL      *string   `json:"url,omitempty" maxLength:"2048" doc:"Where the messages are posted: https, on the public Internet"`
		Audience *string   `json:"audience,omitempty" maxLength:"2048" doc:"Whom security event tokens are for"`
		Events   *[]string `json:"events,omitempty" maxItems:"64" doc:"All the types and families that it hears"`
		Disabled *bool     `json:"disabled,omitempty" doc:"true stops it; false lets it hear what happens from now on"`
	}
}

func (a *API) updateWebhook(ctx context.Context, actor directory.Actor, in *WebhookChange) (Webhook, error) {
	id, err := in.id()
	if err != nil {
		return Webhook{}, err
	}
	b := in.Body
	w, err := a.Directory.UpdateWebhook(ctx, actor, id, directory.WebhookChange{
		Name: b.Name, URL: b.URL, Audience: b.Audience, Events: b.Events, Disabled: b.Disabled, If: asSeen(in.IfMatch, describeWebhook),
	})
	return describeWebhook(w), err
}

// WebhookRotation asks for another secret.
type WebhookRotation struct {
	WebhookPath
	Body struct {
		OverlapSeconds int    `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"How long the old secret signs too; 0, or left out, for not at all"`
		Authorization  string `json:"authorization,omitempty" maxLength:"4096" pattern:"^[!-~]+( [!-~]+)*$" doc:"With the protocol set: the new value of the Authorization header; none when left out"`
	}
}

// WebhookSecret is the secret of a receiver of events.
type WebhookSecret struct {
	ID     string  `json:"id" format:"uuid"`
	Secret *string `json:"secret" doc:"Shown this once; null for security event tokens"`
}

func (a *API) rotateWebhookSecret(ctx context.Context, actor directory.Actor, in *WebhookRotation) (WebhookSecret, error) {
	id, err := in.id()
	if err != nil {
		return WebhookSecret{}, err
	}
	w, err := a.Directory.Webhook(ctx, actor, id)
	if err != nil {
		return WebhookSecret{}, err
	}
	secret, err := a.sealSecret(&w, in.Body.Authorization)
	if err != nil {
		return WebhookSecret{}, err
	}
	_, err = a.Directory.RotateWebhookSecret(ctx, actor, id, w.SecretSealed, time.Duration(in.Body.OverlapSeconds)*time.Second)
	return WebhookSecret{id.String(), optional(secret)}, err
}

// WebhookDeletion names a receiver to be deleted.
type WebhookDeletion struct {
	IfMatch
	WebhookPath
}

func (a *API) deleteWebhook(ctx context.Context, actor directory.Actor, in *WebhookDeletion) (Outcome, error) {
	id, err := in.id()
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{id.String(), "deleted"}, a.Directory.DeleteWebhook(ctx, actor, id, asSeen(in.IfMatch, describeWebhook))
}
