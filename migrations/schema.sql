-- The whole schema, dumped from what the migrations build; do not edit (make schema).

CREATE SCHEMA platform;

CREATE SCHEMA river;

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA platform;

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE TYPE river.river_job_state AS ENUM (
    'available',
    'cancelled',
    'completed',
    'discarded',
    'pending',
    'retryable',
    'running',
    'scheduled'
);

CREATE FUNCTION platform.acting_operator() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (COALESCE(current_setting('app.operator'::text, true), ''::text) = 'on'::text);

CREATE FUNCTION platform.acting_tenant() RETURNS uuid
    LANGUAGE sql STABLE
    RETURN (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid;

CREATE FUNCTION platform.acting_user() RETURNS uuid
    LANGUAGE sql STABLE
    RETURN (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid;

CREATE FUNCTION platform.asked_for(events text[], type text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN (EXISTS (SELECT FROM unnest(asked_for.events) e(e) WHERE ((e.e = asked_for.type) OR (("right"(e.e, 2) = '.*'::text) AND starts_with(asked_for.type, "left"(e.e, '-1'::integer))))));

CREATE TABLE platform.audit_events (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    actor_id uuid,
    action text NOT NULL,
    object_kind text NOT NULL,
    object_id text NOT NULL,
    tenant_id uuid,
    ip_address inet,
    before jsonb,
    after jsonb,
    chain smallint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL
);

ALTER TABLE ONLY platform.audit_events FORCE ROW LEVEL SECURITY;

CREATE FUNCTION platform.audit_digest(before_it bytea, e platform.audit_events) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    SET "TimeZone" TO 'UTC'
    AS $$
  select sha256(before_it || convert_to(jsonb_build_array(e.chain, e.seq, e.id, e.at, e.actor, e.actor_id, e.action, e.object_kind,
    e.object_id, e.tenant_id, host(e.ip_address), e.before, e.after)::text, 'UTF8'))
$$;

CREATE FUNCTION platform.bare(folded text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
select case when octet_length(folded) = char_length(folded) or getdatabaseencoding() <> 'UTF8' then folded
  else coalesce(nullif(normalize(replace(replace(replace(translate(
    regexp_replace(normalize(folded, NFKD), '[\u0300-\u036f\u05b0-\u05bd\u064b-\u065f\u0670]', '', 'g'),
    'øłđðħŧı', 'olddhti'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'), NFKC), ''), folded) end
$$;

CREATE FUNCTION platform.chain_audit_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog'
    AS $$
declare
  head  platform.audit_heads;
  -- Transactions at the same time begin to look at different ends.
  first bigint := pg_current_xact_id()::text::bigint % 16;
begin
  select * into head from platform.audit_heads h order by (h.chain + 16 - first) % 16 limit 1 for update skip locked;
  if not found then
    select * into strict head from platform.audit_heads h where h.chain = first for update;
  end if;
  new.chain := head.chain;
  new.seq := head.seq + 1;
  new.hash := platform.audit_digest(head.hash, new);
  update platform.audit_heads h set seq = new.seq, hash = new.hash where h.chain = new.chain;
  return new;
end
$$;

CREATE FUNCTION platform.delete_groups_of_project() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  delete from platform.user_groups where project_id = old.id;
  return old;
end
$$;

CREATE FUNCTION platform.files_stay_as_they_are() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if old.content is distinct from new.content or old.tenant_id <> new.tenant_id then
    raise exception 'a file is replaced, not changed';
  end if;
  return new;
end
$$;

CREATE FUNCTION platform.find_users(folded text, after uuid, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
declare
  pattern text := '%' || regexp_replace(platform.bare(folded), '([\\%_])', '\\\1', 'g') || '%';
begin
  if platform.acting_operator() then
    return query select s.user_id from platform.user_search s
      where s.words like pattern and (after is null or s.user_id > after) order by s.user_id limit most;
  end if;
end
$$;

CREATE FUNCTION platform.forget_audit_events(older_than timestamp with time zone, at_most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog'
    AS $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
  head   platform.audit_heads;
  last   record;
  gone   bigint := 0;
  cutoff timestamptz := least(older_than, now() - interval '90 days');
begin
  perform set_config('app.operator', 'on', true);
  for head in select * from platform.audit_heads h order by h.chain for update skip locked loop
    select e.seq, e.hash into last from (
      select x.seq, x.hash, bool_and(x.at < cutoff) over (order by x.seq) as old from platform.audit_events x
       where x.chain = head.chain order by x.seq limit at_most) e
     where e.old order by e.seq desc limit 1;
    if found then
      delete from platform.audit_events e where e.chain = head.chain and e.seq <= last.seq;
      update platform.audit_heads h set base_seq = last.seq, base_hash = last.hash where h.chain = head.chain;
      gone := gone + last.seq - head.base_seq;
    end if;
  end loop;
  perform set_config('app.operator', acted, true);
  return gone;
end
$$;

CREATE FUNCTION platform.hold_to_max_agents() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
  booked record;
begin
  perform set_config('app.operator', 'on', true);
  for booked in
    select t.id, t.max_agents from platform.tenants t
     where t.max_agents is not null and t.id in (select tenant_id from added where kind = 'agent') order by t.id for no key update
  loop
    if (select count(*) from platform.clients c where c.tenant_id = booked.id and c.kind = 'agent') > booked.max_agents then
      raise exception using errcode = 'GH001', message = 'max_agents', detail = booked.max_agents::text;
    end if;
  end loop;
  perform set_config('app.operator', acted, true);
  return null;
end
$$;

CREATE FUNCTION platform.hold_to_max_users() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
  booked record;
begin
  perform set_config('app.operator', 'on', true);
  for booked in
    select t.id, t.max_users from platform.tenants t
     where t.max_users is not null and t.id in (select tenant_id from added) order by t.id for no key update
  loop
    if (select count(distinct m.user_id) from platform.user_group_memberships m where m.tenant_id = booked.id) > booked.max_users then
      raise exception using errcode = 'GH001', message = 'max_users', detail = booked.max_users::text;
    end if;
  end loop;
  perform set_config('app.operator', acted, true);
  return null;
end
$$;

CREATE FUNCTION platform.hold_to_storage_quota() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
  booked record;
begin
  perform set_config('app.operator', 'on', true);
  for booked in
    select t.id, t.storage_quota_gb from platform.tenants t
     where t.storage_quota_gb is not null and t.id in (select tenant_id from added) order by t.id for no key update
  loop
    if (select coalesce(sum(octet_length(f.content)::bigint), 0) from platform.files f where f.tenant_id = booked.id) > booked.storage_quota_gb::bigint * 1073741824 then
      raise exception using errcode = 'GH001', message = 'storage_quota_gb', detail = booked.storage_quota_gb::text;
    end if;
  end loop;
  perform set_config('app.operator', acted, true);
  return null;
end
$$;

CREATE FUNCTION platform.id_or_null(text) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN ($1 ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'::text) THEN ($1)::uuid ELSE NULL::uuid END;

CREATE FUNCTION platform.index_user() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  insert into platform.user_search as s (user_id, words)
  values (new.id, platform.bare(concat_ws(' ', new.username_folded, new.email_folded, coalesce(new.display_name_folded, lower(new.display_name)))))
  on conflict (user_id) do update set words = excluded.words where s.words <> excluded.words;
  return null;
end
$$;

CREATE FUNCTION platform.named_identifier() RETURNS text
    LANGUAGE sql STABLE
    RETURN NULLIF(current_setting('app.identifier'::text, true), ''::text);

CREATE FUNCTION platform.named_row() RETURNS uuid
    LANGUAGE sql STABLE
    RETURN (NULLIF(current_setting('app.row_id'::text, true), ''::text))::uuid;

CREATE FUNCTION platform.new_id() RETURNS uuid
    LANGUAGE sql
    RETURN (encode(set_bit(set_bit(OVERLAY(uuid_send(gen_random_uuid()) PLACING SUBSTRING(int8send(((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint) FROM 3) FROM 1 FOR 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid;

CREATE FUNCTION platform.note_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
  changed jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
  called text := coalesce(tg_argv[1], tg_table_name);
begin
  insert into platform.changes (table_name, row_id) values (called, changed ->> tg_argv[0]);
  perform pg_notify('gatehouse', called);
  return null;
end
$$;

CREATE FUNCTION platform.queue_delivery() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog'
    AS $$
begin
  insert into river.river_job (max_attempts, kind, queue, args)
  select 25, 'webhook', 'webhooks', jsonb_build_object('webhook', d.webhook_id, 'event', d.event_id) from fresh d;
  if found then
    perform pg_notify('river.river_insert', '{"queue": "webhooks"}');
  end if;
  return null;
end
$$;

CREATE FUNCTION platform.similar_users(folded text, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER ROWS 10
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
          select s.user_id, platform.word_similarity(text_bare, s.words), platform.strict_word_similarity(text_bare, s.words),
                 s.words like '%' || regexp_replace(text_bare, '(.)', '\1%', 'g')
            from platform.user_search s where text_bare operator(platform.<%) s.words) one
        group by one.id order by max(one.likeness) desc, max(one.whole) desc, bool_or(one.has_all) desc, one.id limit most;
    end
    $$;

CREATE FUNCTION platform.tell_clients_of_logout() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION platform.tell_of_audit_events() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog'
    AS $$
declare
  acted text := coalesce(current_setting('app.operator', true), '');
begin
  perform set_config('app.operator', 'on', true);
  if not exists (select from platform.webhooks w where w.disabled_at is null) then
    perform set_config('app.operator', acted, true);
    return null;
  end if;
  with told as materialized (
    select e.*, s.current_tenant_id as session_tenant,
           coalesce(case e.object_kind when 'user' then platform.id_or_null(e.object_id) when 'session' then s.user_id end,
             case when starts_with(e.action, 'user.') or starts_with(e.action, 'consent.') then e.actor_id end) as user_id
      from happened e left join platform.user_sessions s on e.object_kind = 'session' and s.id = platform.id_or_null(e.object_id)),
  heard as (
    select w.id as webhook_id, w.tenant_id as hearer, w.client_id, w.protocol, w.events, t.*
      from told t join platform.webhooks w on w.disabled_at is null and (
        w.tenant_id is null or w.tenant_id = t.tenant_id
        or t.tenant_id is null and (w.tenant_id = t.session_tenant
          or t.object_kind = 'user' and (t.before -> 'tenants' ? w.tenant_id::text
            or exists (select from platform.user_group_memberships m where m.user_id = t.user_id and m.tenant_id = w.tenant_id)))))
  insert into platform.webhook_deliveries (webhook_id, event_id, tenant_id, type, at, data, begun_at)
  select h.webhook_id, h.id, h.hearer, h.action, h.at, jsonb_build_object(
           'object', jsonb_build_object('kind', h.object_kind, 'id', h.object_id),
           'user_id', h.user_id, 'tenant_id', coalesce(h.tenant_id, h.session_tenant), 'actor_id', h.actor_id), h.at
    from heard h where h.protocol = 'webhook' and platform.asked_for(h.events, h.action)
  union all
  -- OpenID CAEP 1.0 §3.3: the proof of one person changed.
  select h.webhook_id, platform.new_id(), h.hearer, 'credential-change', h.at, jsonb_build_object(
           'user_id', h.user_id, 'credential_type', c.type, 'change_type', c.change,
           'initiating_entity', case when h.actor_id = h.user_id then 'user' else 'admin' end), h.at
    from heard h join (values
      ('user.password', 'password', 'update'), ('user.password.reset', 'password', 'update'),
      ('user.passkey.add', 'passkey', 'create'), ('user.passkey.remove', 'passkey', 'delete'),
      ('user.totp.set', 'app', 'update'), ('user.totp.remove', 'app', 'delete'),
      ('user.recovery_codes.make', 'recovery-codes', 'update'),
      ('user.remove-authenticators', 'passkey', 'revoke'), ('user.remove-authenticators', 'app', 'revoke'),
      ('user.remove-authenticators', 'recovery-codes', 'revoke')) c (action, type, change) on c.action = h.action
   where h.protocol = 'set' and platform.asked_for(h.events, 'credential-change')
     and (h.client_id is null or exists (select from platform.grants g where g.user_id = h.user_id and g.client_id = h.client_id));
  perform set_config('app.operator', acted, true);
  return null;
end
$$;

CREATE FUNCTION platform.tell_of_sessions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog'
    AS $$
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

CREATE FUNCTION river.river_job_state_in_bitmask(bitmask bit, state river.river_job_state) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
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

CREATE TABLE platform.attestation_policies (
    tenant_id uuid NOT NULL,
    aaguids uuid[] NOT NULL,
    CONSTRAINT attestation_policies_aaguids_check CHECK ((cardinality(aaguids) > 0))
);

ALTER TABLE ONLY platform.attestation_policies FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.audit_heads (
    chain smallint NOT NULL,
    base_seq bigint DEFAULT 0 NOT NULL,
    base_hash bytea DEFAULT '\x'::bytea NOT NULL,
    seq bigint DEFAULT 0 NOT NULL,
    hash bytea DEFAULT '\x'::bytea NOT NULL
)
WITH (fillfactor='20');

CREATE TABLE platform.backchannel_requests (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    client_id text NOT NULL,
    scopes text NOT NULL,
    binding_message text NOT NULL,
    notification_token bytea,
    details jsonb,
    ip_address inet,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    poll_interval interval NOT NULL,
    last_polled_at timestamp with time zone,
    hasty boolean DEFAULT false NOT NULL,
    approved boolean
)
WITH (fillfactor='80');

ALTER TABLE ONLY platform.backchannel_requests FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.changes (
    id bigint NOT NULL,
    txid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    table_name text NOT NULL,
    row_id text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE platform.changes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME platform.changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE platform.client_groups (
    client_id text NOT NULL,
    tenant_id uuid NOT NULL,
    group_id uuid NOT NULL
);

ALTER TABLE ONLY platform.client_groups FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.clients (
    id text NOT NULL,
    tenant_id uuid,
    kind text NOT NULL,
    name text NOT NULL,
    owner_id uuid,
    auth_method text NOT NULL,
    secret_hash bytea,
    previous_secret_hash bytea,
    previous_secret_expires_at timestamp with time zone,
    jwks jsonb,
    grant_types text[] NOT NULL,
    scopes text[] NOT NULL,
    redirect_uris text[] DEFAULT '{}'::text[] NOT NULL,
    post_logout_redirect_uris text[] DEFAULT '{}'::text[] NOT NULL,
    id_token_alg text DEFAULT 'RS256'::text NOT NULL,
    introspect boolean DEFAULT false NOT NULL,
    first_party boolean DEFAULT false NOT NULL,
    skip_consent boolean DEFAULT false NOT NULL,
    self_registered boolean DEFAULT false NOT NULL,
    id_token_at_refresh boolean DEFAULT false NOT NULL,
    logo_uri text DEFAULT ''::text NOT NULL,
    policy_uri text DEFAULT ''::text NOT NULL,
    tos_uri text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone,
    open_to text DEFAULT 'nobody'::text NOT NULL,
    authz_changed_at timestamp with time zone,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    origin text DEFAULT 'operator'::text NOT NULL,
    registration_token_id uuid,
    registration_hash bytea,
    registration_policy jsonb,
    expires_at timestamp with time zone,
    CONSTRAINT clients_check CHECK (((kind <> 'agent'::text) OR (owner_id IS NOT NULL))),
    CONSTRAINT clients_kind_check CHECK ((kind = ANY (ARRAY['web'::text, 'spa'::text, 'native'::text, 'service'::text, 'agent'::text]))),
    CONSTRAINT clients_open_to_check CHECK ((open_to = ANY (ARRAY['nobody'::text, 'tenant'::text, 'everyone'::text, 'groups'::text]))),
    CONSTRAINT clients_origin_check CHECK ((origin = ANY (ARRAY['operator'::text, 'document'::text, 'token'::text, 'open'::text])))
);

CREATE TABLE platform.consents (
    user_id uuid NOT NULL,
    client_id text NOT NULL,
    tenant_id uuid NOT NULL,
    scopes text[] NOT NULL,
    granted_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY platform.consents FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.consumed_ids (
    kind text NOT NULL,
    id bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE platform.device_codes (
    id uuid NOT NULL,
    device_code_hash bytea NOT NULL,
    user_code text NOT NULL,
    client_id text NOT NULL,
    scopes text NOT NULL,
    ip_address inet,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    poll_interval interval NOT NULL,
    last_polled_at timestamp with time zone,
    hasty boolean DEFAULT false NOT NULL,
    approved boolean,
    details jsonb
)
WITH (fillfactor='80');

ALTER TABLE ONLY platform.device_codes FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.files (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    purpose text NOT NULL,
    media_type text NOT NULL,
    content bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT files_purpose_check CHECK ((purpose = 'avatar'::text))
);
ALTER TABLE ONLY platform.files ALTER COLUMN content SET STORAGE EXTERNAL;

ALTER TABLE ONLY platform.files FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.grants (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    sid uuid NOT NULL,
    client_id text NOT NULL,
    tenant_id uuid NOT NULL,
    project_id uuid,
    requested_scopes text NOT NULL,
    scopes text NOT NULL,
    audience text NOT NULL,
    request jsonb,
    auth_time timestamp with time zone NOT NULL,
    acr text NOT NULL,
    amr text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    code_hash bytea NOT NULL,
    code_used_at timestamp with time zone,
    generation integer DEFAULT 0 NOT NULL,
    refresh_hash bytea,
    rotated_at timestamp with time zone,
    revoked_at timestamp with time zone,
    details jsonb
)
WITH (fillfactor='80');

ALTER TABLE ONLY platform.grants FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.idempotency_keys (
    actor text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    answer bytea,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY platform.idempotency_keys FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.ip_bans (
    network cidr NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone
);

CREATE TABLE platform.merged_users (
    source_id uuid NOT NULL,
    target_id uuid NOT NULL,
    merged_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY platform.merged_users FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.one_time_links (
    id uuid NOT NULL,
    purpose text NOT NULL,
    user_id uuid,
    email text NOT NULL,
    email_folded text NOT NULL,
    tenant_id uuid,
    group_id uuid,
    role text,
    flow text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT one_time_links_check CHECK (((purpose = ANY (ARRAY['invitation'::text, 'registration'::text])) = (user_id IS NULL))),
    CONSTRAINT one_time_links_check1 CHECK (((purpose = ANY (ARRAY['invitation'::text, 'registration'::text])) = ((tenant_id IS NOT NULL) AND (role IS NOT NULL)))),
    CONSTRAINT one_time_links_purpose_check CHECK ((purpose = ANY (ARRAY['verify_email'::text, 'reset_password'::text, 'sign_in'::text, 'set_up'::text, 'change_email'::text, 'undo_email'::text, 'invitation'::text, 'registration'::text])))
);

ALTER TABLE ONLY platform.one_time_links FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.pushed_requests (
    id uuid NOT NULL,
    client_id text NOT NULL,
    request jsonb NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE UNLOGGED TABLE platform.rate_counters (
    key bytea NOT NULL,
    tat timestamp with time zone NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE platform.recovery_codes (
    user_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

ALTER TABLE ONLY platform.recovery_codes FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.registration_tokens (
    id uuid NOT NULL,
    tenant_id uuid,
    name text NOT NULL,
    token_hash bytea NOT NULL,
    policy jsonb NOT NULL,
    uses_left integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT registration_tokens_uses_left_check CHECK ((uses_left >= 0))
);

ALTER TABLE ONLY platform.registration_tokens FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.resources (
    identifier text NOT NULL,
    tenant_id uuid,
    name text DEFAULT ''::text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    access_token_lifetime interval,
    detail_types jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT resources_access_token_lifetime_check CHECK ((access_token_lifetime > '00:00:00'::interval))
);

CREATE TABLE platform.revoked_tokens (
    jti text NOT NULL,
    user_id uuid,
    tenant_id uuid,
    client_id text,
    reason text NOT NULL,
    revoked_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    txid xid8 DEFAULT pg_current_xact_id() NOT NULL
);

ALTER TABLE ONLY platform.revoked_tokens FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.roles (
    name text NOT NULL,
    description text NOT NULL,
    scopes text[] NOT NULL
);

CREATE TABLE platform.scopes (
    name text NOT NULL,
    title text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    needs_acr text
);

CREATE TABLE platform.sign_in_days (
    day date NOT NULL,
    sign_ins bigint NOT NULL
);

CREATE TABLE platform.signing_keys (
    kid text NOT NULL,
    algorithm text NOT NULL,
    public_jwk bytea NOT NULL,
    private_sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone NOT NULL,
    active_at timestamp with time zone,
    retired_at timestamp with time zone,
    expires_at timestamp with time zone
);

CREATE TABLE platform.tenant_logos (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    media_type text NOT NULL,
    content bytea NOT NULL,
    created_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY platform.tenant_logos ALTER COLUMN content SET STORAGE EXTERNAL;

ALTER TABLE ONLY platform.tenant_logos FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.tenants (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    region text DEFAULT ''::text NOT NULL,
    plan text DEFAULT 'free'::text NOT NULL,
    max_users integer,
    max_agents integer,
    storage_quota_gb integer,
    features text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    suspended_at timestamp with time zone,
    accent text DEFAULT ''::text NOT NULL,
    logo text DEFAULT ''::text NOT NULL,
    registration text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT tenants_accent_check CHECK ((accent ~ '^(#[0-9a-f]{6})?$'::text)),
    CONSTRAINT tenants_max_agents_check CHECK ((max_agents >= 0)),
    CONSTRAINT tenants_max_users_check CHECK ((max_users >= 0)),
    CONSTRAINT tenants_storage_quota_gb_check CHECK ((storage_quota_gb >= 0))
);

ALTER TABLE ONLY platform.tenants FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.totp_secrets (
    user_id uuid NOT NULL,
    secret_sealed bytea NOT NULL,
    last_step bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone
)
WITH (fillfactor='80');

ALTER TABLE ONLY platform.totp_secrets FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.trusted_issuers (
    id uuid NOT NULL,
    tenant_id uuid,
    vouches_for text NOT NULL,
    issuer text NOT NULL,
    jwks jsonb,
    jwks_uri text DEFAULT ''::text NOT NULL,
    algorithms text[] DEFAULT '{}'::text[] NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT trusted_issuers_check CHECK (((vouches_for = 'people'::text) = (subject = ANY (ARRAY['id'::text, 'username'::text, 'email'::text])))),
    CONSTRAINT trusted_issuers_check1 CHECK (((jwks IS NULL) = (jwks_uri <> ''::text))),
    CONSTRAINT trusted_issuers_vouches_for_check CHECK ((vouches_for = ANY (ARRAY['people'::text, 'software'::text])))
);

ALTER TABLE ONLY platform.trusted_issuers FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.user_group_memberships (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    user_group_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY platform.user_group_memberships FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.user_groups (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    project_id uuid,
    name text NOT NULL,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY platform.user_groups FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.user_preferences (
    user_id uuid NOT NULL,
    default_tenant_id uuid NOT NULL,
    default_project_id uuid
);

ALTER TABLE ONLY platform.user_preferences FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.user_scopes (
    user_id uuid NOT NULL,
    tenant_id uuid,
    scope text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY platform.user_scopes FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.user_search (
    user_id uuid NOT NULL,
    words text NOT NULL
);

CREATE TABLE platform.user_sessions (
    id uuid NOT NULL,
    token_jti uuid NOT NULL,
    user_id uuid NOT NULL,
    current_tenant_id uuid NOT NULL,
    current_project_id uuid,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    idle_lifetime interval NOT NULL,
    ip_address inet,
    user_agent text DEFAULT ''::text NOT NULL,
    auth_time timestamp with time zone NOT NULL,
    acr text NOT NULL,
    amr text[] NOT NULL,
    revoked_at timestamp with time zone
)
WITH (fillfactor='80');

ALTER TABLE ONLY platform.user_sessions FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.users (
    id uuid NOT NULL,
    username text NOT NULL,
    username_folded text NOT NULL,
    email text NOT NULL,
    email_folded text NOT NULL,
    email_verified_at timestamp with time zone,
    password_hash text NOT NULL,
    display_name text DEFAULT ''::text NOT NULL,
    avatar_url text DEFAULT ''::text NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_login_at timestamp with time zone,
    disabled_at timestamp with time zone,
    authz_changed_at timestamp with time zone NOT NULL,
    display_name_folded text,
    language text,
    last_language text,
    phone text,
    phone_verified boolean DEFAULT false NOT NULL,
    address jsonb
);

ALTER TABLE ONLY platform.users FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.webauthn_credentials (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    credential_id bytea NOT NULL,
    public_key bytea NOT NULL,
    name text NOT NULL,
    aaguid uuid NOT NULL,
    sign_count bigint NOT NULL,
    backup_eligible boolean NOT NULL,
    backed_up boolean NOT NULL,
    transports text[] DEFAULT '{}'::text[] NOT NULL,
    attestation_type text DEFAULT ''::text NOT NULL,
    attestation_format text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    suspect_at timestamp with time zone,
    CONSTRAINT webauthn_credentials_credential_id_check CHECK (((length(credential_id) >= 16) AND (length(credential_id) <= 1023)))
)
WITH (fillfactor='80');

ALTER TABLE ONLY platform.webauthn_credentials FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.webauthn_users (
    user_id uuid NOT NULL,
    handle bytea NOT NULL,
    offer_declined_at timestamp with time zone,
    CONSTRAINT webauthn_users_handle_check CHECK ((length(handle) = 64))
);

ALTER TABLE ONLY platform.webauthn_users FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.webhook_deliveries (
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    tenant_id uuid,
    type text NOT NULL,
    at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    tried_at timestamp with time zone,
    outcome text DEFAULT ''::text NOT NULL,
    delivered_at timestamp with time zone,
    given_up_at timestamp with time zone
)
WITH (fillfactor='80');

ALTER TABLE ONLY platform.webhook_deliveries FORCE ROW LEVEL SECURITY;

CREATE TABLE platform.webhooks (
    id uuid NOT NULL,
    tenant_id uuid,
    client_id text,
    name text NOT NULL,
    protocol text NOT NULL,
    url text NOT NULL,
    audience text DEFAULT ''::text NOT NULL,
    events text[] NOT NULL,
    secret_sealed bytea,
    previous_secret_sealed bytea,
    previous_secret_expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    last_delivered_at timestamp with time zone,
    disabled_at timestamp with time zone,
    CONSTRAINT webhooks_check CHECK (((protocol = 'set'::text) OR (secret_sealed IS NOT NULL))),
    CONSTRAINT webhooks_protocol_check CHECK ((protocol = ANY (ARRAY['webhook'::text, 'set'::text])))
);

ALTER TABLE ONLY platform.webhooks FORCE ROW LEVEL SECURITY;

CREATE TABLE public.projects (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.projects FORCE ROW LEVEL SECURITY;

CREATE TABLE river.river_job (
    id bigint NOT NULL,
    state river.river_job_state DEFAULT 'available'::river.river_job_state NOT NULL,
    attempt smallint DEFAULT 0 NOT NULL,
    max_attempts smallint DEFAULT 25 NOT NULL,
    attempted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finalized_at timestamp with time zone,
    scheduled_at timestamp with time zone DEFAULT now() NOT NULL,
    priority smallint DEFAULT 1 NOT NULL,
    args jsonb NOT NULL,
    attempted_by text[],
    errors jsonb[],
    kind text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    queue text DEFAULT 'default'::text NOT NULL,
    tags character varying(255)[] DEFAULT '{}'::character varying[] NOT NULL,
    unique_key bytea,
    unique_states bit(8),
    CONSTRAINT finalized_or_finalized_at_null CHECK (((finalized_at IS NULL) = (state <> ALL (ARRAY['cancelled'::river.river_job_state, 'completed'::river.river_job_state, 'discarded'::river.river_job_state])))),
    CONSTRAINT kind_length CHECK (((char_length(kind) >= 1) AND (char_length(kind) <= 127))),
    CONSTRAINT max_attempts_is_positive CHECK ((max_attempts > 0)),
    CONSTRAINT priority_in_range CHECK (((priority >= 1) AND (priority <= 4))),
    CONSTRAINT queue_length CHECK (((char_length(queue) >= 1) AND (char_length(queue) <= 127)))
);

CREATE SEQUENCE river.river_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE river.river_job_id_seq OWNED BY river.river_job.id;

CREATE UNLOGGED TABLE river.river_leader (
    elected_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    leader_id text NOT NULL,
    name text DEFAULT 'default'::text NOT NULL,
    CONSTRAINT leader_id_length CHECK (((char_length(leader_id) >= 1) AND (char_length(leader_id) <= 127))),
    CONSTRAINT name_length CHECK ((name = 'default'::text))
);

CREATE TABLE river.river_notification (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    payload text NOT NULL,
    topic text NOT NULL,
    CONSTRAINT topic_length CHECK (((length(topic) >= 1) AND (length(topic) <= 127)))
);

CREATE SEQUENCE river.river_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE river.river_notification_id_seq OWNED BY river.river_notification.id;

CREATE TABLE river.river_queue (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    paused_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

ALTER TABLE ONLY river.river_job ALTER COLUMN id SET DEFAULT nextval('river.river_job_id_seq'::regclass);

ALTER TABLE ONLY river.river_notification ALTER COLUMN id SET DEFAULT nextval('river.river_notification_id_seq'::regclass);

ALTER TABLE ONLY platform.attestation_policies
    ADD CONSTRAINT attestation_policies_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY platform.audit_events
    ADD CONSTRAINT audit_events_chain_seq_key UNIQUE (chain, seq);

ALTER TABLE ONLY platform.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.audit_heads
    ADD CONSTRAINT audit_heads_pkey PRIMARY KEY (chain);

ALTER TABLE ONLY platform.backchannel_requests
    ADD CONSTRAINT backchannel_requests_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.client_groups
    ADD CONSTRAINT client_groups_pkey PRIMARY KEY (client_id, group_id);

ALTER TABLE ONLY platform.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (user_id, client_id, tenant_id);

ALTER TABLE ONLY platform.consumed_ids
    ADD CONSTRAINT consumed_ids_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY platform.device_codes
    ADD CONSTRAINT device_codes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.device_codes
    ADD CONSTRAINT device_codes_user_code_key UNIQUE (user_code);

ALTER TABLE ONLY platform.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.files
    ADD CONSTRAINT files_user_id_purpose_key UNIQUE (user_id, purpose);

ALTER TABLE ONLY platform.grants
    ADD CONSTRAINT grants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (actor, key);

ALTER TABLE ONLY platform.ip_bans
    ADD CONSTRAINT ip_bans_pkey PRIMARY KEY (network);

ALTER TABLE ONLY platform.merged_users
    ADD CONSTRAINT merged_users_pkey PRIMARY KEY (source_id);

ALTER TABLE ONLY platform.one_time_links
    ADD CONSTRAINT one_time_links_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.pushed_requests
    ADD CONSTRAINT pushed_requests_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.rate_counters
    ADD CONSTRAINT rate_counters_pkey PRIMARY KEY (key);

ALTER TABLE ONLY platform.recovery_codes
    ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash);

ALTER TABLE ONLY platform.registration_tokens
    ADD CONSTRAINT registration_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.registration_tokens
    ADD CONSTRAINT registration_tokens_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY platform.resources
    ADD CONSTRAINT resources_pkey PRIMARY KEY (identifier);

ALTER TABLE ONLY platform.revoked_tokens
    ADD CONSTRAINT revoked_tokens_pkey PRIMARY KEY (jti);

ALTER TABLE ONLY platform.roles
    ADD CONSTRAINT roles_pkey PRIMARY KEY (name);

ALTER TABLE ONLY platform.scopes
    ADD CONSTRAINT scopes_pkey PRIMARY KEY (name);

ALTER TABLE ONLY platform.sign_in_days
    ADD CONSTRAINT sign_in_days_pkey PRIMARY KEY (day);

ALTER TABLE ONLY platform.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);

ALTER TABLE ONLY platform.tenant_logos
    ADD CONSTRAINT tenant_logos_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.tenant_logos
    ADD CONSTRAINT tenant_logos_tenant_id_key UNIQUE (tenant_id);

ALTER TABLE ONLY platform.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.tenants
    ADD CONSTRAINT tenants_slug_key UNIQUE (slug);

ALTER TABLE ONLY platform.totp_secrets
    ADD CONSTRAINT totp_secrets_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY platform.trusted_issuers
    ADD CONSTRAINT trusted_issuers_issuer_vouches_for_tenant_id_key UNIQUE NULLS NOT DISTINCT (issuer, vouches_for, tenant_id);

ALTER TABLE ONLY platform.trusted_issuers
    ADD CONSTRAINT trusted_issuers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.user_group_memberships
    ADD CONSTRAINT user_group_memberships_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.user_group_memberships
    ADD CONSTRAINT user_group_memberships_tenant_id_user_id_user_group_id_key UNIQUE (tenant_id, user_id, user_group_id);

ALTER TABLE ONLY platform.user_groups
    ADD CONSTRAINT user_groups_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.user_groups
    ADD CONSTRAINT user_groups_tenant_id_id_key UNIQUE (tenant_id, id);

ALTER TABLE ONLY platform.user_preferences
    ADD CONSTRAINT user_preferences_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY platform.user_scopes
    ADD CONSTRAINT user_scopes_user_id_tenant_id_scope_key UNIQUE NULLS NOT DISTINCT (user_id, tenant_id, scope);

ALTER TABLE ONLY platform.user_search
    ADD CONSTRAINT user_search_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY platform.user_sessions
    ADD CONSTRAINT user_sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.user_sessions
    ADD CONSTRAINT user_sessions_token_jti_key UNIQUE (token_jti);

ALTER TABLE ONLY platform.users
    ADD CONSTRAINT users_email_folded_key UNIQUE (email_folded);

ALTER TABLE ONLY platform.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.users
    ADD CONSTRAINT users_username_folded_key UNIQUE (username_folded);

ALTER TABLE ONLY platform.webauthn_credentials
    ADD CONSTRAINT webauthn_credentials_credential_id_key UNIQUE (credential_id);

ALTER TABLE ONLY platform.webauthn_credentials
    ADD CONSTRAINT webauthn_credentials_pkey PRIMARY KEY (id);

ALTER TABLE ONLY platform.webauthn_users
    ADD CONSTRAINT webauthn_users_handle_key UNIQUE (handle);

ALTER TABLE ONLY platform.webauthn_users
    ADD CONSTRAINT webauthn_users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY platform.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (webhook_id, event_id);

ALTER TABLE ONLY platform.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_tenant_id_id_key UNIQUE (tenant_id, id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY river.river_job
    ADD CONSTRAINT river_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY river.river_leader
    ADD CONSTRAINT river_leader_pkey PRIMARY KEY (name);

ALTER TABLE ONLY river.river_notification
    ADD CONSTRAINT river_notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY river.river_queue
    ADD CONSTRAINT river_queue_pkey PRIMARY KEY (name);

CREATE INDEX audit_events_by_actor ON platform.audit_events USING btree (actor_id, id) WHERE (actor_id IS NOT NULL);

CREATE INDEX audit_events_by_object ON platform.audit_events USING btree (object_kind, object_id, id);

CREATE INDEX audit_events_by_person ON platform.audit_events USING btree (((COALESCE(after, before) ->> 'user_id'::text)), id) WHERE (COALESCE(after, before) ? 'user_id'::text);

CREATE INDEX audit_events_by_tenant ON platform.audit_events USING btree (tenant_id, id) WHERE (tenant_id IS NOT NULL);

CREATE INDEX backchannel_requests_by_client ON platform.backchannel_requests USING btree (client_id);

CREATE INDEX backchannel_requests_by_expiry ON platform.backchannel_requests USING btree (expires_at);

CREATE INDEX backchannel_requests_by_user ON platform.backchannel_requests USING btree (user_id);

CREATE INDEX changes_by_txid ON platform.changes USING btree (txid);

CREATE INDEX client_groups_by_group ON platform.client_groups USING btree (tenant_id, group_id);

CREATE INDEX clients_by_owner ON platform.clients USING btree (owner_id) WHERE (owner_id IS NOT NULL);

CREATE INDEX clients_by_registration_token ON platform.clients USING btree (registration_token_id) WHERE (registration_token_id IS NOT NULL);

CREATE INDEX clients_by_tenant ON platform.clients USING btree (tenant_id, id);

CREATE INDEX consents_by_client ON platform.consents USING btree (client_id);

CREATE INDEX consumed_ids_by_expiry ON platform.consumed_ids USING btree (expires_at);

CREATE INDEX device_codes_by_client ON platform.device_codes USING btree (client_id);

CREATE INDEX device_codes_by_expiry ON platform.device_codes USING btree (expires_at);

CREATE INDEX files_by_tenant ON platform.files USING btree (tenant_id);

CREATE INDEX grants_by_sid ON platform.grants USING btree (sid);

CREATE INDEX grants_by_user ON platform.grants USING btree (user_id);

CREATE INDEX idempotency_keys_by_expiry ON platform.idempotency_keys USING btree (expires_at);

CREATE INDEX memberships_by_group ON platform.user_group_memberships USING btree (tenant_id, user_group_id, user_id);

CREATE INDEX memberships_by_user ON platform.user_group_memberships USING btree (user_id, tenant_id);

CREATE INDEX merged_users_by_target ON platform.merged_users USING btree (target_id);

CREATE UNIQUE INDEX one_time_links_by_address ON platform.one_time_links USING btree (tenant_id, email_folded) WHERE (purpose = 'invitation'::text);

CREATE INDEX one_time_links_by_expiry ON platform.one_time_links USING btree (expires_at);

CREATE UNIQUE INDEX one_time_links_by_user ON platform.one_time_links USING btree (user_id, purpose);

CREATE UNIQUE INDEX one_time_links_of_registration ON platform.one_time_links USING btree (tenant_id, email_folded) WHERE (purpose = 'registration'::text);

CREATE INDEX pushed_requests_by_expiry ON platform.pushed_requests USING btree (expires_at);

CREATE INDEX registration_tokens_by_tenant ON platform.registration_tokens USING btree (tenant_id, id);

CREATE INDEX revoked_tokens_by_expiry ON platform.revoked_tokens USING btree (expires_at);

CREATE INDEX revoked_tokens_by_txid ON platform.revoked_tokens USING btree (txid);

CREATE INDEX revoked_tokens_by_user ON platform.revoked_tokens USING btree (user_id);

CREATE INDEX trusted_issuers_by_tenant ON platform.trusted_issuers USING btree (tenant_id, id);

CREATE INDEX user_groups_by_project ON platform.user_groups USING btree (project_id);

CREATE UNIQUE INDEX user_groups_of_project ON platform.user_groups USING btree (tenant_id, project_id, name) WHERE (project_id IS NOT NULL);

CREATE UNIQUE INDEX user_groups_of_tenant ON platform.user_groups USING btree (tenant_id, name) WHERE (project_id IS NULL);

CREATE INDEX user_search_by_trigram ON platform.user_search USING gin (words platform.gin_trgm_ops) WITH (fastupdate=off);

CREATE INDEX user_sessions_by_user ON platform.user_sessions USING btree (user_id);

CREATE INDEX users_by_last_login ON platform.users USING btree (last_login_at);

CREATE INDEX users_by_role ON platform.users USING btree (role, id);

CREATE INDEX users_disabled ON platform.users USING btree (id) WHERE (disabled_at IS NOT NULL);

CREATE INDEX webauthn_credentials_by_user ON platform.webauthn_credentials USING btree (user_id);

CREATE INDEX webhook_deliveries_by_age ON platform.webhook_deliveries USING btree (event_id);

CREATE INDEX webhooks_by_client ON platform.webhooks USING btree (client_id);

CREATE INDEX webhooks_by_tenant ON platform.webhooks USING btree (tenant_id);

CREATE INDEX river_job_kind ON river.river_job USING btree (kind);

CREATE INDEX river_job_prioritized_fetching_index ON river.river_job USING btree (state, queue, priority, scheduled_at, id);

CREATE INDEX river_job_state_and_finalized_at_index ON river.river_job USING btree (state, finalized_at) WHERE (finalized_at IS NOT NULL);

CREATE UNIQUE INDEX river_job_unique_idx ON river.river_job USING btree (unique_key) WHERE ((unique_key IS NOT NULL) AND (unique_states IS NOT NULL) AND river.river_job_state_in_bitmask(unique_states, state));

CREATE INDEX river_notification_created_at_idx ON river.river_notification USING btree (created_at);

CREATE INDEX river_notification_topic_id_idx ON river.river_notification USING btree (topic, id);

CREATE TRIGGER chained BEFORE INSERT ON platform.audit_events FOR EACH ROW EXECUTE FUNCTION platform.chain_audit_event();

CREATE TRIGGER files_stay_as_they_are BEFORE UPDATE ON platform.files FOR EACH ROW EXECUTE FUNCTION platform.files_stay_as_they_are();

CREATE TRIGGER hold_to_max_agents AFTER INSERT ON platform.clients REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION platform.hold_to_max_agents();

CREATE TRIGGER hold_to_max_users AFTER INSERT ON platform.user_group_memberships REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION platform.hold_to_max_users();

CREATE TRIGGER hold_to_storage_quota AFTER INSERT ON platform.files REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION platform.hold_to_storage_quota();

CREATE TRIGGER index_user AFTER INSERT OR UPDATE OF username_folded, email_folded, display_name, display_name_folded ON platform.users FOR EACH ROW EXECUTE FUNCTION platform.index_user();

CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE ON platform.client_groups FOR EACH ROW EXECUTE FUNCTION platform.note_change('client_id');

CREATE TRIGGER note_change AFTER DELETE OR UPDATE ON platform.clients FOR EACH ROW EXECUTE FUNCTION platform.note_change('id');

CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE ON platform.ip_bans FOR EACH ROW EXECUTE FUNCTION platform.note_change('network');

CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE ON platform.resources FOR EACH ROW EXECUTE FUNCTION platform.note_change('identifier');

CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE ON platform.roles FOR EACH ROW EXECUTE FUNCTION platform.note_change('name');

CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE ON platform.scopes FOR EACH ROW EXECUTE FUNCTION platform.note_change('name');

CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE ON platform.signing_keys FOR EACH ROW EXECUTE FUNCTION platform.note_change('kid');

CREATE TRIGGER note_change AFTER DELETE OR UPDATE ON platform.tenants FOR EACH ROW EXECUTE FUNCTION platform.note_change('id');

CREATE TRIGGER note_change AFTER DELETE ON platform.user_group_memberships FOR EACH ROW EXECUTE FUNCTION platform.note_change('user_id');

CREATE TRIGGER note_change AFTER DELETE OR UPDATE ON platform.user_groups FOR EACH ROW EXECUTE FUNCTION platform.note_change('id');

CREATE TRIGGER note_change AFTER UPDATE ON platform.users FOR EACH ROW WHEN (((old.authz_changed_at IS DISTINCT FROM new.authz_changed_at) OR (old.role IS DISTINCT FROM new.role) OR (old.disabled_at IS DISTINCT FROM new.disabled_at) OR (old.username IS DISTINCT FROM new.username))) EXECUTE FUNCTION platform.note_change('id');

CREATE TRIGGER note_new AFTER INSERT ON platform.clients FOR EACH ROW EXECUTE FUNCTION platform.note_change('id', 'new_clients');

CREATE TRIGGER queue_delivery AFTER INSERT ON platform.webhook_deliveries REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION platform.queue_delivery();

CREATE TRIGGER tell_clients_of_logout AFTER INSERT ON platform.revoked_tokens FOR EACH ROW WHEN (((new.client_id IS NULL) AND (new.user_id IS NOT NULL))) EXECUTE FUNCTION platform.tell_clients_of_logout();

CREATE TRIGGER told AFTER INSERT ON platform.audit_events REFERENCING NEW TABLE AS happened FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_of_audit_events();

CREATE TRIGGER told AFTER INSERT ON platform.revoked_tokens FOR EACH ROW WHEN ((new.client_id IS NULL)) EXECUTE FUNCTION platform.tell_of_sessions();

CREATE TRIGGER projects_take_their_groups BEFORE DELETE ON public.projects FOR EACH ROW EXECUTE FUNCTION platform.delete_groups_of_project();

ALTER TABLE ONLY platform.attestation_policies
    ADD CONSTRAINT attestation_policies_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.backchannel_requests
    ADD CONSTRAINT backchannel_requests_client_id_fkey FOREIGN KEY (client_id) REFERENCES platform.clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.backchannel_requests
    ADD CONSTRAINT backchannel_requests_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.client_groups
    ADD CONSTRAINT client_groups_client_id_fkey FOREIGN KEY (client_id) REFERENCES platform.clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.client_groups
    ADD CONSTRAINT client_groups_tenant_id_group_id_fkey FOREIGN KEY (tenant_id, group_id) REFERENCES platform.user_groups(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.clients
    ADD CONSTRAINT clients_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.clients
    ADD CONSTRAINT clients_registration_token_id_fkey FOREIGN KEY (registration_token_id) REFERENCES platform.registration_tokens(id) ON DELETE SET NULL;

ALTER TABLE ONLY platform.clients
    ADD CONSTRAINT clients_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.consents
    ADD CONSTRAINT consents_client_id_fkey FOREIGN KEY (client_id) REFERENCES platform.clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.consents
    ADD CONSTRAINT consents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.consents
    ADD CONSTRAINT consents_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.device_codes
    ADD CONSTRAINT device_codes_client_id_fkey FOREIGN KEY (client_id) REFERENCES platform.clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.files
    ADD CONSTRAINT files_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.files
    ADD CONSTRAINT files_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.grants
    ADD CONSTRAINT grants_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.one_time_links
    ADD CONSTRAINT one_time_links_role_fkey FOREIGN KEY (role) REFERENCES platform.roles(name);

ALTER TABLE ONLY platform.one_time_links
    ADD CONSTRAINT one_time_links_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.one_time_links
    ADD CONSTRAINT one_time_links_tenant_id_group_id_fkey FOREIGN KEY (tenant_id, group_id) REFERENCES platform.user_groups(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.one_time_links
    ADD CONSTRAINT one_time_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.pushed_requests
    ADD CONSTRAINT pushed_requests_client_id_fkey FOREIGN KEY (client_id) REFERENCES platform.clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.recovery_codes
    ADD CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.registration_tokens
    ADD CONSTRAINT registration_tokens_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.resources
    ADD CONSTRAINT resources_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.revoked_tokens
    ADD CONSTRAINT revoked_tokens_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id);

ALTER TABLE ONLY platform.revoked_tokens
    ADD CONSTRAINT revoked_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.tenant_logos
    ADD CONSTRAINT tenant_logos_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.totp_secrets
    ADD CONSTRAINT totp_secrets_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.trusted_issuers
    ADD CONSTRAINT trusted_issuers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.user_group_memberships
    ADD CONSTRAINT user_group_memberships_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id);

ALTER TABLE ONLY platform.user_group_memberships
    ADD CONSTRAINT user_group_memberships_tenant_id_user_group_id_fkey FOREIGN KEY (tenant_id, user_group_id) REFERENCES platform.user_groups(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.user_group_memberships
    ADD CONSTRAINT user_group_memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.user_groups
    ADD CONSTRAINT user_groups_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id);

ALTER TABLE ONLY platform.user_groups
    ADD CONSTRAINT user_groups_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES public.projects(tenant_id, id) ON DELETE SET NULL (project_id);

ALTER TABLE ONLY platform.user_preferences
    ADD CONSTRAINT user_preferences_default_project_id_fkey FOREIGN KEY (default_project_id) REFERENCES public.projects(id) ON DELETE SET NULL;

ALTER TABLE ONLY platform.user_preferences
    ADD CONSTRAINT user_preferences_default_tenant_id_fkey FOREIGN KEY (default_tenant_id) REFERENCES platform.tenants(id);

ALTER TABLE ONLY platform.user_preferences
    ADD CONSTRAINT user_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.user_scopes
    ADD CONSTRAINT user_scopes_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.user_scopes
    ADD CONSTRAINT user_scopes_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.user_search
    ADD CONSTRAINT user_search_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.user_sessions
    ADD CONSTRAINT user_sessions_current_project_id_fkey FOREIGN KEY (current_project_id) REFERENCES public.projects(id) ON DELETE SET NULL;

ALTER TABLE ONLY platform.user_sessions
    ADD CONSTRAINT user_sessions_current_tenant_id_fkey FOREIGN KEY (current_tenant_id) REFERENCES platform.tenants(id);

ALTER TABLE ONLY platform.user_sessions
    ADD CONSTRAINT user_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.users
    ADD CONSTRAINT users_role_fkey FOREIGN KEY (role) REFERENCES platform.roles(name);

ALTER TABLE ONLY platform.webauthn_credentials
    ADD CONSTRAINT webauthn_credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.webauthn_users
    ADD CONSTRAINT webauthn_users_user_id_fkey FOREIGN KEY (user_id) REFERENCES platform.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES platform.webhooks(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.webhooks
    ADD CONSTRAINT webhooks_client_id_fkey FOREIGN KEY (client_id) REFERENCES platform.clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY platform.webhooks
    ADD CONSTRAINT webhooks_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES platform.tenants(id) ON DELETE CASCADE;

CREATE POLICY appended ON platform.audit_events FOR INSERT WITH CHECK (true);

ALTER TABLE platform.attestation_policies ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.audit_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.backchannel_requests ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.client_groups ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.consents ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.device_codes ENABLE ROW LEVEL SECURITY;

CREATE POLICY everybodys ON platform.trusted_issuers FOR SELECT USING ((tenant_id IS NULL));

ALTER TABLE platform.files ENABLE ROW LEVEL SECURITY;

CREATE POLICY forgotten ON platform.audit_events FOR DELETE USING (platform.acting_operator());

CREATE POLICY found ON platform.device_codes FOR SELECT USING ((user_code = platform.named_identifier()));

CREATE POLICY found ON platform.users FOR SELECT USING (((username_folded = platform.named_identifier()) OR (email_folded = platform.named_identifier()) OR (EXISTS ( SELECT
   FROM platform.user_group_memberships m
  WHERE ((m.user_id = users.id) AND (m.tenant_id = platform.acting_tenant()))))));

CREATE POLICY found ON platform.webauthn_credentials FOR SELECT USING ((encode(credential_id, 'hex'::text) = platform.named_identifier()));

ALTER TABLE platform.grants ENABLE ROW LEVEL SECURITY;

CREATE POLICY held ON platform.user_scopes FOR SELECT USING ((user_id = platform.acting_user()));

ALTER TABLE platform.idempotency_keys ENABLE ROW LEVEL SECURITY;

CREATE POLICY joined ON platform.attestation_policies FOR SELECT USING ((EXISTS ( SELECT
   FROM platform.user_group_memberships m
  WHERE ((m.tenant_id = attestation_policies.tenant_id) AND (m.user_id = platform.acting_user())))));

CREATE POLICY joined ON platform.tenants FOR SELECT USING ((EXISTS ( SELECT
   FROM platform.user_group_memberships m
  WHERE ((m.tenant_id = tenants.id) AND (m.user_id = platform.acting_user())))));

CREATE POLICY joined ON platform.user_group_memberships FOR SELECT USING ((user_id = platform.acting_user()));

CREATE POLICY joined ON platform.user_groups FOR SELECT USING ((EXISTS ( SELECT
   FROM platform.user_group_memberships m
  WHERE ((m.user_group_id = user_groups.id) AND (m.user_id = platform.acting_user())))));

ALTER TABLE platform.merged_users ENABLE ROW LEVEL SECURITY;

CREATE POLICY named ON platform.files FOR SELECT USING ((id = platform.named_row()));

CREATE POLICY named ON platform.tenant_logos FOR SELECT USING ((id = platform.named_row()));

ALTER TABLE platform.one_time_links ENABLE ROW LEVEL SECURITY;

CREATE POLICY owned ON platform.attestation_policies USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.backchannel_requests USING (((user_id = platform.acting_user()) OR (id = platform.named_row()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.client_groups USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.consents USING (((user_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.device_codes USING (((id = platform.named_row()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.files USING (((user_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.grants USING (((user_id = platform.acting_user()) OR (id = platform.named_row()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.idempotency_keys USING (platform.acting_operator());

CREATE POLICY owned ON platform.merged_users USING (platform.acting_operator());

CREATE POLICY owned ON platform.one_time_links USING (((user_id = platform.acting_user()) OR (tenant_id = platform.acting_tenant()) OR (id = platform.named_row()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.recovery_codes USING (((user_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.registration_tokens USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.revoked_tokens USING (((user_id IS NULL) OR (user_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.tenant_logos USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.tenants USING (((id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.totp_secrets USING (((user_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.trusted_issuers USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.user_group_memberships USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.user_groups USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.user_preferences USING (((user_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.user_scopes USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.user_sessions USING (((user_id = platform.acting_user()) OR (id = platform.named_row()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.users USING (((id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.webauthn_credentials USING (((user_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.webauthn_users USING (((user_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.webhook_deliveries USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY owned ON platform.webhooks USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

CREATE POLICY readable ON platform.audit_events FOR SELECT USING (((tenant_id = platform.acting_tenant()) OR (actor_id = platform.acting_user()) OR platform.acting_operator()));

CREATE POLICY readable ON platform.revoked_tokens FOR SELECT USING (true);

ALTER TABLE platform.recovery_codes ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.registration_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.revoked_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.tenant_logos ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.tenants ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.totp_secrets ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.trusted_issuers ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.user_group_memberships ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.user_groups ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.user_preferences ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.user_scopes ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.user_sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.webauthn_credentials ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.webauthn_users ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.webhook_deliveries ENABLE ROW LEVEL SECURITY;

ALTER TABLE platform.webhooks ENABLE ROW LEVEL SECURITY;

CREATE POLICY joined ON public.projects FOR SELECT USING ((EXISTS ( SELECT
   FROM platform.user_group_memberships m
  WHERE ((m.tenant_id = projects.tenant_id) AND (m.user_id = platform.acting_user())))));

CREATE POLICY owned ON public.projects USING (((tenant_id = platform.acting_tenant()) OR platform.acting_operator()));

ALTER TABLE public.projects ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA platform TO gatehouse_app;

GRANT USAGE ON SCHEMA public TO gatehouse_app;

GRANT USAGE ON SCHEMA river TO gatehouse_app;

GRANT SELECT,INSERT ON TABLE platform.audit_events TO gatehouse_app;

REVOKE ALL ON FUNCTION platform.bare(folded text) FROM PUBLIC;

REVOKE ALL ON FUNCTION platform.find_users(folded text, after uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION platform.find_users(folded text, after uuid, most integer) TO gatehouse_app;

REVOKE ALL ON FUNCTION platform.forget_audit_events(older_than timestamp with time zone, at_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION platform.forget_audit_events(older_than timestamp with time zone, at_most integer) TO gatehouse_app;

REVOKE ALL ON FUNCTION platform.similar_users(folded text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION platform.similar_users(folded text, most integer) TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.attestation_policies TO gatehouse_app;

GRANT SELECT ON TABLE platform.audit_heads TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.backchannel_requests TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.changes TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.client_groups TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.clients TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.consents TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.consumed_ids TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.device_codes TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.files TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.grants TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.idempotency_keys TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.ip_bans TO gatehouse_app;

GRANT SELECT,INSERT,UPDATE ON TABLE platform.merged_users TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.one_time_links TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.pushed_requests TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.rate_counters TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.recovery_codes TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.registration_tokens TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.resources TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.revoked_tokens TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.roles TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.scopes TO gatehouse_app;

GRANT SELECT,INSERT,UPDATE ON TABLE platform.sign_in_days TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.signing_keys TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.tenant_logos TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.tenants TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.totp_secrets TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.trusted_issuers TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.user_group_memberships TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.user_groups TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.user_preferences TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.user_scopes TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.user_sessions TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.users TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.webauthn_credentials TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.webauthn_users TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.webhook_deliveries TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE platform.webhooks TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.projects TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE river.river_job TO gatehouse_app;

GRANT USAGE ON SEQUENCE river.river_job_id_seq TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE river.river_leader TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE river.river_notification TO gatehouse_app;

GRANT USAGE ON SEQUENCE river.river_notification_id_seq TO gatehouse_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE river.river_queue TO gatehouse_app;
