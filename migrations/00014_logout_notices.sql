-- Clients that ask for it are told when a session of theirs ends, whoever ends it and by
-- whatever way: the ledger is where every way passes.

-- +goose Up

-- +goose StatementBegin
create function platform.tell_clients_of_logout() returns trigger language plpgsql as $$
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
create trigger tell_clients_of_logout after insert on platform.revoked_tokens
  referencing new table as dead for each statement execute function platform.tell_clients_of_logout();

-- +goose Down
drop trigger tell_clients_of_logout on platform.revoked_tokens;
drop function platform.tell_clients_of_logout();
