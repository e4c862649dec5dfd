package account

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

const dataPage = "data"

// ShowData is GET /account/data.
func (p *Pages) ShowData(w http.ResponseWriter, r *http.Request) {
	if o := p.owner(w, r, dataPage); o != nil {
		p.showData(w, r, o, "", http.StatusOK)
	}
}

func (p *Pages) showData(w http.ResponseWriter, r *http.Request, o *owner, problem templates.DeleteProblem, status int) {
	layout, err := o.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.Show(w, r, templates.AccountData{
		Layout: layout, Username: o.in.Person.Username, Problem: problem, Again: o.again,
	}, browser.Sending{Status: status})
}

// export is what is kept about one person, secrets left out: the record, and what
// hangs on it.
type export struct {
	ExportedAt time.Time       `json:"exported_at"`
	User       exportUser      `json:"user"`
	Tenants    []exportTenant  `json:"tenants"`
	Sessions   []exportSession `json:"sessions"`
	Apps       []exportApp     `json:"apps"`
	Passkeys   []exportPasskey `json:"passkeys"`
	// Scopes are those held beyond role and groups.
	Scopes []exportScope `json:"scopes"`
	// Events are the latest that the user caused, the newest first.
	Events []exportEvent `json:"events"`
	// HasPassword and the two after it say what there is, not what it is.
	HasPassword        bool      `json:"has_password"`
	AuthenticatorAppAt time.Time `json:"authenticator_app_at,omitzero"`
	RecoveryCodesLeft  int       `json:"recovery_codes_left"`
}

type exportUser struct {
	ID              authz.UserID    `json:"id"`
	Username        string          `json:"username"`
	Name            string          `json:"name"`
	Email           string          `json:"email"`
	EmailVerifiedAt time.Time       `json:"email_verified_at,omitzero"`
	AvatarURL       string          `json:"avatar_url"`
	Role            authz.Role      `json:"role"`
	Language        string          `json:"language,omitempty"`
	LastLanguage    string          `json:"last_language,omitempty"`
	Phone           string          `json:"phone_number,omitempty"`
	PhoneVerified   bool            `json:"phone_number_verified,omitempty"`
	Address         storage.Address `json:"address,omitzero"`
	Groups          []string        `json:"groups"`
	CreatedAt       time.Time       `json:"created_at"`
	LastSignInAt    time.Time       `json:"last_sign_in_at,omitzero"`
	// DefaultProject is where sign-ins begin, in the tenant that is the default.
	DefaultProject authz.ProjectID `json:"default_project_id,omitzero"`
}

type exportTenant struct {
	ID      authz.TenantID `json:"id"`
	Name    string         `json:"name"`
	Default bool           `json:"default"`
}

type exportSession struct {
	ID         authz.SessionID `json:"id"`
	Tenant     authz.TenantID  `json:"tenant_id"`
	Project    authz.ProjectID `json:"project_id,omitzero"`
	Address    string          `json:"address"`
	UserAgent  string          `json:"user_agent"`
	SignedInAt time.Time       `json:"signed_in_at"`
	LastSeenAt time.Time       `json:"last_seen_at"`
	ExpiresAt  time.Time       `json:"expires_at"`
}

type exportApp struct {
	Client     authz.ClientID `json:"client_id"`
	Tenant     authz.TenantID `json:"tenant_id"`
	Scopes     []string       `json:"scopes"`
	GrantedAt  time.Time      `json:"granted_at"`
	LastUsedAt time.Time      `json:"last_used_at,omitzero"`
}

type exportScope struct {
	Scope  authz.Pattern  `json:"scope"`
	Tenant authz.TenantID `json:"tenant_id,omitzero"`
}

type exportEvent struct {
	At         time.Time `json:"at"`
	Action     string    `json:"action"`
	ObjectKind string    `json:"object_kind"`
	ObjectID   string    `json:"object_id"`
	Address    string    `json:"address,omitzero"`
}

type exportPasskey struct {
	Name       string    `json:"name"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// Export is POST /account/data/export: one file.
func (p *Pages) Export(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, dataPage)
	if o == nil {
		return
	}
	all, err := p.export(r.Context(), o)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="gatehouse-account.json"`)
	h.Set("Cache-Control", "no-store")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(all)
}

func (p *Pages) export(ctx context.Context, o *owner) (*export, error) {
	u := o.in.Person
	all := &export{
		ExportedAt: p.Now().UTC(), HasPassword: o.have.Password, RecoveryCodesLeft: o.have.RecoveryCodes,
		User: exportUser{
			ID: u.ID, Username: u.Username, Name: u.DisplayName, Email: u.Email, EmailVerifiedAt: u.EmailVerifiedAt, AvatarURL: u.AvatarURL,
			Role: u.Role, Language: u.Language, LastLanguage: u.LastLanguage, Phone: u.Phone, PhoneVerified: u.PhoneVerified, Address: u.Address, CreatedAt: u.CreatedAt, LastSignInAt: u.LastLoginAt, DefaultProject: u.Preferences.Project,
		},
	}
	for _, g := range u.Rights.Groups {
		all.User.Groups = append(all.User.Groups, g.Name)
	}
	for _, t := range u.Tenants {
		all.Tenants = append(all.Tenants, exportTenant{ID: t.ID, Name: t.Name, Default: t.ID == u.Preferences.Tenant})
	}
	sessions, err := o.own.Sessions(ctx, p.Now())
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		all.Sessions = append(all.Sessions, exportSession{
			ID: s.ID, Tenant: s.Tenant, Project: s.Project, Address: s.IPAddress.String(), UserAgent: s.UserAgent, SignedInAt: s.AuthTime, LastSeenAt: s.LastSeenAt, ExpiresAt: s.ExpiresAt,
		})
	}
	consents, err := o.own.Consents(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range consents {
		all.Apps = append(all.Apps, exportApp{Client: c.Client, Tenant: c.Tenant, Scopes: c.Scopes.Strings(), GrantedAt: c.GrantedAt, LastUsedAt: c.LastUsedAt})
	}
	for _, x := range u.Rights.Extra {
		all.Scopes = append(all.Scopes, exportScope{Scope: x.Scope, Tenant: x.Tenant})
	}
	events, err := o.own.Events(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		event := exportEvent{At: e.At, Action: e.Action, ObjectKind: e.ObjectKind, ObjectID: e.ObjectID}
		if e.IPAddress.IsValid() {
			event.Address = e.IPAddress.String()
		}
		all.Events = append(all.Events, event)
	}
	for _, k := range o.have.Passkeys {
		all.Passkeys = append(all.Passkeys, exportPasskey{Name: k.Name, CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt})
	}
	if o.have.TOTP != nil {
		all.AuthenticatorAppAt = o.have.TOTP.CreatedAt
	}
	return all, nil
}

// Delete is POST /account/data/delete. The user name that was typed keeps a slip of
// the hand from being final.
func (p *Pages) Delete(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, dataPage)
	if o == nil {
		return
	}
	if r.PostFormValue("confirm") != o.in.Person.Username {
		p.showData(w, r, o, templates.DeleteUnconfirmed, http.StatusBadRequest)
		return
	}
	err := p.Directory.DeleteOwnAccount(r.Context(), actor(r, o.in))
	switch {
	case errors.Is(err, postgres.ErrLastOwner):
		p.showData(w, r, o, templates.DeleteLastOwner, http.StatusConflict)
	case err != nil:
		p.Fail(w, r, err)
	default:
		browser.SeeOther(w, "/")
	}
}
