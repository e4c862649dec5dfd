-- Others may vouch for people, so that a client exchanges an assertion for a token (RFC 7523), and for programs that register themselves (RFC 7591).

-- +goose Up

-- tenant_id is null for an issuer that the whole deployment trusts.
create table platform.trusted_issuers (
  id          uuid primary key,
  tenant_id   uuid references platform.tenants (id) on delete cascade,
  vouches_for text not null check (vouches_for in ('people', 'software')),
  issuer      text not null,
  -- Its public keys, by value or by address.
  jwks        jsonb,
  jwks_uri    text not null default '',
  -- What it may sign with; none for anything that is supported.
  algorithms  text[] not null default '{}',
  -- For people: what its sub names them by, and what its assertions can be good for at most.
  subject     text not null default '' check ((vouches_for = 'people') = (subject in ('id', 'username', 'email'))),
  scopes      text[] not null default '{}',
  created_at  timestamptz not null,
  check ((jwks is null) = (jwks_uri <> '')),
  unique nulls not distinct (issuer, vouches_for, tenant_id)
);
create index trusted_issuers_by_tenant on platform.trusted_issuers (tenant_id, id);

-- Whom everybody trusts everybody may see; what a tenant trusts is its own.
alter table platform.trusted_issuers enable row level security;
alter table platform.trusted_issuers force row level security;
create policy owned on platform.trusted_issuers
  using (tenant_id = platform.acting_tenant() or platform.acting_operator());
create policy everybodys on platform.trusted_issuers for select using (tenant_id is null);

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.trusted_issuers to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table platform.trusted_issuers;
