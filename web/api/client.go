package api

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// The operations on clients.
var (
	ListClients        = Operation[ClientFilter, List[Client]]{"GET", "/clients", "listClients", "List clients by client_id", 200, people}
	CreateClient       = Operation[NewClient, Registration]{"POST", "/clients", "createClient", "Register a client; its secret is shown this once", 201, operator}
	ShowClient         = Operation[ClientPath, Client]{"GET", "/clients/{client}", "getClient", "Show a client", 200, people}
	UpdateClient       = Operation[ClientChange, Client]{"PATCH", "/clients/{client}", "updateClient", "Change a client; a member that is left out stays", 200, operator}
	RotateClientSecret = Operation[SecretRotation, Credentials]{"POST", "/clients/{client}/rotate-secret", "rotateClientSecret", "Give a client a new secret, which is shown this once", 200, operator}
	DeleteClient       = Operation[ClientDeletion, Outcome]{"DELETE", "/clients/{client}", "deleteClient", "Delete a client for good", 200, operator}
	DisableClient      = Operation[ClientPath, Outcome]{"POST", "/clients/{client}/disable", "disableClient", "Stop a client and every token of it", 200, operator}
	EnableClient       = Operation[ClientPath, Outcome]{"POST", "/clients/{client}/enable", "enableClient", "Let a client work again", 200, operator}
)

func (a *API) clientRoutes() {
	add(a, ListClients, a.listClients)
	add(a, CreateClient, a.createClient)
	add(a, ShowClient, a.showClient)
	add(a, UpdateClient, a.updateClient)
	add(a, RotateClientSecret, a.rotateClientSecret)
	add(a, DeleteClient, a.deleteClient)
	add(a, DisableClient, a.onClient("disabled", a.Directory.DisableClient))
	add(a, EnableClient, a.onClient("enabled", a.Directory.EnableClient))
}

// Client is a registered OAuth client.
type Client struct {
	ClientID               string                 `json:"client_id"`
	Name                   string                 `json:"name"`
	Kind                   string                 `json:"kind" enum:"web,spa,native,service,agent"`
	TenantID               *string                `json:"tenant_id" table:"-" doc:"null for a client of the whole deployment"`
	OwnerID                *string                `json:"owner_id" table:"-" doc:"Who answers for an agent"`
	AuthMethod             string                 `json:"auth_method"`
	GrantTypes             []string               `json:"grant_types" nullable:"false" table:"-"`
	Scopes                 []string               `json:"scopes" nullable:"false"`
	RedirectURIs           []string               `json:"redirect_uris" nullable:"false" table:"-"`
	PostLogoutRedirectURIs []string               `json:"post_logout_redirect_uris" nullable:"false" table:"-"`
	IDTokenAlg             string                 `json:"id_token_alg" table:"-"`
	JWKS                   json.RawMessage        `json:"jwks,omitempty" table:"-" doc:"Its public keys (RFC 7517 §5), where it has any"`
	LogoURI                string                 `json:"logo_uri,omitempty" table:"-"`
	PolicyURI              string                 `json:"policy_uri,omitempty" table:"-"`
	TOSURI                 string                 `json:"tos_uri,omitempty" table:"-"`
	Introspect             bool                   `json:"introspect" table:"-"`
	FirstParty             bool                   `json:"first_party" table:"-"`
	SkipConsent            bool                   `json:"skip_consent" table:"-"`
	SelfRegistered         bool                   `json:"self_registered" table:"-"`
	Origin                 string                 `json:"origin" enum:"operator,document,token,open" doc:"How it came: made by an operator, described by its own document, registered with an initial access token, or openly"`
	RegistrationTokenID    *string                `json:"registration_token_id" table:"-" doc:"The initial access token that it registered with, while that is kept"`
	Metadata               storage.ClientMetadata `json:"metadata" table:"-" doc:"What few clients have, by the names of RFC 7591"`
	OpenTo                 string                 `json:"open_to" enum:"nobody,tenant,everyone,groups" doc:"Who may sign in through it"`
	Groups                 []string               `json:"groups" nullable:"false" table:"-" doc:"The ids of the groups that it is open to"`
	CreatedAt              *time.Time             `json:"created_at" nullable:"false"`
	DisabledAt             *time.Time             `json:"disabled_at" doc:"null while the client is active"`
	ExpiresAt              *time.Time             `json:"expires_at" table:"-" doc:"When it stops by itself; null for never"`
}

