package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// The backchannel authentication endpoint, and the page where a person answers.
const (
	BackchannelAuthenticationPath = "/oauth2/bc-authorize"
	RequestsPath                  = "/account/requests"
)

const (
	maxBindingMessage    = 100  // characters
	maxNotificationToken = 1024 // OpenID CIBA Core 1.0 §7.1
	// A person is asked so often at most, by all clients together: each time is a letter.
	asksPerPerson = 5
	asksPeriod    = 10 * time.Minute
	// unknownPerMinute is how many people a client may name that it cannot ask.
	unknownPerMinute = 10
)

// BackchannelAuthentication is the backchannel authentication endpoint (OpenID CIBA
// Core 1.0 §7): a client asks, from a network address, for the sign-in of a person
// whom it names.
func (p *Provider) BackchannelAuthentication(w http.ResponseWriter, r *http.Request, from netip.Addr) {
	request, err := p.beginBackchannel(w, r, from)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	p.writeJSON(w, http.StatusOK, struct {
		AuthReqID string `json:"auth_req_id"`
		ExpiresIn int    `json:"expires_in"`
		Interval  int    `json:"interval"`
	}{p.authReqID(request.ID), int(request.ExpiresAt.Sub(request.RequestedAt) / time.Second), int(request.Interval / time.Second)})
}

func (p *Provider) beginBackchannel(w http.ResponseWriter, r *http.Request, from netip.Addr) (storage.BackchannelRequest, error) {
	var request storage.BackchannelRequest
	parameters, err := form(w, r)
	if err != nil {
		return request, err
	}
	ctx := r.Context()
	c, err := p.clientOf(ctx, r, parameters)
	if err != nil {
		return request, err
	}
	if !c.Allows(storage.GrantCIBA) || c.Public() {
		return request, badRequest("unauthorized_client", descriptions["unauthorized_client"])
	}
	if parameters, err = p.openBackchannelRequest(ctx, c.Client, parameters); err != nil {
		return request, err
	}
	if request, err = p.backchannelRequest(c, parameters); err != nil {
		return request, err
	}
	if err := p.encryptable(ctx, c.Client, request.Requested); err != nil {
		return request, err
	}
	if request.Details.Resources, err = p.targets(ctx, parameters, c.Tenant); err != nil {
		return request, err
	}
	request.IPAddress = from
	if request.User, err = p.hintedPerson(ctx, c, parameters); err != nil {
		return request, err
	}
	wait, err := p.Store.TakeToken(ctx, digest([]byte("asks for a sign-in\x00"+request.User.String())), asksPeriod, asksPerPerson, request.RequestedAt)
	if err != nil {
		return request, err
	}
	if wait > 0 {
		return request, &Error{Code: "temporarily_unavailable", Status: http.StatusTooManyRequests,
			Description: "This user was asked too often. Wait a few minutes, then try again."}
	}
	return request, p.Store.ForUser(request.User).InsertBackchannelRequest(ctx, request, storage.Mail{
		Letter: storage.LetterSignInRequest, Subject: c.Name, Until: request.ExpiresAt, At: request.RequestedAt, Address: from,
	})
}

// backchannelRequest reads everything but who is meant (OpenID CIBA Core 1.0 §7.1).
func (p *Provider) backchannelRequest(c client, parameters url.Values) (storage.BackchannelRequest, error) {
	now := p.Now()
	request := storage.BackchannelRequest{
		ID: authz.NewID[authz.GrantID](now), Client: c.ID, RequestedAt: now, ExpiresAt: now.Add(deviceCodeLifetime), Interval: pollInterval,
		BindingMessage: parameters.Get("binding_message"), Details: storage.GrantDetails{NotifyLogout: c.Metadata.BackChannelLogoutURI != ""},
	}
	if parameters.Has("authorization_details") {
		return request, errDetailsByCode
	}
	if !parameters.Has("scope") {
		return request, badRequest("invalid_request", "The parameter scope is missing.")
	}
	var err error
	if request.Requested, err = authz.ParseScopeSet(parameters.Get("scope")); err != nil || !request.Requested.Has(authz.ScopeOpenID) {
		return request, badRequest("invalid_scope", "The scope parameter is malformed or does not have openid in it.")
	}
	if c.Metadata.Profile != "" && request.BindingMessage == "" {
		// FAPI-CIBA §5.2.2: what the person agrees to must be tied to what they see.
		return request, badRequest("invalid_binding_message", "This client's requests need a binding_message.")
	}
	if !isBindingMessage(request.BindingMessage) {
		return request, badRequest("invalid_binding_message", "The binding_message is longer than 100 characters, or has other than plain text in it.")
	}
	if text := parameters.Get("requested_expiry"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil || seconds == 0 {
			return request, badRequest("invalid_request", "The requested_expiry is not a positive number of seconds.")
		}
		request.ExpiresAt = now.Add(min(deviceCodeLifetime, time.Duration(seconds)*time.Second))
	}
	if c.Metadata.BackChannelDelivery == "ping" {
		token := parameters.Get("client_notification_token")
		if !isBearerToken(token) || len(token) > maxNotificationToken {
			return request, badRequest("invalid_request", "The client_notification_token is missing, too long or no bearer token.")
		}
		request.NotificationToken = p.flows.sealBytes(notificationPurpose(request.ID), []byte(token))
	}
	return request, nil
}

