-- Links that are mailed or handed over work once: whoever holds one proves a mail address, sets a password, signs in or joins.

-- +goose Up

-- Nothing of the secret in a link stands here: it is derived from the id under a key
-- that the database does not know. user_id is null for an invitation alone, which is
-- for somebody who may have no account yet.
create table platform.one_time_links (
  id           uuid primary key,
  purpose      text not null check (purpose in (
    'verify_email', 'reset_password', 'sign_in', 'set_up', 'change_email', 'undo_email', 'invitation')),
  user_id      uuid references platform.users (id) on delete cascade,
  -- The mail address that the link proves, restores or is for.
  email        text not null,
  email_folded text not null,
  -- What an invitation is to.
  tenant_id    uuid references platform.tenants (id) on delete cascade,
  group_id     uuid,
  role         text references platform.roles (name),
  -- Where a sign-in goes on: a sealed authorization request, bound to its browser.
  flow         text not null default '',
  created_at   timestamptz not null,
  expires_at   timestamptz not null,
  foreign key (tenant_id, group_id) references platform.user_groups (tenant_id, id) on delete cascade,
  check ((purpose = 'invitation') = (user_id is null)),
  check ((purpose = 'invitation') = (tenant_id is not null and role is not null))
);
-- A new link of a purpose takes the place of the one before.
create unique index one_time_links_by_user on platform.one_time_links (user_id, purpose);
create unique index one_time_links_by_address on platform.one_time_links (tenant_id, email_folded) where purpose = 'invitation';
create index one_time_links_by_expiry on platform.one_time_links (expires_at);

alter table platform.one_time_links enable row level security;
alter table platform.one_time_links force row level security;
create policy owned on platform.one_time_links using (
  user_id = platform.acting_user() or tenant_id = platform.acting_tenant()
  or id = platform.named_row() or platform.acting_operator());

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.one_time_links to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table platform.one_time_links;
