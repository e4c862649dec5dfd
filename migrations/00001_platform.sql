-- The first floor of the house: people, tenants, what they may do, and what was granted to whom.

-- +goose Up

-- The application runs as a role that row-level security binds. The role is the
-- cluster's, so it may be there already; an operator whose database user may not
-- create roles is bound all the same, because every policy below is forced on
-- the owner too.
-- +goose StatementBegin
do $$
begin
  create role gatehouse_app nologin;
exception
  when duplicate_object or unique_violation or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

create schema platform;

-- Who is acting, as the connection was told in the same transaction. Unset means
-- nobody: after its first use a setting reads as the empty string, hence nullif.
create function platform.acting_user() returns uuid
  language sql stable return nullif(current_setting('app.user_id', true), '')::uuid;
create function platform.acting_tenant() returns uuid
  language sql stable return nullif(current_setting('app.tenant_id', true), '')::uuid;
create function platform.acting_operator() returns boolean
  language sql stable return coalesce(current_setting('app.operator', true), '') = 'on';
-- The one row that a look-up by secret may see before it knows whose it is.
create function platform.named_row() returns uuid
  language sql stable return nullif(current_setting('app.row_id', true), '')::uuid;
-- The folded user name or e-mail of a sign-in.
create function platform.named_identifier() returns text
  language sql stable return nullif(current_setting('app.identifier', true), '');

create table platform.tenants (
  id               uuid primary key,
  slug             text not null unique,
  name             text not null,
  region           text not null default '',
  plan             text not null default 'free',
  max_users        integer check (max_users >= 0),
  max_agents       integer check (max_agents >= 0),
  storage_quota_gb integer check (storage_quota_gb >= 0),
  features         text[] not null default '{}',
  created_at       timestamptz not null,
  suspended_at     timestamptz
);

create table public.projects (
  id         uuid primary key,
  tenant_id  uuid not null references platform.tenants (id) on delete cascade,
  name       text not null,
  created_at timestamptz not null,
  unique (tenant_id, name),
  unique (tenant_id, id)
);

create table platform.roles (
  name        text primary key,
  description text not null,
  scopes      text[] not null
);

-- The registry of scopes: the consent page's words, and the sign-in a scope needs.
create table platform.scopes (
  name        text primary key,
  title       text not null,
  description text not null default '',
  needs_acr   text
);

-- password_hash is required; an account without a password holds an unusable
-- mark, as shadow files do. The folded columns hold what Go folded: no collation
-- of the database takes part in deciding who someone is.
create table platform.users (
  id                uuid primary key,
  username          text not null,
  username_folded   text not null unique,
  email             text not null,
  email_folded      text not null unique,
  email_verified_at timestamptz,
  password_hash     text not null,
  display_name      text not null default '',
  avatar_url        text not null default '',
  role              text not null references platform.roles (name),
  created_at        timestamptz not null,
  last_login_at     timestamptz,
  disabled_at       timestamptz,
  -- When a right of this user last changed: older tokens are derived anew.
  authz_changed_at  timestamptz not null
);
create index users_by_role on platform.users (role, id);

create table platform.user_preferences (
  user_id            uuid primary key references platform.users (id) on delete cascade,
  default_tenant_id  uuid not null references platform.tenants (id),
  default_project_id uuid references public.projects (id) on delete set null
);

-- A browser's or device's login. token_jti is the sid that tokens carry; the
-- cookie holds the id and a secret of which the digest stands here.
create table platform.user_sessions (
  id                 uuid primary key,
  token_jti          uuid not null unique,
  user_id            uuid not null references platform.users (id) on delete cascade,
  current_tenant_id  uuid not null references platform.tenants (id),
  current_project_id uuid references public.projects (id) on delete set null,
  secret_hash        bytea not null,
  created_at         timestamptz not null,
  last_seen_at       timestamptz not null,
  expires_at         timestamptz not null,
  idle_lifetime      interval not null,
  ip_address         inet,
  user_agent         text not null default '',
  auth_time          timestamptz not null,
  acr                text not null,
  amr                text[] not null,
  revoked_at         timestamptz
) with (fillfactor = 80);
create index user_sessions_by_user on platform.user_sessions (user_id);

-- The ledger of dead ids. A token is dead when its jti, its grant_id or its sid
-- stands here. A client's own token has neither user nor tenant.
create table platform.revoked_tokens (
  jti        text primary key,
  user_id    uuid references platform.users (id) on delete cascade,
  tenant_id  uuid references platform.tenants (id),
  client_id  text,
  reason     text not null,
  revoked_at timestamptz not null,
  expires_at timestamptz not null
);
create index revoked_tokens_by_user on platform.revoked_tokens (user_id);
create index revoked_tokens_by_expiry on platform.revoked_tokens (expires_at);

