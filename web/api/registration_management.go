package api

import (
	"encoding/json"
	"net/http"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/browser"
)

// registrationUpdate is a PUT (RFC 7592 §2.2): all of the metadata, the client's name for
// itself, and none of what is ours to say.
type registrationUpdate struct {
	ClientID        authz.ClientID  `json:"client_id"`
	ClientSecret    *string         `json:"client_secret"`
	SecretExpiresAt json.RawMessage `json:"client_secret_expires_at"`
	IssuedAt        json.RawMessage `json:"client_id_issued_at"`
	AccessToken     json.RawMessage `json:"registration_access_token"`
	ClientURI       json.RawMessage `json:"registration_client_uri"`
	metadata
}

// Registered is the client configuration endpoint (RFC 7592): who holds the registration
// access token of a client reads, replaces or deletes its registration. The token stays
// the same for the client's life, so a lost answer locks nobody out.
func (a *API) Registered(w http.ResponseWriter, r *http.Request) {
	id, from := authz.ClientID(r.PathValue("client")), browser.AddressFrom(r.Context())
	access, _ := bearer(r)
	c, err := a.registrar.Client(r.Context(), id, access)
	if err == nil {
		switch r.Method {
		case http.MethodPut:
			c, err = a.replaceRegistration(w, r, c, access)
		case http.MethodDelete:
			if err = a.registrar.Delete(r.Context(), id, access, from); err == nil {
				w.Header().Set("Cache-Control", "no-store")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
	}
	if err != nil {
		a.refuseToRegister(w, r, err)
		return
	}
	writeRegistration(w, http.StatusOK, a.registered(c, directory.Secret{}, access))
}

func (a *API) replaceRegistration(w http.ResponseWriter, r *http.Request, c storage.Client, access string) (storage.Client, error) {
	var in registrationUpdate
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMetadata)).Decode(&in); err != nil {
		return c, &directory.InvalidError{Field: "the body", Problem: "is not a JSON object of at most 64 KiB"}
	}
	switch {
	case in.ClientID != c.ID:
		return c, &directory.InvalidError{Field: "client_id", Problem: "must be there, and be the one in the address"}
	case in.ClientSecret != nil && !a.registrar.SecretFits(c, *in.ClientSecret):
		return c, &directory.InvalidError{Field: "client_secret", Problem: "is not the current one"}
	case in.SecretExpiresAt != nil || in.IssuedAt != nil || in.AccessToken != nil || in.ClientURI != nil:
		return c, &directory.InvalidError{Field: "client_secret_expires_at, client_id_issued_at, registration_access_token or registration_client_uri", Problem: "must not be sent (RFC 7592 §2.2)"}
	}
	n, err := a.described(r.Context(), in.metadata, c.Tenant, c.Metadata.SoftwareStatement)
	if err != nil {
		return c, err
	}
	return a.registrar.Update(r.Context(), c.ID, access, browser.AddressFrom(r.Context()), n)
}
