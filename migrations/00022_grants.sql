-- What clients ask for beyond scopes and a browser: a sign-in that waits for the person's answer (OpenID CIBA), and rich authorization details (RFC 9396).

-- +goose Up

-- The id becomes the id of the grant, so one request leads to one grant at most.
-- The row goes when the client takes its tokens: that is what spends the auth_req_id.
create table platform.backchannel_requests (
  id                 uuid primary key,
  user_id            uuid not null references platform.users (id) on delete cascade,
  client_id          text not null references platform.clients (id) on delete cascade,
  scopes             text not null,
  binding_message    text not null,
  -- The client's own token for the call that tells it of the answer, sealed; null for a client that polls.
  notification_token bytea,
  details            jsonb,
  ip_address         inet,
  requested_at       timestamptz not null,
  expires_at         timestamptz not null,
  poll_interval      interval not null,
  last_polled_at     timestamptz,
  -- The last poll came before the interval was over.
  hasty              boolean not null default false,
  -- The person's answer; null while there is none.
  approved           boolean
) with (fillfactor = 80);
create index backchannel_requests_by_user on platform.backchannel_requests (user_id);
create index backchannel_requests_by_client on platform.backchannel_requests (client_id);
create index backchannel_requests_by_expiry on platform.backchannel_requests (expires_at);

-- The person who is asked, and the client that names the row by its auth_req_id.
alter table platform.backchannel_requests enable row level security;
alter table platform.backchannel_requests force row level security;
create policy owned on platform.backchannel_requests
  using (user_id = platform.acting_user() or id = platform.named_row() or platform.acting_operator());

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.backchannel_requests to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- The types of authorization details that a resource server understands, as JSON.
alter table platform.resources add column detail_types jsonb not null default '[]';

-- +goose Down
alter table platform.resources drop column detail_types;
drop table platform.backchannel_requests;
