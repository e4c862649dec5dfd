-- People are found among a million by a part of their name, misspelt too, or by when they were last here; and
-- who was merged into whom, and how many signed in on which day, is known after the rows it was read from are gone.

-- +goose Up

create index users_by_last_login on platform.users (last_login_at);
-- With the user, so that the members of a group of any size are read in order.
drop index platform.memberships_by_group;
create index memberships_by_group on platform.user_group_memberships (tenant_id, user_group_id, user_id);
create index users_disabled on platform.users (id) where disabled_at is not null;

-- What Go folded, as the other folded columns; null where an older release wrote the row.
alter table platform.users add column display_name_folded text;

-- What a search looks into stands apart from the users: a sign-in, which writes its
-- user, leaves it alone. The operators that a trigram index serves may not run
-- before a policy has spoken, so a guarded table could not use one. Instead nobody
-- is granted anything here: platform.find_users and platform.similar_users read it,
-- and they ask for the operator.
create table platform.user_search (
  user_id uuid primary key references platform.users (id) on delete cascade,
  words   text not null
);

-- +goose StatementBegin
create function platform.index_user() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into platform.user_search as s (user_id, words)
  values (new.id, concat_ws(' ', new.username_folded, new.email_folded, coalesce(new.display_name_folded, lower(new.display_name))))
  on conflict (user_id) do update set words = excluded.words where s.words <> excluded.words;
  return null;
end
$$;
-- +goose StatementEnd
create trigger index_user after insert or update of username_folded, email_folded, display_name, display_name_folded on platform.users
  for each row execute function platform.index_user();

-- Forced row-level security binds whoever owns the table too.
select set_config('app.operator', 'on', true);
insert into platform.user_search (user_id, words)
  select id, concat_ws(' ', username_folded, email_folded, lower(display_name)) from platform.users;

-- The users in whose words the folded text stands, in the order of their ids; all
-- of them when "most" is null. Planned anew each time: how often a text stands
-- there decides the plan.
-- +goose StatementBegin
create function platform.find_users(folded text, after uuid, most integer) returns setof uuid
  language plpgsql stable rows 100 security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  pattern text := '%' || regexp_replace(folded, '([\\%_])', '\\\1', 'g') || '%';
begin
  if platform.acting_operator() then
    return query select s.user_id from platform.user_search s
      where s.words like pattern and (after is null or s.user_id > after) order by s.user_id limit most;
  end if;
end
$$;
-- +goose StatementEnd

-- The users whose words are the most like a text, at most so many, the likest
-- first; nobody where pg_trgm is not to be had.
-- +goose StatementBegin
create function platform.similar_users(folded text, most integer) returns setof uuid
  language sql stable as 'select null::uuid where false';

do $$
declare
  home name;
begin
  begin
    create extension if not exists pg_trgm schema platform;
  exception
    -- Not installed on the server, or not this user's to create.
    when insufficient_privilege or undefined_file or feature_not_supported then null;
  end;
  select n.nspname into home from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
  if home is null then
    return;
  end if;
  execute format('create index user_search_by_trigram on platform.user_search using gin (words %I.gin_trgm_ops) with (fastupdate = off)', home);
  drop function platform.similar_users;
  execute format($function$
    create function platform.similar_users(folded text, most integer) returns setof uuid
      language plpgsql rows 10 security definer set search_path = pg_catalog, pg_temp as $body$
    begin
      if platform.acting_operator() then
        perform set_config('pg_trgm.word_similarity_threshold', '0.5', true);
        return query select s.user_id from platform.user_search s where folded operator(%1$I.<%%) s.words
          order by %1$I.word_similarity(folded, s.words) desc, s.user_id limit most;
      end if;
    end
    $body$ $function$, home);
end
$$;
-- +goose StatementEnd

-- An id that was merged away is nobody's ever after.
create table platform.merged_users (
  source_id uuid primary key,
  target_id uuid not null,
  merged_at timestamptz not null
);
create index merged_users_by_target on platform.merged_users (target_id);
alter table platform.merged_users enable row level security;
alter table platform.merged_users force row level security;
create policy owned on platform.merged_users using (platform.acting_operator());

-- Sessions are removed a while after their end; how many there were stays. A day
-- is one of UTC. Written when sessions are cleaned up, never when somebody signs in.
create table platform.sign_in_days (
  day      date primary key,
  sign_ins bigint not null
);

revoke all on function platform.find_users(text, uuid, integer), platform.similar_users(text, integer) from public;
-- +goose StatementBegin
do $$
begin
  grant execute on function platform.find_users(text, uuid, integer) to gatehouse_app;
  grant execute on function platform.similar_users(text, integer) to gatehouse_app;
  grant select, insert, update on platform.merged_users to gatehouse_app;
  grant select, insert, update on platform.sign_in_days to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table platform.sign_in_days;
drop table platform.merged_users;
drop function platform.similar_users;
drop function platform.find_users;
drop trigger index_user on platform.users;
drop function platform.index_user;
drop table platform.user_search;
drop index platform.memberships_by_group;
create index memberships_by_group on platform.user_group_memberships (tenant_id, user_group_id);
drop index platform.users_disabled;
drop index platform.users_by_last_login;
alter table platform.users drop column display_name_folded;
-- +goose StatementBegin
do $$
begin
  if exists (select from pg_extension where extname = 'pg_trgm' and extnamespace = 'platform'::regnamespace) then
    drop extension pg_trgm;
  end if;
end
$$;
-- +goose StatementEnd
