-- Others are told what happened: what the audit log and the ledger hear goes, in the same transaction, to whoever asked for it.

-- +goose Up

-- A receiver of events. tenant_id null: it hears of the whole deployment.
create table platform.webhooks (
  id                         uuid primary key,
  tenant_id                  uuid references platform.tenants (id) on delete cascade,
  -- The one client whose people it hears of; null for everybody's. Security event tokens alone.
  client_id                  text references platform.clients (id) on delete cascade,
  name                       text not null,
  protocol                     text not null check (protocol in ('webhook', 'set')),
  url                        text not null,
  -- Whom a security event token is for.
  audience                   text not null default '',
  -- Types, or families of them such as user.*
  events                     text[] not null,
  -- What signs the messages, or opens the door to a security event token; null for an open door.
  secret_sealed              bytea,
  previous_secret_sealed     bytea,
  previous_secret_expires_at timestamptz,
  created_at                 timestamptz not null,
  last_delivered_at          timestamptz,
  disabled_at                timestamptz,
  check (protocol = 'set' or secret_sealed is not null)
);
create index webhooks_by_tenant on platform.webhooks (tenant_id);
create index webhooks_by_client on platform.webhooks (client_id);

-- One message to one receiver: the log, and what is sent when it is tried again.
create table platform.webhook_deliveries (
  webhook_id   uuid not null references platform.webhooks (id) on delete cascade,
  event_id     uuid not null,
  tenant_id    uuid,
  type         text not null,
  at           timestamptz not null,
  data         jsonb not null,
  -- Since when it is tried.
  begun_at     timestamptz not null,
  tries        integer not null default 0,
  tried_at     timestamptz,
  outcome      text not null default '',
  delivered_at timestamptz,
  given_up_at  timestamptz,
  primary key (webhook_id, event_id)
) with (fillfactor = 80);
create index webhook_deliveries_by_age on platform.webhook_deliveries (event_id);

alter table platform.webhooks enable row level security;
alter table platform.webhooks force row level security;
create policy owned on platform.webhooks using (tenant_id = platform.acting_tenant() or platform.acting_operator());

alter table platform.webhook_deliveries enable row level security;
alter table platform.webhook_deliveries force row level security;
create policy owned on platform.webhook_deliveries using (tenant_id = platform.acting_tenant() or platform.acting_operator());

-- A text that may be an id, which must never be the end of the change that is told of.
create function platform.id_or_null(text) returns uuid language sql immutable
  return case when $1 ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then $1::uuid end;

-- An id that sorts by the time it is made (RFC 9562 §5.7).
create function platform.new_id() returns uuid language sql volatile
  return encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;

-- Whether a receiver asked for a type: by its name, or by its family.
create function platform.asked_for(events text[], type text) returns boolean language sql immutable
  return exists (select from unnest(events) e where e = type or right(e, 2) = '.*' and starts_with(type, left(e, -1)));

-- Each delivery becomes a job, in a queue of its own: a receiver that is slow or gone keeps no letter waiting.
-- +goose StatementBegin
create function platform.queue_delivery() returns trigger
  language plpgsql security definer set search_path = pg_catalog as $$
begin
  insert into river.river_job (max_attempts, kind, queue, args)
  select 25, 'webhook', 'webhooks', jsonb_build_object('webhook', d.webhook_id, 'event', d.event_id) from fresh d;
  if found then
    perform pg_notify('river.river_insert', '{"queue": "webhooks"}');
  end if;
  return null;
end
$$;
-- +goose StatementEnd
create trigger queue_delivery after insert on platform.webhook_deliveries
  referencing new table as fresh for each statement execute function platform.queue_delivery();

-- A tenant hears what was done in it, and what was done to those who are its members or were until then. Whoever acts
-- sees no receivers: this looks for them in the name of the schema's owner.
-- +goose StatementBegin
create function platform.tell_of_audit_events() returns trigger
  language plpgsql security definer set search_path = pg_catalog as $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
