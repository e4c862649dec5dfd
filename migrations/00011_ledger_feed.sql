-- Every replica keeps the ledger, and what else rarely changes, in memory: here it finds what changed since it last looked, in the order of commits.

-- +goose Up

-- A number from a sequence would not do as a cursor: it is given out before the
-- commit, so a long transaction's entry appears behind readers who have passed its
-- number. The id of the writing transaction, beside the snapshot of the last
-- reading, tells exactly which rows that reading could not see.
alter table platform.revoked_tokens add column txid xid8 not null default pg_current_xact_id();
create index revoked_tokens_by_txid on platform.revoked_tokens (txid);

-- What changed among the rows that replicas remember, or that decide what an older
-- token is still worth. Rows live as long as such a token may.
create table platform.changes (
  id         bigint generated always as identity primary key,
  txid       xid8 not null default pg_current_xact_id(),
  table_name text not null,
  row_id     text not null,
  at         timestamptz not null default clock_timestamp()
);
create index changes_by_txid on platform.changes (txid);

-- The argument is the column that names the row. The notification only wakes the
-- readers; the row is the truth.
-- +goose StatementBegin
create function platform.note_change() returns trigger language plpgsql as $$
declare
  changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
  insert into platform.changes (table_name, row_id) values (tg_table_name, changed ->> tg_argv[0]);
  perform pg_notify('gatehouse', tg_table_name);
  return null;
end
$$;
-- +goose StatementEnd

create trigger announce after insert on platform.revoked_tokens for each statement execute function platform.announce();

drop trigger announce on platform.clients;
drop trigger announce on platform.client_groups;
drop trigger announce on platform.tenants;
drop trigger announce on platform.resources;
drop trigger announce on platform.scopes;
drop trigger announce on platform.roles;
drop trigger announce on platform.signing_keys;
drop trigger announce on platform.ip_bans;
create trigger note_change after update or delete on platform.clients for each row execute function platform.note_change('id');
create trigger note_change after insert or update or delete on platform.client_groups for each row execute function platform.note_change('client_id');
create trigger note_change after update or delete on platform.tenants for each row execute function platform.note_change('id');
create trigger note_change after insert or update or delete on platform.resources for each row execute function platform.note_change('identifier');
create trigger note_change after insert or update or delete on platform.scopes for each row execute function platform.note_change('name');
create trigger note_change after insert or update or delete on platform.roles for each row execute function platform.note_change('name');
create trigger note_change after insert or update or delete on platform.signing_keys for each row execute function platform.note_change('kid');
create trigger note_change after insert or update or delete on platform.ip_bans for each row execute function platform.note_change('network');
-- Signing in changes a user's row too, and says nothing about their rights.
create trigger note_change after update on platform.users for each row
  when (old.authz_changed_at is distinct from new.authz_changed_at or old.role is distinct from new.role
        or old.disabled_at is distinct from new.disabled_at or old.username is distinct from new.username)
  execute function platform.note_change('id');
-- Whoever joins a group only gains.
create trigger note_change after delete on platform.user_group_memberships
  for each row execute function platform.note_change('user_id');

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.changes to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop trigger note_change on platform.user_group_memberships;
drop trigger note_change on platform.users;
drop trigger note_change on platform.ip_bans;
drop trigger note_change on platform.signing_keys;
drop trigger note_change on platform.roles;
drop trigger note_change on platform.scopes;
drop trigger note_change on platform.resources;
drop trigger note_change on platform.tenants;
drop trigger note_change on platform.client_groups;
drop trigger note_change on platform.clients;
drop trigger announce on platform.revoked_tokens;
create trigger announce after insert or update or delete on platform.clients for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.client_groups for each statement execute function platform.announce();
create trigger announce after update or delete on platform.tenants for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.resources for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.scopes for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.roles for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.signing_keys for each statement execute function platform.announce();
create trigger announce after insert or update or delete on platform.ip_bans for each statement execute function platform.announce();
drop function platform.note_change();
drop table platform.changes;
alter table platform.revoked_tokens drop column txid;