func describeClient(c storage.Client) Client {
	return Client{
		ClientID: string(c.ID), Name: c.Name, Kind: string(c.Kind), TenantID: optional(c.Tenant.String()), OwnerID: optional(c.Owner.String()),
		AuthMethod: c.AuthMethod, GrantTypes: texts(c.GrantTypes), Scopes: texts(c.Scopes),
		RedirectURIs: texts(c.RedirectURIs), PostLogoutRedirectURIs: texts(c.PostLogoutRedirectURIs),
		IDTokenAlg: c.IDTokenAlg, JWKS: c.JWKS, LogoURI: c.LogoURI, PolicyURI: c.PolicyURI, TOSURI: c.TOSURI, Introspect: c.Introspect, FirstParty: c.FirstParty, SkipConsent: c.SkipConsent,
		SelfRegistered: c.SelfRegistered, Origin: string(c.Origin), RegistrationTokenID: optional(c.Registration.Token.String()), Metadata: c.Metadata, OpenTo: string(c.OpenTo), Groups: ids(c.Groups), CreatedAt: instant(c.CreatedAt), DisabledAt: instant(c.DisabledAt), ExpiresAt: instant(c.ExpiresAt),
	}
}

// Credentials are what a client signs in with.
type Credentials struct {
	ClientID     string  `json:"client_id"`
	ClientSecret *string `json:"client_secret" doc:"Shown this once; null for a client that has none"`
}

// Registration is a client that was just made.
type Registration struct {
	Client
	ClientSecret *string `json:"client_secret" doc:"Shown this once; null for a client that has none"`
}

// Credentials are those of the new client.
func (r Registration) Credentials() Credentials { return Credentials{r.ClientID, r.ClientSecret} }

// ClientFilter asks for some of the clients.
type ClientFilter struct {
	Kind   string `query:"kind" enum:"web,spa,native,service,agent"`
	Tenant string `query:"tenant" maxLength:"64" doc:"Only clients of this tenant, by id or slug"`
	Owner  string `query:"owner" maxLength:"254" doc:"Only agents that this user answers for, by id, user name or e-mail address"`
	Origin string `query:"origin" enum:"operator,document,token,open" doc:"Only clients that came in this way"`
	Status string `query:"status" enum:"active,disabled"`
	Paging
}

func (a *API) listClients(ctx context.Context, actor directory.Actor, in *ClientFilter) (List[Client], error) {
	f := directory.ClientFilter{Kind: storage.ClientKind(in.Kind), Tenant: in.Tenant, Origin: storage.ClientOrigin(in.Origin), Status: directory.Status(in.Status)}
	var err error
	if f.Paging, err = a.paging(in.Paging); err != nil {
		return List[Client]{}, err
	}
	if in.Owner != "" {
		owner, err := a.Directory.User(ctx, actor, in.Owner)
		if err != nil {
			return List[Client]{}, err
		}
		f.Owner = owner.ID
	}
	page, err := a.Directory.Clients(ctx, actor, f)
	return listOf(a, page, describeClient), err
}

