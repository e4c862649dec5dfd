-- Clients register themselves as far as the operator lets them (RFC 7591), and change their own registration (RFC 7592).

-- +goose Up

-- Initial access tokens. tenant_id is null for clients of the whole deployment.
create table platform.registration_tokens (
  id         uuid primary key,
  tenant_id  uuid references platform.tenants (id) on delete cascade,
  name       text not null,
  token_hash bytea not null unique,
  policy     jsonb not null,
  uses_left  int not null check (uses_left >= 0),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index registration_tokens_by_tenant on platform.registration_tokens (tenant_id, id);

alter table platform.registration_tokens enable row level security;
alter table platform.registration_tokens force row level security;
create policy owned on platform.registration_tokens
  using (tenant_id = platform.acting_tenant() or platform.acting_operator());

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.registration_tokens to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- How each client came, what it may say of itself, and the digest of the token by which it says it.
alter table platform.clients
  add column origin text not null default 'operator' check (origin in ('operator', 'document', 'token', 'open')),
  add column registration_token_id uuid references platform.registration_tokens (id) on delete set null,
  add column registration_hash bytea,
  add column registration_policy jsonb,
  add column expires_at timestamptz;
create index clients_by_registration_token on platform.clients (registration_token_id) where registration_token_id is not null;
update platform.clients set origin = 'document' where self_registered;

-- +goose Down
alter table platform.clients
  drop column expires_at, drop column registration_policy, drop column registration_hash, drop column registration_token_id, drop column origin;
drop table platform.registration_tokens;
