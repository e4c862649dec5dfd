-- The ledger outlives users and tenants, and a revoked token is the commonest entry: it waits for no key's owner and wakes no trigger that is for sessions.

-- +goose Up
alter table platform.revoked_tokens drop constraint revoked_tokens_user_id_fkey, drop constraint revoked_tokens_tenant_id_fkey;

drop trigger tell_clients_of_logout on platform.revoked_tokens;
drop trigger told on platform.revoked_tokens;

-- +goose StatementBegin
create or replace function platform.tell_clients_of_logout() returns trigger language plpgsql as $$
begin
  insert into river.river_job (max_attempts, kind, args)
  select distinct 5, 'backchannel_logout', jsonb_build_object('client', g.client_id, 'user', g.user_id, 'sid', g.sid)
    from platform.grants g where g.sid = platform.id_or_null(new.jti) and g.details ? 'notify_logout';
  if found then
    perform pg_notify('river.river_insert', '{"queue": "default"}');
  end if;
  return null;
end
$$;
create or replace function platform.tell_of_sessions() returns trigger language plpgsql
  security definer set search_path = pg_catalog as $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
begin
  perform set_config('app.operator', 'on', true);
  insert into platform.webhook_deliveries (webhook_id, event_id, tenant_id, type, at, data, begun_at)
  select w.id, platform.new_id(), w.tenant_id, 'session-revoked', new.revoked_at,
         jsonb_build_object('user_id', s.user_id, 'sid', s.token_jti, 'reason', new.reason), new.revoked_at
    from platform.webhooks w cross join platform.user_sessions s
   where s.token_jti = platform.id_or_null(new.jti)
     and w.protocol = 'set' and w.disabled_at is null and platform.asked_for(w.events, 'session-revoked')
     and (w.tenant_id is null or w.tenant_id = s.current_tenant_id)
     and (w.client_id is null or exists (select from platform.grants g where g.sid = s.token_jti and g.client_id = w.client_id));
  perform set_config('app.operator', acted, true);
  return null;
end
$$;
-- +goose StatementEnd

-- What names a client is a token or a grant of it, and no session.
create trigger tell_clients_of_logout after insert on platform.revoked_tokens
  for each row when (new.client_id is null and new.user_id is not null) execute function platform.tell_clients_of_logout();
create trigger told after insert on platform.revoked_tokens
  for each row when (new.client_id is null) execute function platform.tell_of_sessions();

-- +goose Down
delete from platform.revoked_tokens r where r.user_id is not null and not exists (select from platform.users u where u.id = r.user_id);
update platform.revoked_tokens r set tenant_id = null where tenant_id is not null and not exists (select from platform.tenants t where t.id = r.tenant_id);
alter table platform.revoked_tokens
  add constraint revoked_tokens_user_id_fkey foreign key (user_id) references platform.users (id) on delete cascade,
  add constraint revoked_tokens_tenant_id_fkey foreign key (tenant_id) references platform.tenants (id);

drop trigger tell_clients_of_logout on platform.revoked_tokens;
drop trigger told on platform.revoked_tokens;

-- +goose StatementBegin
create or replace function platform.tell_clients_of_logout() returns trigger language plpgsql as $$
begin
  if not exists (select from dead where user_id is not null) then
    return null;
  end if;
  with ended as materialized (
    select case when jti ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then jti::uuid end as sid
      from dead where user_id is not null)
  insert into river.river_job (max_attempts, kind, args)
  select distinct 5, 'backchannel_logout', jsonb_build_object('client', g.client_id, 'user', g.user_id, 'sid', g.sid)
    from ended e join platform.grants g on g.sid = e.sid
   where g.details ? 'notify_logout';
  if found then
    perform pg_notify('river.river_insert', '{"queue": "default"}');
  end if;
  return null;
end
$$;
create or replace function platform.tell_of_sessions() returns trigger language plpgsql
  security definer set search_path = pg_catalog as $$
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
create trigger tell_clients_of_logout after insert on platform.revoked_tokens
  referencing new table as dead for each statement execute function platform.tell_clients_of_logout();
create trigger told after insert on platform.revoked_tokens
  referencing new table as dead for each statement execute function platform.tell_of_sessions();
