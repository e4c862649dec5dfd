-- Work that a change sets off (mail, notices) is written down in the transaction of the change, so that it is done exactly when the change is.

-- The tables are River's, as its migrations 1 to 8 leave them, in a schema of their own.
-- The names and columns are the library's to choose; it reaches them as the application's role.

-- +goose Up
create schema river;

create type river.river_job_state as enum (
  'available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled');

-- +goose StatementBegin
create function river.river_job_state_in_bitmask(bitmask bit(8), state river.river_job_state) returns boolean
  language sql immutable as $$
    select case state
        when 'available' then get_bit(bitmask, 7)
        when 'cancelled' then get_bit(bitmask, 6)
        when 'completed' then get_bit(bitmask, 5)
        when 'discarded' then get_bit(bitmask, 4)
        when 'pending'   then get_bit(bitmask, 3)
        when 'retryable' then get_bit(bitmask, 2)
        when 'running'   then get_bit(bitmask, 1)
        when 'scheduled' then get_bit(bitmask, 0)
        else 0
    end = 1;
$$;
-- +goose StatementEnd

create table river.river_job (
  id            bigserial primary key,
  state         river.river_job_state not null default 'available',
  attempt       smallint not null default 0,
  max_attempts  smallint not null default 25,
  attempted_at  timestamptz,
  created_at    timestamptz not null default now(),
  finalized_at  timestamptz,
  scheduled_at  timestamptz not null default now(),
  priority      smallint not null default 1,
  args          jsonb not null,
  attempted_by  text[],
  errors        jsonb[],
  kind          text not null,
  metadata      jsonb not null default '{}',
  queue         text not null default 'default',
  tags          varchar(255)[] not null default '{}',
  unique_key    bytea,
  unique_states bit(8),
  constraint finalized_or_finalized_at_null check (
    (finalized_at is null) = (state not in ('cancelled', 'completed', 'discarded'))),
  constraint max_attempts_is_positive check (max_attempts > 0),
  constraint priority_in_range check (priority between 1 and 4),
  constraint queue_length check (char_length(queue) between 1 and 127),
  constraint kind_length check (char_length(kind) between 1 and 127)
);
create index river_job_kind on river.river_job (kind);
create index river_job_state_and_finalized_at_index on river.river_job (state, finalized_at) where finalized_at is not null;
create index river_job_prioritized_fetching_index on river.river_job (state, queue, priority, scheduled_at, id);
create unique index river_job_unique_idx on river.river_job (unique_key)
  where unique_key is not null and unique_states is not null and river.river_job_state_in_bitmask(unique_states, state);

create unlogged table river.river_leader (
  elected_at timestamptz not null,
  expires_at timestamptz not null,
  leader_id  text not null,
  name       text primary key default 'default',
  constraint name_length check (name = 'default'),
  constraint leader_id_length check (char_length(leader_id) between 1 and 127)
);

create table river.river_queue (
  name       text primary key,
  created_at timestamptz not null default now(),
  metadata   jsonb not null default '{}',
  paused_at  timestamptz,
  updated_at timestamptz not null default current_timestamp
);

create table river.river_notification (
  id         bigserial primary key,
  created_at timestamptz not null default now(),
  payload    text not null,
  topic      text not null,
  constraint topic_length check (length(topic) between 1 and 127)
);
create index river_notification_created_at_idx on river.river_notification (created_at);
create index river_notification_topic_id_idx on river.river_notification (topic, id);

-- +goose StatementBegin
do $$
begin
  grant usage on schema river to gatehouse_app;
  grant select, insert, update, delete on all tables in schema river to gatehouse_app;
  grant usage on all sequences in schema river to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop schema river cascade;
