-- A notification in the transaction that revokes makes all of them commit one after the other; the replica that revokes tells the others afterwards, once for many.

-- +goose Up
drop trigger announce on platform.revoked_tokens;
drop function platform.announce();

-- What is no person's is no session, and most that is revoked is neither: that is found out first.
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
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
create function platform.announce() returns trigger language plpgsql as $$
begin
  perform pg_notify('gatehouse', tg_table_name);
  return null;
end
$$;
-- +goose StatementEnd
create trigger announce after insert on platform.revoked_tokens for each statement execute function platform.announce();
-- +goose StatementBegin
create or replace function platform.tell_clients_of_logout() returns trigger language plpgsql as $$
begin
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
-- +goose StatementEnd
