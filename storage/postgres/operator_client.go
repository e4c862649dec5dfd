package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// clientObject is a client with the groups that it is open to.
func clientObject(id authz.ClientID) object {
	o := row("client", "platform.clients", "id", id, string(id))
	o.query = `select to_jsonb(x) - ` + neverAudited + ` || jsonb_build_object('groups',
			array(select g.group_id from platform.client_groups g where g.client_id = x.id order by g.group_id))
		from platform.clients x where x.id = $1`
	return o
}

// ClientFilter chooses clients. What is zero does not restrict.
type ClientFilter struct {
	Kind   storage.ClientKind
	Tenant authz.TenantID
	Owner  authz.UserID
	Origin storage.ClientOrigin
	// Disabled chooses by status; nil for both.
	Disabled *bool
	// After is the last id of the page before.
	After authz.ClientID
	Limit int
}

// Clients lists clients in the order of their ids.
func (s *OperatorStore) Clients(ctx context.Context, f ClientFilter) ([]storage.Client, error) {
	w := &conditions{}
	w.add(f.Kind != "", `c.kind = $?`, f.Kind)
	w.add(!f.Tenant.IsZero(), `c.tenant_id = $?`, f.Tenant)
	w.add(!f.Owner.IsZero(), `c.owner_id = $?`, f.Owner)
	w.add(f.Origin != "", `c.origin = $?`, f.Origin)
	w.add(f.Disabled != nil, `(c.disabled_at is not null) = $?`, f.Disabled)
	w.add(f.After != "", `c.id > $?`, f.After)
	return queryAll(ctx, s.Store, s.as, "list clients", `select `+clientColumns+` from platform.clients c`+
		w.where()+` order by c.id limit `+w.next(f.Limit), scanClient, w.args...)
}

// InsertClient registers a client.
func (s *OperatorStore) InsertClient(ctx context.Context, c storage.Client, e storage.AuditEvent) error {
	return s.change(ctx, e, clientObject(c.ID), func(tx pgx.Tx) error { return insertClient(ctx, tx, c) })
}

func insertClient(ctx context.Context, tx pgx.Tx, c storage.Client) error {
	err := exec(ctx, tx, `insert into platform.clients (id, tenant_id, kind, name, owner_id, auth_method, secret_hash, jwks, grant_types,
				scopes, redirect_uris, post_logout_redirect_uris, id_token_alg, introspect, first_party, skip_consent, self_registered,
				id_token_at_refresh, logo_uri, policy_uri, tos_uri, metadata, open_to, created_at, expires_at,
				origin, registration_token_id, registration_hash, registration_policy)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, coalesce($11::text[], '{}'), coalesce($12::text[], '{}'), $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)`,
		c.ID, c.Tenant, c.Kind, c.Name, c.Owner, c.AuthMethod, c.SecretHash, nullJSON(c.JWKS), c.GrantTypes, c.Scopes,
		c.RedirectURIs, c.PostLogoutRedirectURIs, c.IDTokenAlg, c.Introspect, c.FirstParty, c.SkipConsent, c.SelfRegistered,
		c.IDTokenAtRefresh, c.LogoURI, c.PolicyURI, c.TOSURI, c.Metadata, c.OpenTo, c.CreatedAt, zeronull.Timestamptz(c.ExpiresAt),
		cmp.Or(c.Origin, storage.OriginOperator), c.Registration.Token, c.Registration.AccessHash, c.Registration.Policy)
	if err != nil {
		return err
	}
	return setClientGroups(ctx, tx, c)
}

// setClientGroups writes the groups that a client is open to, all of them anew.
func setClientGroups(ctx context.Context, tx pgx.Tx, c storage.Client) error {
	if _, err := tx.Exec(ctx, `delete from platform.client_groups where client_id = $1`, c.ID); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `insert into platform.client_groups (client_id, tenant_id, group_id)
		select $1, g.tenant_id, g.id from platform.user_groups g where g.id = any($2) and (g.tenant_id = $3 or $3 is null)`, c.ID, c.Groups, c.Tenant)
	if err == nil && tag.RowsAffected() != int64(len(c.Groups)) {
		return fmt.Errorf("group of a client: %w", storage.ErrReference)
	}
	return err
}

