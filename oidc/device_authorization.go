package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// The device authorization endpoint, and the page where a person types the code.
const (
	DeviceAuthorizationPath = "/oauth2/device_authorization"
	DevicePath              = "/device"
)

const (
	deviceCodeLifetime = 10 * time.Minute
	pollInterval       = 5 * time.Second
	// pollPenalty is what a hasty poll adds to the interval (RFC 8628 §3.5).
	pollPenalty = 5 * time.Second
	// pollJitter: the network brings two polls closer together than they were sent.
	pollJitter = 500 * time.Millisecond
)

// DeviceAuthorization is the device authorization endpoint (RFC 8628 §3.1): a
// device without a browser asks, from a network address, for a sign-in on another
// one.
func (p *Provider) DeviceAuthorization(w http.ResponseWriter, r *http.Request, from netip.Addr) {
	code, userCode, err := p.beginDevice(w, r, from)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	shown := showUserCode(userCode)
	p.writeJSON(w, http.StatusOK, struct {
		DeviceCode              string `json:"device_code"`
		UserCode                string `json:"user_code"`
		VerificationURI         string `json:"verification_uri"`
		VerificationURIComplete string `json:"verification_uri_complete"`
		ExpiresIn               int    `json:"expires_in"`
		Interval                int    `json:"interval"`
	}{
		code.encode(), shown, p.endpoint(DevicePath), p.endpoint(DevicePath) + "?user_code=" + shown,
		int(deviceCodeLifetime / time.Second), int(pollInterval / time.Second),
	})
}

func (p *Provider) beginDevice(w http.ResponseWriter, r *http.Request, from netip.Addr) (code deviceCode, userCode string, err error) {
	parameters, err := form(w, r)
	if err != nil {
		return code, "", err
	}
	c, err := p.clientOf(r.Context(), r, parameters)
	if err != nil {
		return code, "", err
	}
	if !c.Allows(storage.GrantDeviceCode) {
		return code, "", badRequest("unauthorized_client", descriptions["unauthorized_client"])
	}
	if err := p.admit(r.Context(), c.Client, from); err != nil {
		return code, "", err
	}
	if parameters.Has("authorization_details") {
		return code, "", errDetailsByCode
	}
	requested, err := authz.ParseScopeSet(parameters.Get("scope"))
	if err != nil {
		return code, "", badRequest("invalid_scope", "The scope parameter is malformed.")
	}
	if len(requested) == 0 {
		requested = authz.Literal(c.Scopes)
	}
	if err := p.encryptable(r.Context(), c.Client, requested); err != nil {
		return code, "", err
	}
	targets, err := p.targets(r.Context(), parameters, c.Tenant)
	if err != nil {
		return code, "", err
	}
	now := p.Now()
	code = deviceCode{grant: authz.NewID[authz.GrantID](now), secret: newSecret()}
	// A code that is in use is one in 26 thousand million: once more is enough.
	for range 2 {
		userCode = newUserCode()
		err = p.Store.InsertDeviceCode(r.Context(), storage.DeviceCode{
			ID: code.grant, Hash: digest(code.secret), UserCode: userCode, Client: c.ID, Requested: requested, Details: storage.GrantDetails{Resources: targets}, IPAddress: from,
			RequestedAt: now, ExpiresAt: now.Add(deviceCodeLifetime), Interval: pollInterval,
		})
		if !errors.Is(err, storage.ErrConflict) {
			break
		}
	}
	return code, userCode, err
}

// DeviceQuestion is what the page asks about a device.
type DeviceQuestion struct {
	// Flow is the question, sealed: the answer holds for nothing else.
	Flow string
	// UserCode is as the device shows it.
	UserCode    string
	Client      storage.Client
	Address     netip.Addr
	RequestedAt time.Time
	Person      storage.Person
	Tenant      storage.Tenant
	Scopes      []storage.ScopeInfo
	Dropped     []authz.Outcome
}

// Device finds what stands behind a code that a person typed. Its error is
// [storage.ErrNotFound] for a code that is unknown, expired or was answered.
func (p *Provider) Device(ctx context.Context, b Browser, in *postgres.SignedIn, typed string) (*DeviceQuestion, error) {
	userCode, ok := foldUserCode(typed)
	if !ok {
		return nil, storage.ErrNotFound
	}
	d, a, err := p.deviceRequest(ctx, in, userCode)
	if err != nil {
		return nil, err
	}
	catalogue, err := p.Store.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	sealed, err := p.flows.seal(toDevice, flow{
		ID: d.ID, Parameters: url.Values{"user_code": {userCode}}, RequestedAt: p.Now(), Browser: digest([]byte(b.ID)),
		Approved: &approval{Session: in.Session.ID, Tenant: a.tenant.ID, Scopes: a.decision.Granted},
	})
	if err != nil {
		return nil, err
	}
	return &DeviceQuestion{
		Flow: sealed, UserCode: showUserCode(userCode), Client: *a.client.Client, Address: d.IPAddress, RequestedAt: d.RequestedAt,
		Person: in.Person, Tenant: a.tenant, Scopes: described(catalogue, a.decision.Granted), Dropped: a.decision.Dropped(),
	}, nil
}

