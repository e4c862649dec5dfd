package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/browser"
)

// maxMetadata bounds a registration, in bytes.
const maxMetadata = 64 << 10

// registeredPerHour is how many clients one address may register openly.
const registeredPerHour = 20

// Register is the client registration endpoint (RFC 7591). It lets in an administrator
// by an access token with the scope admin; whoever holds an initial access token, unless
// registration is off; and anybody, where it is open.
func (a *API) Register(w http.ResponseWriter, r *http.Request) {
	token, given := bearer(r)
	switch {
	case strings.HasPrefix(token, directory.InitialAccessPrefix):
		by, err := directory.Admission{}, storage.ErrNotFound
		if a.Registration.TakesTokens() {
			by, err = a.registrar.ByToken(r.Context(), token, browser.AddressFrom(r.Context()))
		}
		if err != nil {
			a.refuseToRegister(w, r, err)
			return
		}
		a.admit(w, r, by)
	case !given && a.Registration == oidc.RegistrationOpen:
		wait, err := a.Store.TakeToken(r.Context(), registrations(r), time.Hour, registeredPerHour, a.Now())
		switch {
		case err != nil:
			a.refuseToRegister(w, r, err)
		case wait > 0:
			w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
			refuseRegistration(w, http.StatusTooManyRequests, "temporarily_unavailable", "Too many clients were registered from this address. Try again later.")
		default:
			a.admit(w, r, a.registrar.Openly(browser.AddressFrom(r.Context()), a.UnusedClients))
		}
	default:
		a.guard.RequireScopes(authz.ScopeAdmin)(http.HandlerFunc(a.registerFor)).ServeHTTP(w, r)
	}
}

// registrations counts those of one address.
func registrations(r *http.Request) []byte {
	key := sha256.Sum256([]byte("registrations\x00" + authn.AddressGroup(browser.AddressFrom(r.Context()))))
	return key[:]
}

// bearer is the token of the Authorization header, and whether there is such a header.
func bearer(r *http.Request) (token string, given bool) {
	header, given := r.Header["Authorization"]
	if len(header) != 1 {
		return "", given
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return token, true
}

// admit registers a client that vouches for itself, within a policy.
func (a *API) admit(w http.ResponseWriter, r *http.Request, by directory.Admission) {
	n, ok := a.readRegistration(w, r, by.Tenant)
	if !ok {
		return
	}
	c, secret, access, err := a.registrar.Register(r.Context(), by, n)
	if err != nil {
		a.refuseToRegister(w, r, err)
		return
	}
	writeRegistration(w, http.StatusCreated, a.registered(c, secret, access.Reveal()))
}

// registerFor registers a client in the name of an administrator: none gets a scope that
// they lack.
func (a *API) registerFor(w http.ResponseWriter, r *http.Request) {
	tenant := resource.PrincipalFrom(r.Context()).Tenant
	n, ok := a.readRegistration(w, r, tenant)
	if !ok {
		return
	}
	actor, err := a.actor(r.Context())
	if err != nil {
		a.refuseToRegister(w, r, err)
		return
	}
	n.Tenant, n.AllTenants = tenant.String(), tenant.IsZero()
	if n.Scopes == nil {
		n.Scopes = []authz.Pattern{"openid", "profile", "email", "offline_access"}
	}
	c, secret, access, err := a.registrar.RegisterFor(r.Context(), actor, n)
	if err != nil {
		a.refuseToRegister(w, r, err)
		return
	}
	writeRegistration(w, http.StatusCreated, a.registered(c, secret, access.Reveal()))
}

// readRegistration reads what a client says of itself. Where that is of no use it has
// answered, and ok is false.
func (a *API) readRegistration(w http.ResponseWriter, r *http.Request, tenant authz.TenantID) (n directory.CreateClient, ok bool) {
	var m metadata
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMetadata)).Decode(&m); err != nil {
		refuseRegistration(w, http.StatusBadRequest, "invalid_client_metadata", "The body is not a JSON object of at most 64 KiB.")
		return n, false
	}
	n, err := a.described(r.Context(), m, tenant, "")
	if err != nil {
		a.refuseToRegister(w, r, err)
		return n, false
	}
	return n, true
}