create table platform.user_groups (
  id         uuid primary key,
  tenant_id  uuid not null references platform.tenants (id),
  project_id uuid,
  name       text not null,
  scopes     text[] not null default '{}',
  created_at timestamptz not null,
  -- The project is one of the same tenant.
  foreign key (tenant_id, project_id) references public.projects (tenant_id, id) on delete set null (project_id),
  unique (tenant_id, id)
);
create unique index user_groups_of_tenant on platform.user_groups (tenant_id, name) where project_id is null;
create unique index user_groups_of_project on platform.user_groups (tenant_id, project_id, name) where project_id is not null;
create index user_groups_by_project on platform.user_groups (project_id);

-- A project's group whose project_id were merely set to null would count in the
-- whole tenant: a deletion would widen rights. So the groups go first.
-- +goose StatementBegin
create function platform.delete_groups_of_project() returns trigger language plpgsql as $$
begin
  delete from platform.user_groups where project_id = old.id;
  return old;
end
$$;
-- +goose StatementEnd
create trigger projects_take_their_groups before delete on public.projects
  for each row execute function platform.delete_groups_of_project();

-- One reading of the source document made explicit: it lists the unique keys
-- (tenant_id, user_id) and (tenant_id, user_group_id). Each alone would allow
-- one group per user and one member per group, against its own text ("membership
-- rows connect users to groups within tenant scope"). So: one row for each pair
-- of user and group, an index on each of the two pairs, and a composite foreign
-- key, so that a group of another tenant can never be joined.
create table platform.user_group_memberships (
  id            uuid primary key,
  tenant_id     uuid not null references platform.tenants (id),
  user_id       uuid not null references platform.users (id) on delete cascade,
  user_group_id uuid not null,
  created_at    timestamptz not null,
  foreign key (tenant_id, user_group_id) references platform.user_groups (tenant_id, id) on delete cascade,
  unique (tenant_id, user_id, user_group_id)
);
create index memberships_by_user on platform.user_group_memberships (user_id, tenant_id);
create index memberships_by_group on platform.user_group_memberships (tenant_id, user_group_id);

-- Scopes that one user holds beyond role and groups, in one tenant or in all.
create table platform.user_scopes (
  user_id    uuid not null references platform.users (id) on delete cascade,
  tenant_id  uuid references platform.tenants (id) on delete cascade,
  scope      text not null,
  created_at timestamptz not null,
  unique nulls not distinct (user_id, tenant_id, scope)
);

-- tenant_id null: a client of the deployment, open to the people of every tenant.
create table platform.clients (
  id                          text primary key,
  tenant_id                   uuid references platform.tenants (id) on delete cascade,
  kind                        text not null check (kind in ('web', 'spa', 'native', 'service', 'agent')),
  name                        text not null,
  owner_id                    uuid references platform.users (id) on delete cascade,
  auth_method                 text not null,
  secret_hash                 bytea,
  previous_secret_hash        bytea,
  previous_secret_expires_at  timestamptz,
  jwks                        jsonb,
  grant_types                 text[] not null,
  scopes                      text[] not null,
  redirect_uris               text[] not null default '{}',
  post_logout_redirect_uris   text[] not null default '{}',
  id_token_alg                text not null default 'RS256',
  introspect                  boolean not null default false,
  first_party                 boolean not null default false,
  skip_consent                boolean not null default false,
  self_registered             boolean not null default false,
  id_token_at_refresh         boolean not null default false,
  logo_uri                    text not null default '',
  policy_uri                  text not null default '',
  tos_uri                     text not null default '',
  created_at                  timestamptz not null,
  disabled_at                 timestamptz,
  check (kind <> 'agent' or owner_id is not null)
);
create index clients_by_tenant on platform.clients (tenant_id, id);
create index clients_by_owner on platform.clients (owner_id) where owner_id is not null;

-- Resource servers by their identifier (RFC 8707) and the scopes they own.
create table platform.resources (
  identifier text primary key,
  tenant_id  uuid references platform.tenants (id) on delete cascade,
  name       text not null default '',
  scopes     text[] not null,
  created_at timestamptz not null
);

create table platform.consents (
  user_id    uuid not null references platform.users (id) on delete cascade,
  client_id  text not null references platform.clients (id) on delete cascade,
  tenant_id  uuid not null references platform.tenants (id) on delete cascade,
  scopes     text[] not null,
  granted_at timestamptz not null,
  primary key (user_id, client_id, tenant_id)
);
create index consents_by_client on platform.consents (client_id);

-- One row per authorization, for its whole life: the code, then the chain of
-- refresh tokens, of which only the digest of the current one stands here.
-- Refreshing changes no indexed column and leaves room on the page, so each
-- update is heap-only. client_id and sid carry no foreign key on purpose:
-- checking one locks the client's row in every flow at once.
create table platform.grants (
  id               uuid primary key,
  user_id          uuid not null references platform.users (id) on delete cascade,
  -- The session's token_jti, which the tokens carry as sid.
  sid              uuid not null,
  client_id        text not null,
  tenant_id        uuid not null,
  project_id       uuid,
  requested_scopes text not null,
  scopes           text not null,
  audience         text not null,
  -- What the exchange needs of the request; null once exchanged.
  request          jsonb,
  auth_time        timestamptz not null,
  acr              text not null,
  amr              text not null,
  requested_at     timestamptz not null,
  issued_at        timestamptz not null,
  code_hash        bytea not null,
  code_used_at     timestamptz,
  generation       integer not null default 0,
  refresh_hash     bytea,
  rotated_at       timestamptz,
  revoked_at       timestamptz
) with (fillfactor = 80);
create index grants_by_user on platform.grants (user_id);
create index grants_by_sid on platform.grants (sid);

-- Pushed authorization requests (RFC 9126): bound to their client, used once, gone after a minute.
create table platform.pushed_requests (
  id         uuid primary key,
  client_id  text not null references platform.clients (id) on delete cascade,
  request    jsonb not null,
  expires_at timestamptz not null
);
create index pushed_requests_by_expiry on platform.pushed_requests (expires_at);

-- Every one-time id, so that using it twice is a conflict of keys.
create table platform.consumed_ids (
  kind       text not null,
  id         bytea not null,
  expires_at timestamptz not null,
  primary key (kind, id)
);
create index consumed_ids_by_expiry on platform.consumed_ids (expires_at);

-- Counters of attempts (generic cell rate algorithm: the one number is the
-- theoretical arrival time). Not logged: losing them with a crash forgives.
create unlogged table platform.rate_counters (
  key bytea primary key,
  tat timestamptz not null
) with (fillfactor = 70);

create table platform.signing_keys (
  kid            text primary key,
  algorithm      text not null,
  public_jwk     bytea not null,
  private_sealed bytea not null,
  created_at     timestamptz not null,
  published_at   timestamptz not null,
  active_at      timestamptz,
  retired_at     timestamptz,
  expires_at     timestamptz
);

create table platform.ip_bans (
  network    cidr primary key,
  reason     text not null default '',
  created_at timestamptz not null,
  expires_at timestamptz
);

create table platform.audit_events (
  id          uuid primary key,
  at          timestamptz not null,
  actor       text not null,
  actor_id    uuid,
  action      text not null,
  object_kind text not null,
  object_id   text not null,
  tenant_id   uuid,
  ip_address  inet,
  before      jsonb,
  after       jsonb
);
create index audit_events_by_time on platform.audit_events (at, id);
create index audit_events_by_object on platform.audit_events (object_kind, object_id, at);

-- What every replica caches is dropped when it changes: the trigger tells them.
-- +goose StatementBegin
create function platform.announce() returns trigger language plpgsql as $$
begin
  perform pg_notify('gatehouse', tg_table_name);
  return null;
end
$$;
-- +goose StatementEnd
create trigger announce after insert or update or delete on platform.clients for each statement execute function platform.announce();
create trigger announce after update or delete on platform.tenants for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.resources for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.scopes for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.roles for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.signing_keys for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.ip_bans for each statement execute function platform.announce();

-- Isolation. Every row that belongs to a user or a tenant is visible to them, to
-- the operator, and to a look-up that names it: to nobody else, whatever the
-- query forgot.
alter table platform.users enable row level security;
alter table platform.users force row level security;
create policy owned on platform.users using (
  id = platform.acting_user() or platform.acting_operator());
-- A sign-in finds an account and a tenant sees its members; neither changes them.
create policy found on platform.users for select using (
  username_folded = platform.named_identifier()
  or email_folded = platform.named_identifier()
  or exists (select from platform.user_group_memberships m
             where m.user_id = users.id and m.tenant_id = platform.acting_tenant()));

alter table platform.user_preferences enable row level security;
alter table platform.user_preferences force row level security;
create policy owned on platform.user_preferences
  using (user_id = platform.acting_user() or platform.acting_operator());

alter table platform.user_sessions enable row level security;
alter table platform.user_sessions force row level security;
create policy owned on platform.user_sessions
  using (user_id = platform.acting_user() or id = platform.named_row() or platform.acting_operator());

-- Ids alone: everyone who checks a token reads the ledger.
alter table platform.revoked_tokens enable row level security;
alter table platform.revoked_tokens force row level security;
create policy readable on platform.revoked_tokens for select using (true);
create policy owned on platform.revoked_tokens using (
  user_id is null or user_id = platform.acting_user() or platform.acting_operator());

alter table platform.user_groups enable row level security;
alter table platform.user_groups force row level security;
create policy owned on platform.user_groups using (
  tenant_id = platform.acting_tenant() or platform.acting_operator());
create policy joined on platform.user_groups for select using (
  exists (select from platform.user_group_memberships m
          where m.user_group_id = user_groups.id and m.user_id = platform.acting_user()));

alter table platform.user_group_memberships enable row level security;
alter table platform.user_group_memberships force row level security;
create policy owned on platform.user_group_memberships using (
  tenant_id = platform.acting_tenant() or platform.acting_operator());
create policy joined on platform.user_group_memberships for select using (user_id = platform.acting_user());

alter table platform.user_scopes enable row level security;
alter table platform.user_scopes force row level security;
create policy owned on platform.user_scopes using (
  tenant_id = platform.acting_tenant() or platform.acting_operator());
-- What a user holds is given by others.
create policy held on platform.user_scopes for select using (user_id = platform.acting_user());

alter table platform.consents enable row level security;
alter table platform.consents force row level security;
create policy owned on platform.consents
  using (user_id = platform.acting_user() or platform.acting_operator());

alter table platform.grants enable row level security;
alter table platform.grants force row level security;
create policy owned on platform.grants
  using (user_id = platform.acting_user() or id = platform.named_row() or platform.acting_operator());

alter table public.projects enable row level security;
alter table public.projects force row level security;
create policy owned on public.projects using (
  tenant_id = platform.acting_tenant() or platform.acting_operator());
create policy joined on public.projects for select using (
  exists (select from platform.user_group_memberships m
          where m.tenant_id = projects.tenant_id and m.user_id = platform.acting_user()));

alter table platform.tenants enable row level security;
alter table platform.tenants force row level security;
create policy owned on platform.tenants using (
  id = platform.acting_tenant() or platform.acting_operator());
create policy joined on platform.tenants for select using (
  exists (select from platform.user_group_memberships m
          where m.tenant_id = tenants.id and m.user_id = platform.acting_user()));

alter table platform.audit_events enable row level security;
alter table platform.audit_events force row level security;
create policy readable on platform.audit_events for select using (
  tenant_id = platform.acting_tenant() or actor_id = platform.acting_user() or platform.acting_operator());
create policy appended on platform.audit_events for insert with check (true);

insert into platform.roles (name, description, scopes) values
  ('viewer', 'Read-only access', '{user,agents:read}'),
  ('user', 'Standard operations', '{user,agents:read,tools:execute}'),
  ('admin', 'Full deployment access', '{admin,*}'),
  ('owner', 'Deployment owner', '{admin,*,billing,users:manage}');

insert into platform.scopes (name, title, description) values
  ('openid', 'Know who you are', 'A stable identifier of your account.'),
  ('profile', 'See your profile', 'Your name, user name and picture.'),
  ('email', 'See your e-mail address', 'The address and whether it is verified.'),
  ('address', 'See your postal address', ''),
  ('phone', 'See your telephone number', ''),
  ('offline_access', 'Stay connected', 'Keep its access while you are away, until you withdraw it.'),
  ('user', 'Act as you', 'Use your own account on your behalf.'),
  ('agents:read', 'See your agents', 'Read agents and what they did.'),
  ('tools:execute', 'Run tools', 'Run tools on your behalf.'),
  ('admin', 'Administer this deployment', 'Everything an administrator may do.'),
  ('billing', 'Manage billing', 'Plans, invoices and means of payment.'),
  ('users:manage', 'Manage users', 'Create, change and remove the accounts of others.');

-- +goose StatementBegin
do $$
begin
  grant gatehouse_app to current_user;
  grant usage on schema platform, public to gatehouse_app;
  grant select, insert, update, delete on all tables in schema platform to gatehouse_app;
  grant select, insert, update, delete on public.projects to gatehouse_app;
  -- Append-only: who did what cannot be rewritten by the program that did it.
  revoke update, delete on platform.audit_events from gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table public.projects cascade;
drop schema platform cascade;