// NewClient is a client to be made.
type NewClient struct {
	Once
	Body struct {
		ID                     string                 `json:"client_id,omitempty" maxLength:"128" doc:"Made from the name when left out"`
		Name                   string                 `json:"name" minLength:"1" maxLength:"200"`
		Kind                   string                 `json:"kind" enum:"web,spa,native,service,agent"`
		Scopes                 []string               `json:"scopes,omitempty" maxItems:"64" doc:"Scopes and patterns that the client may ask for; you can give only what you hold"`
		RedirectURIs           []string               `json:"redirect_uris,omitempty" maxItems:"64"`
		PostLogoutRedirectURIs []string               `json:"post_logout_redirect_uris,omitempty" maxItems:"64"`
		AuthMethod             string                 `json:"auth_method,omitempty" enum:"client_secret_basic,client_secret_post,private_key_jwt,tls_client_auth,self_signed_tls_client_auth,none"`
		JWKS                   json.RawMessage        `json:"jwks,omitempty" doc:"Public keys (RFC 7517 §5), for private_key_jwt and signed requests"`
		IDTokenAlg             string                 `json:"id_token_alg,omitempty" enum:"ES256,RS256" doc:"How ID tokens are signed; ES256 when left out"`
		Metadata               storage.ClientMetadata `json:"metadata,omitempty" doc:"What few clients have, by the names of RFC 7591"`
		Introspect             bool                   `json:"introspect,omitempty"`
		FirstParty             bool                   `json:"first_party,omitempty"`
		SkipConsent            bool                   `json:"skip_consent,omitempty"`
		Tenant                 string                 `json:"tenant,omitempty" maxLength:"64" doc:"Its tenant, by id or slug; the first tenant when left out"`
		AllTenants             bool                   `json:"all_tenants,omitempty" doc:"Make a client of the whole deployment instead"`
		Owner                  string                 `json:"owner,omitempty" maxLength:"254" doc:"Who answers for an agent, by id, user name or e-mail address"`
		OpenTo                 string                 `json:"open_to,omitempty" enum:"nobody,tenant,everyone,groups" doc:"Who may sign in through it; nobody when left out"`
		Groups                 []string               `json:"groups,omitempty" maxItems:"64" doc:"The groups that it is open to, by id or, those of its tenant, by name; with open_to groups"`
	}
}

func (a *API) createClient(ctx context.Context, actor directory.Actor, in *NewClient) (Registration, error) {
	b := in.Body
	n := directory.CreateClient{
		ID: authz.ClientID(b.ID), Name: b.Name, Kind: storage.ClientKind(b.Kind), RedirectURIs: b.RedirectURIs, PostLogoutRedirectURIs: b.PostLogoutRedirectURIs,
		AuthMethod: b.AuthMethod, JWKS: b.JWKS, Metadata: b.Metadata, IDTokenAlg: b.IDTokenAlg, Introspect: b.Introspect, FirstParty: b.FirstParty, SkipConsent: b.SkipConsent,
		Tenant: b.Tenant, AllTenants: b.AllTenants, OpenTo: storage.OpenTo(b.OpenTo),
	}
	var err error
	if n.Groups, err = a.groups(ctx, actor, b.Tenant, b.Groups); err != nil {
		return Registration{}, err
	}
	if n.Scopes, err = patterns(b.Scopes); err != nil {
		return Registration{}, err
	}
	if b.Owner != "" {
		owner, err := a.Directory.User(ctx, actor, b.Owner)
		if err != nil {
			return Registration{}, err
		}
		n.Owner = owner.ID
	}
	if err := a.checkSector(ctx, n.Metadata, n.RedirectURIs); err != nil {
		return Registration{}, err
	}
	c, secret, err := a.Directory.CreateClient(ctx, actor, n)
	return Registration{describeClient(c), optional(secret.Reveal())}, err
}

// groups finds groups by id, or by name in a tenant.
func (a *API) groups(ctx context.Context, actor directory.Actor, tenant string, names []string) ([]authz.GroupID, error) {
	var found []authz.GroupID
	for _, name := range names {
		id, err := authz.ParseID[authz.GroupID](name)
		if err != nil {
			t, err := a.Directory.Tenant(ctx, actor, tenant)
			if err != nil {
				return nil, err
			}
			g, err := a.Directory.Group(ctx, actor, t.ID, name)
			if err != nil {
				return nil, err
			}
			id = g.ID
		}
		found = append(found, id)
	}
	return found, nil
}

func patterns(list []string) ([]authz.Pattern, error) {
	for _, text := range list {
		if _, err := authz.ParsePattern(text); err != nil {
			return nil, err
		}
	}
	return authz.ParsePatterns(strings.Join(list, " "))
}

// ClientPath names a client.
type ClientPath struct {
	Client string `path:"client" maxLength:"128" doc:"The client_id"`
}

func (a *API) showClient(ctx context.Context, actor directory.Actor, in *ClientPath) (Client, error) {
	c, err := a.Directory.Client(ctx, actor, authz.ClientID(in.Client))
	return describeClient(c), err
}

