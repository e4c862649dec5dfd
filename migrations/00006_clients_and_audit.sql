-- A client says which people may use it, and the audit log becomes a chain that shows when a link is missing.

-- +goose Up

-- Whoever is not named may not use the client. What people use already stays open to them.
alter table platform.clients
  add column open_to text not null default 'nobody' check (open_to in ('nobody', 'tenant', 'everyone', 'groups')),
  -- When a right of the client last changed: older tokens are derived anew.
  add column authz_changed_at timestamptz;
update platform.clients set open_to = case when tenant_id is null then 'everyone' else 'tenant' end
 where kind in ('web', 'spa', 'native');

-- The groups that a client is open to. A group that is deleted takes its row along,
-- which closes the client to its members and opens it to nobody.
create table platform.client_groups (
  client_id text not null references platform.clients (id) on delete cascade,
  tenant_id uuid not null,
  group_id  uuid not null,
  primary key (client_id, group_id),
  foreign key (tenant_id, group_id) references platform.user_groups (tenant_id, id) on delete cascade
);
create index client_groups_by_group on platform.client_groups (tenant_id, group_id);
create trigger announce after insert or update or delete on platform.client_groups for each statement execute function platform.announce();

alter table platform.client_groups enable row level security;
alter table platform.client_groups force row level security;
create policy owned on platform.client_groups using (
  tenant_id = platform.acting_tenant() or platform.acting_operator());

-- The ends of the chains. There are several, so that two changes at once need not
-- wait for each other: each takes one that is free. base is what stood before the
-- oldest event that is still kept.
create table platform.audit_heads (
  chain     smallint primary key,
  base_seq  bigint not null default 0,
  base_hash bytea not null default '',
  seq       bigint not null default 0,
  hash      bytea not null default ''
) with (fillfactor = 20);
insert into platform.audit_heads (chain) select generate_series(0, 15);

alter table platform.audit_events
  add column chain smallint,
  add column seq bigint,
  add column hash bytea;

-- What an event's hash is made of: every column by name, so that one more column
-- changes no hash that stands.
-- +goose StatementBegin
create function platform.audit_digest(before_it bytea, e platform.audit_events) returns bytea
  language sql immutable set timezone = 'UTC' as $$
  select sha256(before_it || convert_to(jsonb_build_array(e.chain, e.seq, e.id, e.at, e.actor, e.actor_id, e.action, e.object_kind,
    e.object_id, e.tenant_id, host(e.ip_address), e.before, e.after)::text, 'UTF8'))
$$;
-- +goose StatementEnd

-- The program appends events and nothing else: where they stand, and the hash over
-- the one before, is decided here, in the name of the schema's owner.
-- +goose StatementBegin
create function platform.chain_audit_event() returns trigger
  language plpgsql security definer set search_path = pg_catalog as $$
declare
  head  platform.audit_heads;
  -- Transactions at the same time begin to look at different ends.
  first bigint := pg_current_xact_id()::text::bigint % 16;
begin
  select * into head from platform.audit_heads h order by (h.chain + 16 - first) % 16 limit 1 for update skip locked;
  if not found then
    select * into strict head from platform.audit_heads h where h.chain = first for update;
  end if;
  new.chain := head.chain;
  new.seq := head.seq + 1;
  new.hash := platform.audit_digest(head.hash, new);
  update platform.audit_heads h set seq = new.seq, hash = new.hash where h.chain = new.chain;
  return new;
end
$$;
-- +goose StatementEnd

-- What is there already is chained in the order of its ids.
alter table platform.audit_events no force row level security;
-- +goose StatementBegin
do $$
declare
  e platform.audit_events;
  head platform.audit_heads;
begin
  select * into head from platform.audit_heads where chain = 0;
  for e in select * from platform.audit_events order by id loop
    head.seq := head.seq + 1;
    e.chain := 0;
    e.seq := head.seq;
    head.hash := platform.audit_digest(head.hash, e);
    update platform.audit_events set chain = 0, seq = head.seq, hash = head.hash where id = e.id;
  end loop;
  update platform.audit_heads set seq = head.seq, hash = head.hash where chain = 0;
end
$$;
-- +goose StatementEnd
alter table platform.audit_events force row level security;

alter table platform.audit_events
  alter column chain set not null,
  alter column seq set not null,
  alter column hash set not null,
  add unique (chain, seq);
create trigger chained before insert on platform.audit_events for each row execute function platform.chain_audit_event();

create index audit_events_by_actor on platform.audit_events (actor_id, id) where actor_id is not null;
create index audit_events_by_tenant on platform.audit_events (tenant_id, id) where tenant_id is not null;
drop index platform.audit_events_by_time;
drop index platform.audit_events_by_object;
create index audit_events_by_object on platform.audit_events (object_kind, object_id, id);

-- The only way in which events leave: from the old end of each chain, none that is
-- younger than ninety days whatever the caller says, and with a note of the hash
-- at which the rest begins.
create policy forgotten on platform.audit_events for delete using (platform.acting_operator());
-- +goose StatementBegin
create function platform.forget_audit_events(older_than timestamptz, at_most integer) returns bigint
  language plpgsql security definer set search_path = pg_catalog as $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
  head   platform.audit_heads;
  last   record;
  gone   bigint := 0;
  cutoff timestamptz := least(older_than, now() - interval '90 days');
begin
  perform set_config('app.operator', 'on', true);
  for head in select * from platform.audit_heads h order by h.chain for update skip locked loop
    select e.seq, e.hash into last from (
      select x.seq, x.hash, bool_and(x.at < cutoff) over (order by x.seq) as old from platform.audit_events x
       where x.chain = head.chain order by x.seq limit at_most) e
     where e.old order by e.seq desc limit 1;
    if found then
      delete from platform.audit_events e where e.chain = head.chain and e.seq <= last.seq;
      update platform.audit_heads h set base_seq = last.seq, base_hash = last.hash where h.chain = head.chain;
      gone := gone + last.seq - head.base_seq;
    end if;
  end loop;
  perform set_config('app.operator', acted, true);
  return gone;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.client_groups to gatehouse_app;
  grant select on platform.audit_heads to gatehouse_app;
  revoke execute on function platform.forget_audit_events(timestamptz, integer) from public;
  grant execute on function platform.forget_audit_events(timestamptz, integer) to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop function platform.forget_audit_events(timestamptz, integer);
drop policy forgotten on platform.audit_events;
drop trigger chained on platform.audit_events;
drop function platform.chain_audit_event();
drop function platform.audit_digest(bytea, platform.audit_events);
drop index platform.audit_events_by_actor;
drop index platform.audit_events_by_tenant;
drop index platform.audit_events_by_object;
create index audit_events_by_time on platform.audit_events (at, id);
create index audit_events_by_object on platform.audit_events (object_kind, object_id, at);
alter table platform.audit_events drop column chain, drop column seq, drop column hash;
drop table platform.audit_heads;
drop table platform.client_groups;
alter table platform.clients drop column open_to, drop column authz_changed_at;
