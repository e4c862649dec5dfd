package api

import (
	"context"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on initial access tokens.
var (
	ListRegistrationTokens  = Operation[RegistrationTokenFilter, List[RegistrationToken]]{"GET", "/registration-tokens", "listRegistrationTokens", "List the tokens with which clients may register themselves", 200, operator}
	CreateRegistrationToken = Operation[NewRegistrationToken, IssuedRegistrationToken]{"POST", "/registration-tokens", "createRegistrationToken", "Make a token with which clients may register themselves; it is shown this once", 201, operator}
	RevokeRegistrationToken = Operation[RegistrationTokenPath, Outcome]{"POST", "/registration-tokens/{token}/revoke", "revokeRegistrationToken", "Let no more clients register with a token", 200, operator}
)

func (a *API) registrationTokenRoutes() {
	add(a, ListRegistrationTokens, a.listRegistrationTokens)
	add(a, CreateRegistrationToken, a.createRegistrationToken)
	add(a, RevokeRegistrationToken, a.revokeRegistrationToken)
}

// RegistrationToken is an initial access token (RFC 7591 §1.2), without its text.
type RegistrationToken struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	TenantID      *string    `json:"tenant_id" table:"-" doc:"Where its clients belong; null for the whole deployment"`
	UsesLeft      int        `json:"uses_left" doc:"How many clients it lets in still"`
	GrantTypes    []string   `json:"grant_types" nullable:"false" table:"-"`
	Scopes        []string   `json:"scopes" nullable:"false" doc:"What its clients may ask for at most"`
	RedirectHosts []string   `json:"redirect_hosts" nullable:"false" table:"-" doc:"Where its clients may send people; none for anywhere"`
	OpenTo        string     `json:"open_to" table:"-" enum:"nobody,tenant,everyone" doc:"Who may sign in through its clients from the first moment on"`
	Statement     bool       `json:"software_statement" table:"-" doc:"Whether its clients need a software statement (RFC 7591 §2.3)"`
	ClientSeconds int        `json:"client_seconds" table:"-" doc:"How long its clients work; 0 for good"`
	CreatedAt     *time.Time `json:"created_at" nullable:"false"`
	ExpiresAt     *time.Time `json:"expires_at" nullable:"false"`
	RevokedAt     *time.Time `json:"revoked_at" doc:"null while it has not been revoked"`
}

// IssuedRegistrationToken is an initial access token that was just made.
type IssuedRegistrationToken struct {
	RegistrationToken
	Token string `json:"token" doc:"Shown this once"`
}

func describeRegistrationToken(r storage.RegistrationToken) RegistrationToken {
	return RegistrationToken{
		ID: r.ID.String(), Name: r.Name, TenantID: optional(r.Tenant.String()), UsesLeft: r.UsesLeft, GrantTypes: texts(r.Policy.GrantTypes), Scopes: texts(r.Policy.Scopes),
		RedirectHosts: texts(r.Policy.RedirectHosts), OpenTo: string(r.Policy.OpenTo), Statement: r.Policy.SoftwareStatement, ClientSeconds: r.Policy.ClientSeconds,
		CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt), RevokedAt: instant(r.RevokedAt),
	}
}

// RegistrationTokenFilter asks for some of the initial access tokens.
type RegistrationTokenFilter struct {
	Tenant string `query:"tenant" maxLength:"64" doc:"Only those for clients of this tenant, by id or slug"`
	Paging
}

func (a *API) listRegistrationTokens(ctx context.Context, actor directory.Actor, in *RegistrationTokenFilter) (List[RegistrationToken], error) {
	paging, err := a.paging(in.Paging)
	if err != nil {
		return List[RegistrationToken]{}, err
	}
	page, err := a.Directory.RegistrationTokens(ctx, actor, in.Tenant, paging)
	return listOf(a, page, describeRegistrationToken), err
}

// NewRegistrationToken is an initial access token to be made.
type NewRegistrationToken struct {
	Once
	Body struct {
		Name          string   `json:"name" minLength:"1" maxLength:"200" doc:"Whom it is for"`
		Tenant        string   `json:"tenant,omitempty" maxLength:"64" doc:"Where its clients belong, by id or slug; the first tenant when left out"`
		AllTenants    bool     `json:"all_tenants,omitempty" doc:"Its clients are of the whole deployment instead"`
		Uses          int      `json:"uses,omitempty" minimum:"0" maximum:"10000" doc:"How many clients it lets in; 1 when left out"`
		Lifetime      int      `json:"lifetime_seconds,omitempty" minimum:"0" maximum:"31622400" doc:"How long it may be used; a day when left out"`
		GrantTypes    []string `json:"grant_types,omitempty" maxItems:"8" doc:"authorization_code and refresh_token when left out"`
		Scopes        []string `json:"scopes,omitempty" maxItems:"64" doc:"What its clients may ask for at most; openid, profile, email and offline_access when left out. You can give only what you hold"`
		RedirectHosts []string `json:"redirect_hosts,omitempty" maxItems:"64" doc:"Where its clients may send people, each host with those below it; anywhere when left out"`
		OpenTo        string   `json:"open_to,omitempty" enum:"nobody,tenant,everyone" doc:"Who may sign in through its clients from the first moment on; nobody when left out"`
		Statement     bool     `json:"software_statement,omitempty" doc:"Let in only clients with a software statement of an issuer that is trusted with software (RFC 7591 §2.3)"`
		ClientSeconds int      `json:"client_seconds,omitempty" minimum:"0" maximum:"315576000" doc:"How long its clients work; for good when left out"`
	}
}

func (a *API) createRegistrationToken(ctx context.Context, actor directory.Actor, in *NewRegistrationToken) (IssuedRegistrationToken, error) {
	b := in.Body
	n := directory.CreateRegistrationToken{
		Name: b.Name, Tenant: b.Tenant, AllTenants: b.AllTenants, Uses: 1, Lifetime: 24 * time.Hour,
		Policy: storage.RegistrationPolicy{GrantTypes: b.GrantTypes, RedirectHosts: b.RedirectHosts, OpenTo: storage.OpenTo(b.OpenTo), SoftwareStatement: b.Statement, ClientSeconds: b.ClientSeconds},
	}
	if b.Uses > 0 {
		n.Uses = b.Uses
	}
	if b.Lifetime > 0 {
		n.Lifetime = time.Duration(b.Lifetime) * time.Second
	}
	var err error
	if n.Policy.Scopes, err = patterns(b.Scopes); err != nil {
		return IssuedRegistrationToken{}, err
	}
	r, token, err := a.Directory.CreateRegistrationToken(ctx, actor, n)
	return IssuedRegistrationToken{describeRegistrationToken(r), token.Reveal()}, err
}

// RegistrationTokenPath names an initial access token.
type RegistrationTokenPath struct {
	Token string `path:"token" maxLength:"36" doc:"Its id, not its text"`
}

func (a *API) revokeRegistrationToken(ctx context.Context, actor directory.Actor, in *RegistrationTokenPath) (Outcome, error) {
	id, err := authz.ParseID[authz.RegistrationTokenID](in.Token)
	if err != nil {
		return Outcome{}, &directory.InvalidError{Field: "token", Problem: "is not the id of a registration token"}
	}
	return Outcome{in.Token, "revoked"}, a.Directory.RevokeRegistrationToken(ctx, actor, id)
}