// described is the client that the metadata describes. What a software statement says
// outranks what the client says beside it (RFC 7591 §2.3); taken is the one that was taken before,
// "" for none.
func (a *API) described(ctx context.Context, m metadata, tenant authz.TenantID, taken string) (directory.CreateClient, error) {
	if statement := m.SoftwareStatement; statement != "" {
		claims, err := a.Statements.SoftwareStatement(ctx, tenant, statement, statement == taken)
		if err != nil {
			return directory.CreateClient{}, err
		}
		if err := json.Unmarshal(claims, &m); err != nil {
			return directory.CreateClient{}, &directory.InvalidError{Field: softwareStatement, Problem: "says what cannot be read as metadata"}
		}
		m.SoftwareStatement = statement
	}
	if a.LegacyResponseTypes {
		// Whoever wants ID tokens from the authorization endpoint says implicit too (OpenID
		// Connect Dynamic Client Registration §2). The response type says all of it.
		m.GrantTypes = slices.DeleteFunc(m.GrantTypes, func(t string) bool { return t == "implicit" })
	}
	n, err := m.client()
	if err != nil {
		return n, err
	}
	if !a.LegacyResponseTypes && slices.ContainsFunc(m.ResponseTypes, func(t string) bool { return t != storage.ResponseCode }) {
		return n, &directory.InvalidError{Field: "response_types", Problem: "may hold code alone"}
	}
	return n, a.checkSector(ctx, n.Metadata, n.RedirectURIs)
}

// softwareStatement is the member of the metadata whose errors have a code of their own.
const softwareStatement = "software_statement"

// refuseToRegister translates the directory's refusals (RFC 7591 §3.2.2).
func (a *API) refuseToRegister(w http.ResponseWriter, r *http.Request, err error) {
	var wrong *directory.InvalidError
	var refused *oidc.Error
	switch {
	case errors.As(err, &refused):
		refuseRegistration(w, refused.Status, refused.Code, refused.Description)
	case errors.As(err, &wrong) && wrong.Field == softwareStatement:
		refuseRegistration(w, http.StatusBadRequest, "invalid_software_statement", "The software_statement "+wrong.Problem+".")
	case errors.As(err, &wrong) && strings.HasSuffix(wrong.Field, "redirect_uri"):
		refuseRegistration(w, http.StatusBadRequest, "invalid_redirect_uri", "A redirect URI cannot be had: https, or http on localhost, exact and without fragment, and of a host that is allowed.")
	case errors.As(err, &wrong):
		refuseRegistration(w, http.StatusBadRequest, "invalid_client_metadata", "The value of "+wrong.Field+" cannot be had.")
	case errors.Is(err, storage.ErrNotFound):
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse", error="invalid_token"`)
		refuseRegistration(w, http.StatusUnauthorized, "invalid_token", "The token is unknown, expired, used up or revoked, or it is that of another client.")
	case errors.Is(err, directory.ErrForbidden):
		refuseRegistration(w, http.StatusForbidden, "access_denied", "The token does not reach that far: it must hold each scope that the client is to have.")
	case errors.Is(err, storage.ErrUnavailable):
		w.Header().Set("Retry-After", "2")
		refuseRegistration(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The server cannot answer at this moment. Try again shortly.")
	default:
		a.Log.ErrorContext(r.Context(), "registration failed", "error", err)
		refuseRegistration(w, http.StatusInternalServerError, "server_error", "Something went wrong on the server.")
	}
}

func refuseRegistration(w http.ResponseWriter, status int, code, description string) {
	writeRegistration(w, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, description})
}

func writeRegistration(w http.ResponseWriter, status int, document any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}
