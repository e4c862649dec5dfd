-- Who creates something over a network that may lose the answer asks again with the same key, and it must not be made twice.

-- +goose Up

create table platform.idempotency_keys (
  -- Whose key it is: a user, a client or the host.
  actor        text not null,
  key          text not null,
  -- A keyed digest of the request, in which a password may stand.
  request_hash bytea not null,
  -- The answer, sealed, for a secret may stand in it; null until there is one.
  answer       bytea,
  created_at   timestamptz not null,
  expires_at   timestamptz not null,
  primary key (actor, key)
);
create index idempotency_keys_by_expiry on platform.idempotency_keys (expires_at);

alter table platform.idempotency_keys enable row level security;
alter table platform.idempotency_keys force row level security;
create policy owned on platform.idempotency_keys using (platform.acting_operator());

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.idempotency_keys to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table platform.idempotency_keys;
