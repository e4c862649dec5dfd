-- A device without a browser asks for a sign-in on another one (RFC 8628), and what it asks waits here for the answer.

-- +goose Up

-- The id becomes the id of the grant, so one request leads to one grant at most.
-- The row goes when the device takes its tokens: that is what spends the code.
create table platform.device_codes (
  id               uuid primary key,
  device_code_hash bytea not null,
  -- As it is typed: folded, without the dash.
  user_code        text not null unique,
  client_id        text not null references platform.clients (id) on delete cascade,
  scopes           text not null,
  ip_address       inet,
  requested_at     timestamptz not null,
  expires_at       timestamptz not null,
  poll_interval    interval not null,
  last_polled_at   timestamptz,
  -- The last poll came before the interval was over.
  hasty            boolean not null default false,
  -- The person's answer; null while there is none.
  approved         boolean
) with (fillfactor = 80);
create index device_codes_by_client on platform.device_codes (client_id);
create index device_codes_by_expiry on platform.device_codes (expires_at);

-- Nobody's until it is answered: the device names the row by its code, and a
-- person reads the one whose user code they type.
alter table platform.device_codes enable row level security;
alter table platform.device_codes force row level security;
create policy owned on platform.device_codes
  using (id = platform.named_row() or platform.acting_operator());
create policy found on platform.device_codes for select using (user_code = platform.named_identifier());

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.device_codes to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table platform.device_codes;
