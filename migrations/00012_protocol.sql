-- What clients, grants and resources say beyond the core protocol: registered metadata, and
-- what an authorization was narrowed to for its whole life.

-- +goose Up

-- The members of RFC 7591 and its relatives that few clients have, by their registered names.
alter table platform.clients add column metadata jsonb not null default '{}';

-- Written with the grant and never changed; null for the usual grant, which has none.
alter table platform.grants add column details jsonb;
alter table platform.device_codes add column details jsonb;

-- How long access tokens for a resource live; null for as long as any.
alter table platform.resources add column access_token_lifetime interval check (access_token_lifetime > interval '0');

-- +goose Down
alter table platform.resources drop column access_token_lifetime;
alter table platform.device_codes drop column details;
alter table platform.grants drop column details;
alter table platform.clients drop column metadata;
