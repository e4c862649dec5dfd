-- People are found however their accents are typed, "jose" as "José", and when two letters of a short name changed places.

-- What is there is indexed anew in batches, each its own transaction: nobody waits for more than one of them.
-- Until that is done, an older entry with accents may be found only as somebody similar.
-- +goose NO TRANSACTION

-- +goose Up

-- A folded text without its marks (accents, vowel points of Hebrew and Arabic), and with
-- plain letters for those that no decomposition makes plain. It transliterates nothing:
-- "mueller" is not "Müller". What is ASCII, most of all there is, stays as it is; so does what
-- would vanish, and everything where the database does not speak Unicode. Stable, and without
-- settings of its own, so that it is put into the place it is called from: 3 µs a user, not 20.
-- +goose StatementBegin
create or replace function platform.bare(folded text) returns text
  language sql stable parallel safe as $$
select case when octet_length(folded) = char_length(folded) or getdatabaseencoding() <> 'UTF8' then folded
  else coalesce(nullif(normalize(replace(replace(replace(translate(
    regexp_replace(normalize(folded, NFKD), '[\u0300-\u036f\u05b0-\u05bd\u064b-\u065f\u0670]', '', 'g'),
    'øłđðħŧı', 'olddhti'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'), NFKC), ''), folded) end
$$;
-- +goose StatementEnd
revoke all on function platform.bare(text) from public;

-- +goose StatementBegin
create or replace function platform.index_user() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into platform.user_search as s (user_id, words)
  values (new.id, platform.bare(concat_ws(' ', new.username_folded, new.email_folded, coalesce(new.display_name_folded, lower(new.display_name)))))
  on conflict (user_id) do update set words = excluded.words where s.words <> excluded.words;
  return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare
  last uuid := '00000000-0000-0000-0000-000000000000';
begin
  loop
    with batch as (
      select s.user_id, s.words from platform.user_search s where s.user_id > last order by s.user_id limit 5000
    ), changed as (
      update platform.user_search s set words = platform.bare(b.words) from batch b
        where s.user_id = b.user_id and s.words <> platform.bare(b.words)
    )
    select max(b.user_id::text)::uuid into last from batch b;
    exit when last is null;
    commit;
  end loop;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create or replace function platform.find_users(folded text, after uuid, most integer) returns setof uuid
  language plpgsql stable rows 100 security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  pattern text := '%' || regexp_replace(platform.bare(folded), '([\\%_])', '\\\1', 'g') || '%';
begin
  if platform.acting_operator() then
    return query select s.user_id from platform.user_search s
      where s.words like pattern and (after is null or s.user_id > after) order by s.user_id limit most;
  end if;
end
$$;
-- +goose StatementEnd

-- Beside what shares trigrams with the text: names in which it stands with two neighbours
-- swapped ("jhon"), of which a short one keeps too few. Of equally like ones first those whose
-- whole words are the likest, "john" before "joseph" for "jon", and before "josh", which has no n.
-- +goose StatementBegin
do $$
declare
  home name;
begin
  select n.nspname into home from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
  if home is null or to_regclass('platform.user_search_by_trigram') is null then
    return;
  end if;
  execute format($function$
    create or replace function platform.similar_users(folded text, most integer) returns setof uuid
      language plpgsql rows 10 security definer set search_path = pg_catalog, pg_temp as $body$
    declare
      text_bare text := platform.bare(folded);
      swapped   text;
      found     uuid[] := '{}';
    begin
      if not platform.acting_operator() then
        return;
      end if;
      if length(text_bare) between 4 and 20 then
        for i in 1 .. length(text_bare) - 1 loop
          swapped := overlay(text_bare placing substr(text_bare, i + 1, 1) || substr(text_bare, i, 1) from i for 2);
          found := found || array(select platform.find_users(swapped, null, most) where swapped <> text_bare);
        end loop;
      end if;
      perform set_config('pg_trgm.word_similarity_threshold', '0.4', true);
      return query select one.id from (
          select unnest(found) as id, 1::real as likeness, 1::real as whole, true as has_all
          union all
          select s.user_id, %1$I.word_similarity(text_bare, s.words), %1$I.strict_word_similarity(text_bare, s.words),
                 s.words like '%%' || regexp_replace(text_bare, '(.)', '\1%%', 'g')
            from platform.user_search s where text_bare operator(%1$I.<%%) s.words) one
        group by one.id order by max(one.likeness) desc, max(one.whole) desc, bool_or(one.has_all) desc, one.id limit most;
    end
    $body$ $function$, home);
end
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
declare
  home name;
begin
  select n.nspname into home from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
  if home is null or to_regclass('platform.user_search_by_trigram') is null then
    return;
  end if;
  execute format($function$
    create or replace function platform.similar_users(folded text, most integer) returns setof uuid
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
-- +goose StatementBegin
create or replace function platform.find_users(folded text, after uuid, most integer) returns setof uuid
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
-- +goose StatementBegin
create or replace function platform.index_user() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into platform.user_search as s (user_id, words)
  values (new.id, concat_ws(' ', new.username_folded, new.email_folded, coalesce(new.display_name_folded, lower(new.display_name))))
  on conflict (user_id) do update set words = excluded.words where s.words <> excluded.words;
  return null;
end
$$;
-- +goose StatementEnd
update platform.user_search s set words = concat_ws(' ', u.username_folded, u.email_folded, coalesce(u.display_name_folded, lower(u.display_name)))
  from platform.users u where u.id = s.user_id and s.words <> concat_ws(' ', u.username_folded, u.email_folded, coalesce(u.display_name_folded, lower(u.display_name)));
drop function if exists platform.bare(text);
