package api

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// Client is a registered OAuth client.
type Client struct {
	ClientID               string     `json:"client_id"`
	Name                   string     `json:"name"`
	Kind                   string     `json:"kind" enum:"web,spa,native,service,agent"`
	TenantID               string     `json:"tenant_id,omitempty" doc:"Absent for a client of the whole deployment"`
	OwnerID                string     `json:"owner_id,omitempty" doc:"Who answers for an agent"`
	AuthMethod             string     `json:"auth_method"`
	GrantTypes             []string   `json:"grant_types" nullable:"false"`
	Scopes                 []string   `json:"scopes" nullable:"false"`
	RedirectURIs           []string   `json:"redirect_uris" nullable:"false"`
	PostLogoutRedirectURIs []string   `json:"post_logout_redirect_uris" nullable:"false"`
	IDTokenAlg             string     `json:"id_token_alg"`
	Introspect             bool       `json:"introspect"`
	FirstParty             bool       `json:"first_party"`
	SkipConsent            bool       `json:"skip_consent"`
	CreatedAt              time.Time  `json:"created_at"`
	DisabledAt             *time.Time `json:"disabled_at,omitempty" doc:"Absent while the client is active"`
}

func describeClient(c storage.Client) Client {
	return Client{
		ClientID: string(c.ID), Name: c.Name, Kind: string(c.Kind), TenantID: c.Tenant.String(), OwnerID: c.Owner.String(),
		AuthMethod: c.AuthMethod, GrantTypes: texts(c.GrantTypes), Scopes: texts(c.Scopes),
		RedirectURIs: texts(c.RedirectURIs), PostLogoutRedirectURIs: texts(c.PostLogoutRedirectURIs),
		IDTokenAlg: c.IDTokenAlg, Introspect: c.Introspect, FirstParty: c.FirstParty, SkipConsent: c.SkipConsent,
		CreatedAt: c.CreatedAt.UTC(), DisabledAt: instant(c.DisabledAt),
	}
}

// NewClient is a client that was just made.
type NewClient struct {
	Client
	ClientSecret string `json:"client_secret,omitempty" doc:"Shown this once; absent for a client that has none"`
}

func (a *API) listClients(ctx context.Context, actor directory.Actor, in *Paging) (*answer[List[Client]], error) {
	page, err := a.Directory.Clients(ctx, actor, in.directory())
	return list(page, describeClient), err
}

type newClient struct {
	Body struct {
		Name                   string         `json:"name" minLength:"1" maxLength:"200"`
		Kind                   string         `json:"kind" enum:"web,spa,native,service,agent"`
		Scopes                 []string       `json:"scopes,omitempty" maxItems:"64" doc:"Scopes and patterns that the client may ask for; you can give only what you hold"`
		RedirectURIs           []string       `json:"redirect_uris,omitempty" maxItems:"64"`
		PostLogoutRedirectURIs []string       `json:"post_logout_redirect_uris,omitempty" maxItems:"64"`
		AuthMethod             string         `json:"auth_method,omitempty" enum:"client_secret_basic,client_secret_post,private_key_jwt,none"`
		JWKS                   map[string]any `json:"jwks,omitempty" doc:"Public keys (RFC 7517 §5), for private_key_jwt"`
		Introspect             bool           `json:"introspect,omitempty"`
		FirstParty             bool           `json:"first_party,omitempty"`
		SkipConsent            bool           `json:"skip_consent,omitempty"`
		Tenant                 string         `json:"tenant,omitempty" maxLength:"64" doc:"The slug of its tenant; the first tenant when left out"`
		AllTenants             bool           `json:"all_tenants,omitempty" doc:"Make a client of the whole deployment instead"`
		OwnerID                string         `json:"owner_id,omitempty" format:"uuid"`
	}
}

func (a *API) createClient(ctx context.Context, actor directory.Actor, in *newClient) (*answer[NewClient], error) {
	b := in.Body
	n := directory.CreateClient{
		Name: b.Name, Kind: storage.ClientKind(b.Kind), RedirectURIs: b.RedirectURIs, PostLogoutRedirectURIs: b.PostLogoutRedirectURIs,
		AuthMethod: b.AuthMethod, Introspect: b.Introspect, FirstParty: b.FirstParty, SkipConsent: b.SkipConsent,
		Tenant: b.Tenant, AllTenants: b.AllTenants,
	}
	for _, text := range b.Scopes {
		pattern, err := authz.ParsePattern(text)
		if err != nil {
			return nil, err
		}
		n.Scopes = append(n.Scopes, pattern)
	}
	if b.JWKS != nil {
		var err error
		if n.JWKS, err = json.Marshal(b.JWKS); err != nil {
			return nil, fmt.Errorf("encode jwks: %w", err)
		}
	}
	if b.OwnerID != "" {
		owner, err := a.Directory.User(ctx, actor, b.OwnerID)
		if err != nil {
			return nil, err
		}
		n.Owner = owner.ID
	}
	c, secret, err := a.Directory.CreateClient(ctx, actor, n)
	return &answer[NewClient]{NewClient{describeClient(c), secret.Reveal()}}, err
}

type clientPath struct {
	ClientID string `path:"client_id" maxLength:"128"`
}

func (a *API) disableClient(ctx context.Context, actor directory.Actor, in *clientPath) (*struct{}, error) {
	return &struct{}{}, a.Directory.DisableClient(ctx, actor, authz.ClientID(in.ClientID))
}

func (a *API) enableClient(ctx context.Context, actor directory.Actor, in *clientPath) (*struct{}, error) {
	return &struct{}{}, a.Directory.EnableClient(ctx, actor, authz.ClientID(in.ClientID))
}
