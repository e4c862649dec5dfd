package event_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/event"
	"github.com/gatehouse/gatehouse/oidc/outbound"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

var host = directory.Actor{Name: "test", Host: true}

func insecureOutbound(c *web.Config, _ *postgres.Options) { c.InsecureOutbound = true }

// town is a house, its directory, and whoever sends its messages: by hand, so that a
// test says when.
type town struct {
	*webtest.House
	dir     *directory.Service
	sender  *event.Sender
	secrets event.Secrets
}

func newTown(t *testing.T, options ...webtest.Option) *town {
	t.Helper()
	h := webtest.Boot(t, append(options, insecureOutbound)...)
	secrets, err := event.NewSecrets(h.Secret())
	if err != nil {
		t.Fatal(err)
	}
	subject := func(_ context.Context, _ authz.ClientID, user authz.UserID) (string, error) {
		return user.String(), nil
	}
	return &town{h, directory.New(h.Store, nil, h.Now), &event.Sender{
		Issuer: h.URL, Store: h.Store, Keys: h.Keys, Outbound: outbound.New(true), Secrets: secrets, Subject: subject,
		Log: h.Server().Log, Now: h.Now,
	}, secrets}
}

// hook registers a receiver, and gives the secret that signs.
func (v *town) hook(w storage.Webhook, tenant string) (storage.Webhook, string) {
	v.T.Helper()
	w.ID = authz.NewID[authz.WebhookID](v.Now())
	secret := event.NewSecret()
	if w.Protocol == "" {
		w.Protocol = storage.ProtocolWebhook
		w.SecretSealed = v.secrets.Seal(w.ID, secret)
	}
	w, err := v.dir.CreateWebhook(v.T.Context(), host, w, tenant)
	if err != nil {
		v.T.Fatal(err)
	}
	return w, secret
}

// deliver makes one try for everything that waits, and says what failed.
func (v *town) deliver() (failures []error) {
	v.T.Helper()
	for line := range strings.Lines(v.World.Text(`select webhook_id || ' ' || event_id from platform.webhook_deliveries
			where delivered_at is null and given_up_at is null order by at, event_id`)) {
		ids := strings.Fields(strings.Trim(line, "()\"\n"))
		job := storage.WebhookDelivery{}
		if job.Webhook.UnmarshalText([]byte(ids[0])) != nil || job.Event.UnmarshalText([]byte(ids[1])) != nil {
			v.T.Fatalf("%q is no delivery", line)
		}
		if err := v.sender.Deliver(v.T.Context(), job); err != nil {
			failures = append(failures, err)
		}
	}
	return failures
}

// deliveries is what was sent to a receiver, the oldest first.
func (v *town) deliveries(w storage.Webhook) []storage.Delivery {
	v.T.Helper()
	page, err := v.dir.Deliveries(v.T.Context(), host, w.ID, directory.Paging{Limit: 100})
	if err != nil {
		v.T.Fatal(err)
	}
	slices.Reverse(page.Items)
	return page.Items
}

// heard is one request to a receiver.
type heard struct {
	header http.Header
	body   []byte
}

// said is the payload of a message.
func (h heard) said(t *testing.T) (m struct {
	Type      string
	Timestamp time.Time
	Data      struct {
		Object struct{ Kind, ID string }
		User   *string `json:"user_id"`
		Tenant *string `json:"tenant_id"`
		Actor  *string `json:"actor_id"`
	}
}) {
	t.Helper()
	if err := json.Unmarshal(h.body, &m); err != nil {
		t.Fatalf("%s: %v", h.body, err)
	}
	return m
}

// receiver answers with the statuses and bodies given, one after the other, and then
// with 204.
type receiver struct {
	URL string

	mu      sync.Mutex
	all     []heard
	answers []answer
}

type answer struct {
	status int
	body   string
}

func newReceiver(t *testing.T, answers ...answer) *receiver {
	r := &receiver{answers: answers}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all = append(r.all, heard{request.Header, body})
		a := answer{status: http.StatusNoContent}
		if len(r.answers) > 0 {
			a, r.answers = r.answers[0], r.answers[1:]
		}
		if a.status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	r.URL = s.URL + "/in"
	return r
}

// take is what was heard since it was last asked.
func (r *receiver) take() []heard {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// types is of what was heard, in order.
func types(t *testing.T, all []heard) []string {
	t.Helper()
	var types []string
	for _, one := range all {
		types = append(types, one.said(t).Type)
	}
	return types
}