func notificationPurpose(id authz.GrantID) string { return "client_notification_token " + id.String() }

// isBindingMessage: what a person can read and compare, and nothing that turns the
// direction of writing or hides among the letters.
func isBindingMessage(s string) bool {
	return utf8.RuneCountInString(s) <= maxBindingMessage && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// isBearerToken is the b64token of RFC 6750 §2.1.
func isBearerToken(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") == ""
}

// errUnknownPerson is OpenID CIBA Core 1.0 §13. Somebody who does not exist and somebody
// whom the client may not ask are answered alike, so that nobody's account can be found out.
var errUnknownPerson = badRequest("unknown_user_id", "The hint names nobody whom this client may ask.")

// hintedPerson finds who is meant by the one hint. A client that names too many whom
// it may not ask is stopped before any is looked up: it is trying out names.
func (p *Provider) hintedPerson(ctx context.Context, c client, parameters url.Values) (authz.UserID, error) {
	given := 0
	for _, name := range []string{"login_hint", "id_token_hint", "login_hint_token"} {
		if parameters.Has(name) {
			given++
		}
	}
	switch {
	case given != 1:
		return authz.UserID{}, badRequest("invalid_request", "Exactly one hint is needed: login_hint or id_token_hint.")
	case parameters.Has("login_hint_token"):
		return authz.UserID{}, badRequest("invalid_request", "The login_hint_token is not supported: use login_hint or id_token_hint.")
	}
	now := p.Now()
	key := [32]byte(digest([]byte("unknown people\x00" + string(c.ID))))
	tooMany := &Error{Code: "temporarily_unavailable", Status: http.StatusTooManyRequests, Description: "Too many requests for people whom this client may not ask. Wait a minute, then try again."}
	if p.guesses.isBlocked(key, now) {
		return authz.UserID{}, tooMany
	}
	user, err := p.hintedUser(ctx, c, parameters)
	if !errors.Is(err, errUnknownPerson) {
		return user, err
	}
	wait, counted := p.Store.TakeToken(ctx, key[:], time.Minute, unknownPerMinute, now)
	if counted != nil {
		return user, counted
	}
	if wait > 0 {
		p.guesses.block(key, now.Add(wait))
		return user, tooMany
	}
	return user, err
}

func (p *Provider) hintedUser(ctx context.Context, c client, parameters url.Values) (authz.UserID, error) {
	user, err := p.userOfHint(ctx, c, parameters)
	if err != nil {
		return user, err
	}
	person, err := p.Store.ForUser(user).Person(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return user, errUnknownPerson
	}
	if err != nil {
		return user, err
	}
	if person.DisabledAt.IsZero() {
		for _, tenant := range person.Tenants {
			if c.Admits(&person.Rights, authz.Context{Tenant: tenant.ID}) {
				return user, nil
			}
		}
	}
	return user, errUnknownPerson
}

func (p *Provider) userOfHint(ctx context.Context, c client, parameters url.Values) (authz.UserID, error) {
	if hint := parameters.Get("login_hint"); hint != "" {
		user, err := p.Store.UserByIdentifier(ctx, hint)
		if errors.Is(err, storage.ErrNotFound) {
			return user.ID, errUnknownPerson
		}
		return user.ID, err
	}
	claims, err := p.openIDToken(parameters.Get("id_token_hint"))
	if err != nil || claims.Audience != c.ID {
		return authz.UserID{}, badRequest("invalid_request", "The id_token_hint is not an ID token of this issuer for this client.")
	}
	user, err := authz.ParseID[authz.UserID](claims.Subject)
	if claims.HiddenUser != "" {
		user, err = p.subjects.reveal(claims.HiddenUser)
	}
	if err != nil {
		return user, badRequest("invalid_request", "The id_token_hint names nobody: use a newer one, or login_hint.")
	}
	return user, nil
}

// authReqID is gth_br_ + base64url(grant id ‖ HMAC of it): whoever has one was given
// it, and the call that tells of an answer can name it again.
func (p *Provider) authReqID(id authz.GrantID) string {
	return requestPrefix + base64.RawURLEncoding.EncodeToString(append(id[:], p.authReqMAC(id)...))
}

func (p *Provider) authReqMAC(id authz.GrantID) []byte {
	mac := hmac.New(sha256.New, p.authReqIDs)
	mac.Write(id[:])
	return mac.Sum(nil)
}

func (p *Provider) parseAuthReqID(s string) (authz.GrantID, error) {
	raw, err := decodeOpaque(s, requestPrefix, len(authz.GrantID{})+sha256.Size)
	if err != nil {
		return authz.GrantID{}, err
	}
	id := authz.GrantID(raw[:16])
	if !hmac.Equal(raw[16:], p.authReqMAC(id)) {
		return authz.GrantID{}, errMalformed
	}
	return id, nil
}