begin
  perform set_config('app.operator', 'on', true);
  if not exists (select from platform.webhooks w where w.disabled_at is null) then
    perform set_config('app.operator', acted, true);
    return null;
  end if;
  with told as materialized (
    select e.*, s.current_tenant_id as session_tenant,
           coalesce(case e.object_kind when 'user' then platform.id_or_null(e.object_id) when 'session' then s.user_id end,
             case when starts_with(e.action, 'user.') or starts_with(e.action, 'consent.') then e.actor_id end) as user_id
      from happened e left join platform.user_sessions s on e.object_kind = 'session' and s.id = platform.id_or_null(e.object_id)),
  heard as (
    select w.id as webhook_id, w.tenant_id as hearer, w.client_id, w.protocol, w.events, t.*
      from told t join platform.webhooks w on w.disabled_at is null and (
        w.tenant_id is null or w.tenant_id = t.tenant_id
        or t.tenant_id is null and (w.tenant_id = t.session_tenant
          or t.object_kind = 'user' and (t.before -> 'tenants' ? w.tenant_id::text
            or exists (select from platform.user_group_memberships m where m.user_id = t.user_id and m.tenant_id = w.tenant_id)))))
  insert into platform.webhook_deliveries (webhook_id, event_id, tenant_id, type, at, data, begun_at)
  select h.webhook_id, h.id, h.hearer, h.action, h.at, jsonb_build_object(
           'object', jsonb_build_object('kind', h.object_kind, 'id', h.object_id),
           'user_id', h.user_id, 'tenant_id', coalesce(h.tenant_id, h.session_tenant), 'actor_id', h.actor_id), h.at
    from heard h where h.protocol = 'webhook' and platform.asked_for(h.events, h.action)
  union all
  -- OpenID CAEP 1.0 §3.3: the proof of one person changed.
  select h.webhook_id, platform.new_id(), h.hearer, 'credential-change', h.at, jsonb_build_object(
           'user_id', h.user_id, 'credential_type', c.type, 'change_type', c.change,
           'initiating_entity', case when h.actor_id = h.user_id then 'user' else 'admin' end), h.at
    from heard h join (values
      ('user.password', 'password', 'update'), ('user.password.reset', 'password', 'update'),
      ('user.passkey.add', 'passkey', 'create'), ('user.passkey.remove', 'passkey', 'delete'),
      ('user.totp.set', 'app', 'update'), ('user.totp.remove', 'app', 'delete'),
      ('user.recovery_codes.make', 'recovery-codes', 'update'),
      ('user.remove-authenticators', 'passkey', 'revoke'), ('user.remove-authenticators', 'app', 'revoke'),
      ('user.remove-authenticators', 'recovery-codes', 'revoke')) c (action, type, change) on c.action = h.action
   where h.protocol = 'set' and platform.asked_for(h.events, 'credential-change')
     and (h.client_id is null or exists (select from platform.grants g where g.user_id = h.user_id and g.client_id = h.client_id));
  perform set_config('app.operator', acted, true);
  return null;
end
$$;
-- +goose StatementEnd
create trigger told after insert on platform.audit_events
  referencing new table as happened for each statement execute function platform.tell_of_audit_events();

-- Every way in which a session ends passes the ledger (OpenID CAEP 1.0 §3.1).
-- +goose StatementBegin
create function platform.tell_of_sessions() returns trigger
  language plpgsql security definer set search_path = pg_catalog as $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
begin
  perform set_config('app.operator', 'on', true);
  if not exists (select from platform.webhooks w where w.protocol = 'set' and w.disabled_at is null) then
    perform set_config('app.operator', acted, true);
    return null;
  end if;
  insert into platform.webhook_deliveries (webhook_id, event_id, tenant_id, type, at, data, begun_at)
  select w.id, platform.new_id(), w.tenant_id, 'session-revoked', d.revoked_at,
         jsonb_build_object('user_id', s.user_id, 'sid', s.token_jti, 'reason', d.reason), d.revoked_at
    from platform.webhooks w cross join dead d join platform.user_sessions s on s.token_jti = platform.id_or_null(d.jti)
   where w.protocol = 'set' and w.disabled_at is null and platform.asked_for(w.events, 'session-revoked')
     and (w.tenant_id is null or w.tenant_id = s.current_tenant_id)
     and (w.client_id is null or exists (select from platform.grants g where g.sid = s.token_jti and g.client_id = w.client_id));
  perform set_config('app.operator', acted, true);
  return null;
end
$$;
-- +goose StatementEnd
create trigger told after insert on platform.revoked_tokens
  referencing new table as dead for each statement execute function platform.tell_of_sessions();

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.webhooks, platform.webhook_deliveries to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop trigger told on platform.revoked_tokens;
drop trigger told on platform.audit_events;
drop function platform.tell_of_sessions();
drop function platform.tell_of_audit_events();
drop table platform.webhook_deliveries;
drop table platform.webhooks;
drop function platform.queue_delivery();
drop function platform.asked_for(text[], text);
drop function platform.new_id();
drop function platform.id_or_null(text);
