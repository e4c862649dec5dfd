package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const clientColumns = `c.id, c.tenant_id, c.kind, c.name,
	c.owner_id, c.auth_method, c.secret_hash, c.previous_secret_hash,
	c.previous_secret_expires_at, c.jwks, c.grant_types, c.scopes, c.redirect_uris, c.post_logout_redirect_uris,
	c.id_token_alg, c.introspect, c.first_party, c.skip_consent, c.self_registered, c.id_token_at_refresh,
	c.logo_uri, c.policy_uri, c.tos_uri, c.metadata, c.open_to, c.origin, c.registration_token_id, c.registration_hash, c.registration_policy,
	array(select g.group_id from platform.client_groups g where g.client_id = c.id order by g.group_id),
	c.created_at, c.disabled_at, c.expires_at, c.authz_changed_at,
	exists (select from platform.tenants t where t.id = c.tenant_id and t.suspended_at is not null)`

func clientFields(c *storage.Client) []any {
	return []any{&c.ID, &c.Tenant, &c.Kind, &c.Name, &c.Owner, &c.AuthMethod, &c.SecretHash, &c.PreviousSecretHash,
		(*zeronull.Timestamptz)(&c.PreviousSecretExpiresAt), &c.JWKS, &c.GrantTypes, &c.Scopes, &c.RedirectURIs,
		&c.PostLogoutRedirectURIs, &c.IDTokenAlg, &c.Introspect, &c.FirstParty, &c.SkipConsent, &c.SelfRegistered,
		&c.IDTokenAtRefresh, &c.LogoURI, &c.PolicyURI, &c.TOSURI, &c.Metadata, &c.OpenTo,
		&c.Origin, &c.Registration.Token, &c.Registration.AccessHash, &c.Registration.Policy, &c.Groups,
		&c.CreatedAt, (*zeronull.Timestamptz)(&c.DisabledAt), (*zeronull.Timestamptz)(&c.ExpiresAt), (*zeronull.Timestamptz)(&c.AuthzChangedAt), &c.TenantSuspended}
}

func scanClient(row pgx.CollectableRow) (storage.Client, error) {
	var c storage.Client
	return c, row.Scan(clientFields(&c)...)
}

const oneClient = `select ` + clientColumns + ` from platform.clients c where c.id = $1`

func (s *Store) clientByID(ctx context.Context, id authz.ClientID) (*storage.Client, error) {
	c := new(storage.Client)
	// A tenant's row is visible to the operator only; the client says whose it is.
	err := s.batch(ctx, "read client", acting{operator: true}, func(b *pgx.Batch) {
		b.Queue(oneClient, id).
			QueryRow(func(row pgx.Row) error { return row.Scan(clientFields(c)...) })
	})
	return c, err
}

// Catalogue is what rarely changes and is read at nearly every request. It is never
// changed: others hold it too.
type Catalogue struct {
	Scopes    map[authz.Scope]storage.ScopeInfo
	Roles     map[authz.Role]storage.Role
	Resources map[string]storage.Resource
	// Rules is the part of the scopes that [authz.Derive] asks for.
	Rules map[authz.Scope]authz.ScopeRule
	// Owners are the identifiers of the resources that own a scope.
	Owners map[authz.Scope][]string
	// Registering is the tenants in which people may make accounts for themselves, the oldest first.
	Registering []storage.Tenant
}

// Catalogue reads the registry of scopes, the roles, the resources and who registers where, from
// memory when nothing changed since.
func (s *Store) Catalogue(ctx context.Context) (*Catalogue, error) {
	return s.catalogue.get(ctx, struct{}{})
}

func (s *Store) readCatalogue(ctx context.Context, _ struct{}) (*Catalogue, error) {
	c := &Catalogue{
		Scopes:    map[authz.Scope]storage.ScopeInfo{},
		Roles:     map[authz.Role]storage.Role{},
		Resources: map[string]storage.Resource{},
		Rules:     map[authz.Scope]authz.ScopeRule{},
		Owners:    map[authz.Scope][]string{},
	}
	err := s.batch(ctx, "read catalogue", acting{operator: true}, func(b *pgx.Batch) {
		b.Queue(`select ` + scopeColumns + ` from platform.scopes`).Query(func(rows pgx.Rows) error {
			all, err := pgx.CollectRows(rows, scanScope)
			for _, i := range all {
				c.Scopes[i.Name] = i
				if i.NeedsACR != "" {
					c.Rules[i.Name] = authz.ScopeRule{NeedsACR: i.NeedsACR}
				}
			}
			return err
		})
		b.Queue(`select name, description, scopes from platform.roles`).Query(func(rows pgx.Rows) error {
			all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r storage.Role, err error) {
				return r, row.Scan(&r.Name, &r.Description, &r.Scopes)
			})
			for _, r := range all {
				c.Roles[r.Name] = r
			}
			return err
		})
		b.Queue(`select identifier, tenant_id, name, scopes, access_token_lifetime, created_at, detail_types
			from platform.resources`).Query(func(rows pgx.Rows) error {
			all, err := pgx.CollectRows(rows, scanResource)
			for _, r := range all {
				c.Resources[r.Identifier] = r
				for _, scope := range r.Scopes {
					c.Owners[scope] = append(c.Owners[scope], r.Identifier)
				}
			}
			return err
		})
		b.Queue(`select ` + tenantColumns + ` from platform.tenants t where t.registration <> '{}' and t.suspended_at is null order by t.id`).
			Query(func(rows pgx.Rows) (err error) {
				c.Registering, err = pgx.CollectRows(rows, scanTenant)
				return err
			})
	})
	return c, err
}

func scanResource(row pgx.CollectableRow) (r storage.Resource, err error) {
	var lifetime *time.Duration
	err = row.Scan(&r.Identifier, &r.Tenant, &r.Name, &r.Scopes, &lifetime, &r.CreatedAt, &r.DetailTypes)
	if lifetime != nil {
		r.AccessTokenLifetime = *lifetime
	}
	return r, err
}