// UpdateClient changes a client as it stands at this moment: change is called with
// it under a lock, and what it refuses is left as it was. What narrows tokens moves
// authz_changed_at.
func (s *OperatorStore) UpdateClient(ctx context.Context, id authz.ClientID, change func(*storage.Client) error, e storage.AuditEvent) (storage.Client, error) {
	var c storage.Client
	err := s.change(ctx, e, clientObject(id), func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, oneClient, id).Scan(clientFields(&c)...)
		if err != nil {
			return err
		}
		before := c
		if err := change(&c); err != nil {
			return err
		}
		if c.OpenTo != before.OpenTo || !slices.Equal(c.Groups, before.Groups) || !slices.Equal(c.Scopes, before.Scopes) {
			c.AuthzChangedAt = e.At
		}
		err = exec(ctx, tx, `update platform.clients set name = $2, jwks = $3, scopes = $4, redirect_uris = coalesce($5::text[], '{}'),
				post_logout_redirect_uris = coalesce($6::text[], '{}'), id_token_alg = $7, introspect = $8, first_party = $9, skip_consent = $10,
				id_token_at_refresh = $11, logo_uri = $12, policy_uri = $13, tos_uri = $14, metadata = $15, open_to = $16, authz_changed_at = $17, grant_types = $18,
				registration_policy = $19
			where id = $1`, id, c.Name, nullJSON(c.JWKS), c.Scopes, c.RedirectURIs, c.PostLogoutRedirectURIs, c.IDTokenAlg, c.Introspect,
			c.FirstParty, c.SkipConsent, c.IDTokenAtRefresh, c.LogoURI, c.PolicyURI, c.TOSURI, c.Metadata, c.OpenTo, zeronull.Timestamptz(c.AuthzChangedAt), c.GrantTypes, c.Registration.Policy)
		if err != nil {
			return err
		}
		return setClientGroups(ctx, tx, c)
	})
	return c, err
}

// Agents lists the agents that a user answers for.
func (s *OperatorStore) Agents(ctx context.Context, owner authz.UserID) ([]storage.Client, error) {
	return queryAll(ctx, s.Store, s.as, "list agents", `select `+clientColumns+` from platform.clients c
		where c.owner_id = $1 order by c.id`, scanClient, owner)
}

// RotateClientSecret gives a client a new secret; the one before works until then.
func (s *OperatorStore) RotateClientSecret(ctx context.Context, id authz.ClientID, hash []byte, until time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, clientObject(id), func(tx pgx.Tx) error {
		return exec(ctx, tx, `update platform.clients set previous_secret_hash = secret_hash, previous_secret_expires_at = $3, secret_hash = $2
			where id = $1 and secret_hash is not null`, id, hash, until)
	})
}

// SetClientDisabled disables a client or enables it again.
func (s *OperatorStore) SetClientDisabled(ctx context.Context, id authz.ClientID, disabled bool, e storage.AuditEvent) error {
	return s.change(ctx, e, clientObject(id), func(tx pgx.Tx) error {
		return exec(ctx, tx, `update platform.clients set disabled_at = case when $2 then coalesce(disabled_at, $3) end where id = $1`, id, disabled, e.At)
	})
}

// DeleteClient removes a client with its consents and grants. Its tokens die with
// it: without the client they are inactive, and the grants stand in the ledger.
func (s *OperatorStore) DeleteClient(ctx context.Context, id authz.ClientID, seen func(storage.Client) error, dead time.Time, e storage.AuditEvent) error {
	return s.change(ctx, e, clientObject(id), func(tx pgx.Tx) error {
		if err := asSeen(ctx, tx, seen, scanClient, oneClient, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `with gone as (delete from platform.grants where client_id = $1 returning id)
			insert into platform.revoked_tokens (jti, client_id, reason, revoked_at, expires_at)
			select id::text, $1, 'client deleted', $2, $3 from gone on conflict (jti) do nothing`, id, e.At, dead)
		if err != nil {
			return err
		}
		return exec(ctx, tx, `delete from platform.clients where id = $1`, id)
	})
}