// ClientChange is what to change of a client.
type ClientChange struct {
	IfMatch
	ClientPath
	Body struct {
		Name                   *string         `json:"name,omitempty" minLength:"1" maxLength:"200"`
		Scopes                 *[]string       `json:"scopes,omitempty" maxItems:"64" doc:"You can give only what you hold; what the client has may stay"`
		RedirectURIs           *[]string       `json:"redirect_uris,omitempty" maxItems:"64"`
		PostLogoutRedirectURIs *[]string       `json:"post_logout_redirect_uris,omitempty" maxItems:"64"`
		JWKS                   json.RawMessage `json:"jwks,omitempty" doc:"Public keys (RFC 7517 §5) in place of those there are"`
		IDTokenAlg             *string         `json:"id_token_alg,omitempty" enum:"ES256,RS256"`
		Introspect             *bool           `json:"introspect,omitempty"`
		FirstParty             *bool           `json:"first_party,omitempty"`
		SkipConsent            *bool           `json:"skip_consent,omitempty"`
		LogoURI                *string         `json:"logo_uri,omitempty" maxLength:"2048"`
		PolicyURI              *string         `json:"policy_uri,omitempty" maxLength:"2048"`
		TOSURI                 *string         `json:"tos_uri,omitempty" maxLength:"2048"`
		OpenTo                 *string         `json:"open_to,omitempty" enum:"nobody,tenant,everyone,groups" doc:"Who may sign in through it from now on; others lose at once what they have"`
		Groups                 []string        `json:"groups,omitempty" maxItems:"64" doc:"All the groups that it is open to, by id or, those of its tenant, by name; with open_to groups"`
	}
}

func (a *API) updateClient(ctx context.Context, actor directory.Actor, in *ClientChange) (Client, error) {
	c, err := a.Directory.Client(ctx, actor, authz.ClientID(in.Client))
	if err != nil {
		return Client{}, err
	}
	b := in.Body
	n := directory.ClientChange{
		Name: b.Name, RedirectURIs: b.RedirectURIs, PostLogoutRedirectURIs: b.PostLogoutRedirectURIs, JWKS: b.JWKS, IDTokenAlg: b.IDTokenAlg,
		Introspect: b.Introspect, FirstParty: b.FirstParty, SkipConsent: b.SkipConsent,
		LogoURI: b.LogoURI, PolicyURI: b.PolicyURI, TOSURI: b.TOSURI, OpenTo: (*storage.OpenTo)(b.OpenTo),
		If: asSeen(in.IfMatch, describeClient),
	}
	if b.Scopes != nil {
		held, err := patterns(*b.Scopes)
		if err != nil {
			return Client{}, err
		}
		n.Scopes = &held
	}
	if b.Groups != nil && b.OpenTo == nil {
		return Client{}, &directory.InvalidError{Field: "groups", Problem: "and open_to groups go together: say both or neither"}
	}
	if n.Groups, err = a.groups(ctx, actor, c.Tenant.String(), b.Groups); err != nil {
		return Client{}, err
	}
	c, err = a.Directory.UpdateClient(ctx, actor, c.ID, n)
	return describeClient(c), err
}

// SecretRotation asks for another secret.
type SecretRotation struct {
	ClientPath
	Body struct {
		OverlapSeconds int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"How long the old secret works on; 0, or left out, for not at all"`
	}
}

func (a *API) rotateClientSecret(ctx context.Context, actor directory.Actor, in *SecretRotation) (Credentials, error) {
	secret, err := a.Directory.RotateClientSecret(ctx, actor, authz.ClientID(in.Client), time.Duration(in.Body.OverlapSeconds)*time.Second)
	return Credentials{in.Client, optional(secret.Reveal())}, err
}

// ClientDeletion names a client to be deleted.
type ClientDeletion struct {
	IfMatch
	ClientPath
}

func (a *API) deleteClient(ctx context.Context, actor directory.Actor, in *ClientDeletion) (Outcome, error) {
	return Outcome{in.Client, "deleted"}, a.Directory.DeleteClient(ctx, actor, authz.ClientID(in.Client), asSeen(in.IfMatch, describeClient))
}

// onClient is an operation that does one thing to one client.
func (a *API) onClient(status string, do func(context.Context, directory.Actor, authz.ClientID) error) func(context.Context, directory.Actor, *ClientPath) (Outcome, error) {
	return func(ctx context.Context, actor directory.Actor, in *ClientPath) (Outcome, error) {
		return Outcome{in.Client, status}, do(ctx, actor, authz.ClientID(in.Client))
	}
}
