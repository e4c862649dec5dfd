-- What a tenant has booked is held to wherever the thing is added, whichever way it comes and however
-- many come at once: the statement that adds it counts, under a lock on the tenant.

-- +goose Up

-- Whoever adds may see their own rows alone; to count, all of the tenant's must be
-- seen. The setting holds for the function and is put back behind it; "set" among the
-- function's own options would ask for a superuser.
-- +goose StatementBegin
create function platform.hold_to_max_users() returns trigger language plpgsql as $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
  booked record;
begin
  perform set_config('app.operator', 'on', true);
  for booked in
    select t.id, t.max_users from platform.tenants t
     where t.max_users is not null and t.id in (select tenant_id from added) order by t.id for no key update
  loop
    if (select count(distinct m.user_id) from platform.user_group_memberships m where m.tenant_id = booked.id) > booked.max_users then
      raise exception using errcode = 'GH001', message = 'max_users', detail = booked.max_users::text;
    end if;
  end loop;
  perform set_config('app.operator', acted, true);
  return null;
end
$$;
-- +goose StatementEnd
create trigger hold_to_max_users after insert on platform.user_group_memberships
  referencing new table as added for each statement execute function platform.hold_to_max_users();

-- +goose StatementBegin
create function platform.hold_to_max_agents() returns trigger language plpgsql as $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
  booked record;
begin
  perform set_config('app.operator', 'on', true);
  for booked in
    select t.id, t.max_agents from platform.tenants t
     where t.max_agents is not null and t.id in (select tenant_id from added where kind = 'agent') order by t.id for no key update
  loop
    if (select count(*) from platform.clients c where c.tenant_id = booked.id and c.kind = 'agent') > booked.max_agents then
      raise exception using errcode = 'GH001', message = 'max_agents', detail = booked.max_agents::text;
    end if;
  end loop;
  perform set_config('app.operator', acted, true);
  return null;
end
$$;
-- +goose StatementEnd
create trigger hold_to_max_agents after insert on platform.clients
  referencing new table as added for each statement execute function platform.hold_to_max_agents();

-- Files of users. They count against the tenant in which they were uploaded.
create table platform.files (
  id         uuid primary key,
  user_id    uuid not null references platform.users (id) on delete cascade,
  tenant_id  uuid not null references platform.tenants (id) on delete cascade,
  -- What the file is to its user, once.
  purpose    text not null check (purpose = 'avatar'),
  media_type text not null,
  content    bytea not null,
  created_at timestamptz not null,
  unique (user_id, purpose)
);
create index files_by_tenant on platform.files (tenant_id);
-- It is compressed already.
alter table platform.files alter column content set storage external;

alter table platform.files enable row level security;
alter table platform.files force row level security;
create policy owned on platform.files using (user_id = platform.acting_user() or platform.acting_operator());
-- A picture is shown to whoever has its address, which names the one row.
create policy named on platform.files for select using (id = platform.named_row());

-- +goose StatementBegin
create function platform.hold_to_storage_quota() returns trigger language plpgsql as $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
  booked record;
begin
  perform set_config('app.operator', 'on', true);
  for booked in
    select t.id, t.storage_quota_gb from platform.tenants t
     where t.storage_quota_gb is not null and t.id in (select tenant_id from added) order by t.id for no key update
  loop
    if (select coalesce(sum(octet_length(f.content)::bigint), 0) from platform.files f where f.tenant_id = booked.id) > booked.storage_quota_gb::bigint * 1073741824 then
      raise exception using errcode = 'GH001', message = 'storage_quota_gb', detail = booked.storage_quota_gb::text;
    end if;
  end loop;
  perform set_config('app.operator', acted, true);
  return null;
end
$$;
-- +goose StatementEnd
-- A file is replaced by a new one under a new address, never changed in place.
create trigger hold_to_storage_quota after insert on platform.files
  referencing new table as added for each statement execute function platform.hold_to_storage_quota();
-- +goose StatementBegin
create function platform.files_stay_as_they_are() returns trigger language plpgsql as $$
begin
  if old.content is distinct from new.content or old.tenant_id <> new.tenant_id then
    raise exception 'a file is replaced, not changed';
  end if;
  return new;
end
$$;
-- +goose StatementEnd
create trigger files_stay_as_they_are before update on platform.files
  for each row execute function platform.files_stay_as_they_are();

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.files to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table platform.files;
drop function platform.files_stay_as_they_are();
drop function platform.hold_to_storage_quota();
drop trigger hold_to_max_agents on platform.clients;
drop function platform.hold_to_max_agents();
drop trigger hold_to_max_users on platform.user_group_memberships;
drop function platform.hold_to_max_users();
