package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// BackchannelQuestion is what the page asks about a client that wants a sign-in.
type BackchannelQuestion struct {
	// Flow is the question, sealed: the answer holds for nothing else.
	Flow           string
	Client         storage.Client
	BindingMessage string
	Address        netip.Addr
	RequestedAt    time.Time
	Tenant         storage.Tenant
	Scopes         []storage.ScopeInfo
	Dropped        []authz.Outcome
}

// BackchannelQuestions is everything that waits for the answer of whoever is signed
// in. What they may not grant, in the tenant that they are in, is left out.
func (p *Provider) BackchannelQuestions(ctx context.Context, b Browser, in *postgres.SignedIn) ([]BackchannelQuestion, error) {
	waiting, err := p.Store.ForUser(in.Person.ID).BackchannelRequests(ctx, p.Now())
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	var questions []BackchannelQuestion
	for _, r := range waiting {
		a, err := p.weighRequest(ctx, r, in)
		if err != nil && translate(err).Status < http.StatusInternalServerError {
			continue
		}
		if err != nil {
			return nil, err
		}
		sealed, err := p.flows.seal(toRequest, flow{
			ID: r.ID, RequestedAt: p.Now(), Browser: digest([]byte(b.ID)),
			Approved: &approval{Session: in.Session.ID, Tenant: a.tenant.ID, Scopes: a.decision.Granted},
		})
		if err != nil {
			return nil, err
		}
		questions = append(questions, BackchannelQuestion{
			Flow: sealed, Client: *a.client.Client, BindingMessage: r.BindingMessage, Address: r.IPAddress, RequestedAt: r.RequestedAt,
			Tenant: a.tenant, Scopes: described(catalogue, a.decision.Granted), Dropped: a.decision.Dropped(),
		})
	}
	return questions, nil
}

// weighRequest derives what this person may give to the client that asks.
func (p *Provider) weighRequest(ctx context.Context, r storage.BackchannelRequest, in *postgres.SignedIn) (*authorization, error) {
	c, err := p.activeClient(ctx, string(r.Client))
	if err != nil {
		return nil, err
	}
	a := &authorization{client: c, requested: r.Requested, targets: r.Details.Resources, in: in}
	return a, p.decide(ctx, a)
}

// AnswerBackchannel takes the person's answer to a [BackchannelQuestion], and tells
// whose question it was. The answer holds only for what the page showed, in the
// browser that it was shown in, by the one who was signed in then. Its error is
// [storage.ErrNotFound] or [storage.ErrConsumed] for what waits no longer.
func (p *Provider) AnswerBackchannel(ctx context.Context, b Browser, in *postgres.SignedIn, sealed string, accepted bool) (storage.Client, error) {
	f, err := p.flows.open(toRequest, sealed, b.ID, p.Now())
	if err != nil {
		return storage.Client{}, badRequest("invalid_request", elsewhere)
	}
	r, err := p.Store.BackchannelRequest(ctx, f.ID)
	if err != nil {
		return storage.Client{}, err
	}
	if r.User != in.Person.ID {
		return storage.Client{}, badRequest("invalid_request", elsewhere)
	}
	a, err := p.weighRequest(ctx, r, in)
	if err != nil {
		return storage.Client{}, err
	}
	a.flow = f
	if !a.approvedNow() {
		return storage.Client{}, badRequest("invalid_request", elsewhere)
	}
	own := p.Store.ForUser(in.Person.ID)
	if !accepted {
		return *a.client.Client, own.DenyBackchannelRequest(ctx, r.ID, p.Now())
	}
	grant, session, err := p.answeredGrant(ctx, a, r.ID, r.Details, r.IPAddress, r.RequestedAt)
	if err != nil {
		return storage.Client{}, err
	}
	return *a.client.Client, own.ApproveBackchannelRequest(ctx, in.Session.TokenJTI, grant, session)
}

// SendBackchannelPing tells a client that the person has answered (OpenID CIBA Core
// 1.0 §10.2). An error means that it was not told and should be, later; a client that
// is gone, or has asked by itself in the meantime, is none.
func (p *Provider) SendBackchannelPing(ctx context.Context, n storage.BackchannelNotice) error {
	r, err := p.Store.BackchannelRequest(ctx, n.Request)
	if err != nil {
		return ignoreNotFound(err)
	}
	if !p.Now().Before(r.ExpiresAt) {
		return nil
	}
	c, err := p.Store.Client(ctx, r.Client)
	if err != nil {
		return ignoreNotFound(err)
	}
	if c.Metadata.BackChannelNotificationURI == "" || !c.Active(p.Now()) {
		return nil
	}
	token, err := p.flows.openBytes(notificationPurpose(r.ID), r.NotificationToken)
	if err != nil {
		return fmt.Errorf("open client notification token: %w", err)
	}
	body, err := json.Marshal(map[string]string{"auth_req_id": p.authReqID(r.ID)})
	if err != nil {
		return fmt.Errorf("encode notification: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + string(token)}}
	answer, err := p.Outbound.Post(ctx, c.Metadata.BackChannelNotificationURI, header, body)
	if err != nil {
		return fmt.Errorf("tell client %s of an answer: %w", c.ID, err)
	}
	// §10.2: 204 is the answer, 200 is taken too; what points elsewhere is not followed.
	if answer.Status != http.StatusNoContent && answer.Status != http.StatusOK {
		return fmt.Errorf("tell client %s of an answer: it answered with status %d", c.ID, answer.Status)
	}
	return nil
}

// loadRequest asks what has become of a request, which counts as a poll, and reads the
// grant once the person has said yes.
func (u *unit) loadRequest(ctx context.Context, c client, raw string) (*postgres.Granted, error) {
	unknown := badRequest("invalid_grant", "The auth_req_id is unknown, was used before, or belongs to another client.")
	id, err := u.provider.parseAuthReqID(raw)
	if err != nil {
		return nil, unknown
	}
	poll, err := u.provider.Store.PollBackchannelRequest(ctx, id, c.ID, u.now, pollJitter, pollPenalty)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	return u.loadAnswered(ctx, id, poll, unknown)
}

func (u *unit) flushRequest(ctx context.Context) error {
	var hash []byte
	if u.firstToken != nil {
		hash = digest(u.firstToken.secret)
	}
	err := u.provider.Store.RedeemBackchannelRequest(ctx, u.loaded.Grant.ID, hash, u.boundDetails(), u.now)
	if errors.Is(err, storage.ErrConsumed) {
		return badRequest("invalid_grant", "The auth_req_id was used before.")
	}
	return err
}
