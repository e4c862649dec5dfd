package postgres

import (
	"context"
	"net/netip"
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

func (s *Store) clientByID(ctx context.Context, id authz.ClientID) (storage.Client, error) {
	var c storage.Client
	// A tenant's row is visible to the operator only; the client says whose it is.
	err := s.batch(ctx, "read client", acting{operator: true}, func(b *pgx.Batch) {
		b.Queue(oneClient, id).
			QueryRow(func(row pgx.Row) error { return row.Scan(clientFields(&c)...) })
	})
	return c, err
}

// Catalogue is what rarely changes and is read at nearly every request.
type Catalogue struct {
	Scopes    map[authz.Scope]storage.ScopeInfo
	Roles     map[authz.Role]storage.Role
	Resources map[string]storage.Resource
	// Registering is the tenants in which people may make accounts for themselves, the oldest first.
	Registering []storage.Tenant
}

// Rules is the part of the registry that [authz.Derive] asks for.
func (c Catalogue) Rules() map[authz.Scope]authz.ScopeRule {
	rules := map[authz.Scope]authz.ScopeRule{}
	for name, info := range c.Scopes {
		if info.NeedsACR != "" {
			rules[name] = authz.ScopeRule{NeedsACR: info.NeedsACR}
		}
	}
	return rules
}

// Catalogue reads the registry of scopes, the roles, the resources and who registers where, from
// memory when nothing changed since.
func (s *Store) Catalogue(ctx context.Context) (Catalogue, error) {
	return s.catalogue.get(ctx, struct{}{})
}

func (s *Store) readCatalogue(ctx context.Context, _ struct{}) (Catalogue, error) {
	c := Catalogue{
		Scopes:    map[authz.Scope]storage.ScopeInfo{},
		Roles:     map[authz.Role]storage.Role{},
		Resources: map[string]storage.Resource{},
	}
	err := s.batch(ctx, "read catalogue", acting{operator: true}, func(b *pgx.Batch) {
		b.Queue(`select ` + scopeColumns + ` from platform.scopes`).Query(func(rows pgx.Rows) error {
			all, err := pgx.CollectRows(rows, scanScope)
			for _, i := range all {
				c.Scopes[i.Name] = i
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

type banned struct {
	network netip.Prefix
	expires time.Time
}

// Banned reports whether an address is kept away at the instant now. It is asked
// at every request, so it is answered from memory; the last list holds while
// the database cannot be reached.
func (s *Store) Banned(ctx context.Context, addr netip.Addr, now time.Time) (bool, error) {
	bans, err := s.currentBans(ctx)
	for _, b := range bans {
		if b.network.Contains(addr.Unmap()) && (b.expires.IsZero() || now.Before(b.expires)) {
			return true, nil
		}
	}
	return false, err
}

func (s *Store) currentBans(ctx context.Context) ([]banned, error) {
	last := s.lastBans.Load()
	if last != nil && !s.Fresh() {
		return *last, nil
	}
	bans, err := s.bans.get(ctx, struct{}{})
	if err != nil && last != nil {
		return *last, nil
	}
	return bans, err
}

func (s *Store) readBans(ctx context.Context, _ struct{}) ([]banned, error) {
	var all []banned
	err := s.batch(ctx, "read bans", acting{}, func(b *pgx.Batch) {
		b.Queue(`select network, expires_at from platform.ip_bans`).Query(func(rows pgx.Rows) (err error) {
			all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (b banned, err error) {
				return b, row.Scan(&b.network, (*zeronull.Timestamptz)(&b.expires))
			})
			return err
		})
	})
	if err == nil {
		s.lastBans.Store(&all)
	}
	return all, err
}