// deviceRequest reads what a device asks for and derives what this person may give.
func (p *Provider) deviceRequest(ctx context.Context, in *postgres.SignedIn, userCode string) (storage.DeviceCode, *authorization, error) {
	d, err := p.Store.DeviceCode(ctx, userCode, p.Now())
	if err != nil {
		return d, nil, err
	}
	c, err := p.activeClient(ctx, string(d.Client))
	if err != nil {
		return d, nil, err
	}
	a := &authorization{client: c, requested: d.Requested, targets: d.Details.Resources, in: in}
	return d, a, p.decide(ctx, a)
}

// AnswerDevice takes the person's answer to a [DeviceQuestion], and tells whose
// device it was about. The answer holds only for what the page showed, in the
// browser that it was shown in, by the one who was signed in then.
func (p *Provider) AnswerDevice(ctx context.Context, b Browser, in *postgres.SignedIn, sealed string, accepted bool) (storage.Client, error) {
	f, err := p.flows.open(toDevice, sealed, b.ID, p.Now())
	if err != nil {
		return storage.Client{}, badRequest("invalid_request", elsewhere)
	}
	d, a, err := p.deviceRequest(ctx, in, f.Parameters.Get("user_code"))
	if err != nil {
		return storage.Client{}, err
	}
	a.flow = f
	// An authorization request has an id of our making too, which no device has.
	if d.ID != f.ID || !a.approvedNow() {
		return storage.Client{}, badRequest("invalid_request", elsewhere)
	}
	if !accepted {
		return *a.client.Client, p.Store.DenyDeviceCode(ctx, d.ID, p.Now())
	}
	grant, session, err := p.answeredGrant(ctx, a, d.ID, d.Details, d.IPAddress, d.RequestedAt)
	if err != nil {
		return storage.Client{}, err
	}
	return *a.client.Client, p.Store.ForUser(in.Person.ID).ApproveDeviceCode(ctx, in.Session.TokenJTI, grant, session)
}

// answeredGrant is the grant of what a person approved for a device or a client
// elsewhere, and a session of its own: it outlives the browser that said yes, and the
// person can end it alone. It has no secret, so it signs no browser in, and it ends
// with the grant.
func (p *Provider) answeredGrant(ctx context.Context, a *authorization, id authz.GrantID, details storage.GrantDetails, from netip.Addr, requestedAt time.Time) (storage.Grant, storage.Session, error) {
	if err := p.keepClient(ctx, a.client.Client); err != nil {
		return storage.Grant{}, storage.Session{}, err
	}
	now, by := p.Now(), a.in.Session
	audience, err := p.audience(ctx, a.tenant.ID, a.decision.Granted, a.targets, nil)
	if err != nil {
		return storage.Grant{}, storage.Session{}, err
	}
	lifetime := p.Lifetimes.AccessToken
	if a.decision.Granted.Has(authz.ScopeOfflineAccess) && a.client.Allows(storage.GrantRefreshToken) {
		lifetime = p.Lifetimes.RefreshAbsolute
	}
	session := storage.Session{
		ID: authz.NewID[authz.SessionID](now), TokenJTI: authz.NewID[authz.SessionID](now), Tenant: a.tenant.ID,
		SecretHash: []byte{}, CreatedAt: now, ExpiresAt: now.Add(lifetime), IdleLifetime: lifetime,
		IPAddress: from, UserAgent: a.client.Name, AuthTime: by.AuthTime, ACR: by.ACR, AMR: by.AMR,
	}
	if a.tenant.ID == by.Tenant {
		session.Project = by.Project
	}
	return storage.Grant{
		ID: id, User: a.in.Person.ID, SID: session.TokenJTI, Client: a.client.ID, Tenant: a.tenant.ID, Project: session.Project,
		Requested: a.requested, Scopes: a.decision.Granted, Audience: audience, Details: details, AuthTime: by.AuthTime, ACR: by.ACR, AMR: by.AMR,
		// No authorization code leads to this grant: it counts as used, and no secret fits.
		RequestedAt: requestedAt, IssuedAt: now, CodeHash: []byte{}, CodeUsedAt: now,
	}, session, nil
}
