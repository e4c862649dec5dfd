-- Replicas know all clients by name, so they are told of new ones too, in other words: no older token rests on one.

-- +goose Up
-- The second argument is what the change is called, where that is not its table's name.
-- +goose StatementBegin
create or replace function platform.note_change() returns trigger language plpgsql as $$
declare
  changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
  called text := coalesce(tg_argv[1], tg_table_name);
begin
  insert into platform.changes (table_name, row_id) values (called, changed ->> tg_argv[0]);
  perform pg_notify('gatehouse', called);
  return null;
end
$$;
-- +goose StatementEnd
create trigger note_new after insert on platform.clients for each row execute function platform.note_change('id', 'new_clients');

-- +goose Down
drop trigger note_new on platform.clients;
-- +goose StatementBegin
create or replace function platform.note_change() returns trigger language plpgsql as $$
declare
  changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
  insert into platform.changes (table_name, row_id) values (tg_table_name, changed ->> tg_argv[0]);
  perform pg_notify('gatehouse', tg_table_name);
  return null;
end
$$;
-- +goose StatementEnd
