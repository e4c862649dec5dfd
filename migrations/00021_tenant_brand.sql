-- What a tenant looks like where its people sign in and agree: a colour and a logo.

-- +goose Up

-- The colour that was asked for, '' for that of the house; pages take from it what can be read.
alter table platform.tenants add column accent text not null default '' check (accent ~ '^(#[0-9a-f]{6})?$');
-- The path of the logo, '' for none.
alter table platform.tenants add column logo text not null default '';

create table platform.tenant_logos (
  -- Another picture has another id, and so another address.
  id         uuid primary key,
  tenant_id  uuid not null unique references platform.tenants (id) on delete cascade,
  media_type text not null,
  content    bytea not null,
  created_at timestamptz not null
);
-- It is compressed already.
alter table platform.tenant_logos alter column content set storage external;

alter table platform.tenant_logos enable row level security;
alter table platform.tenant_logos force row level security;
create policy owned on platform.tenant_logos using (tenant_id = platform.acting_tenant() or platform.acting_operator());
-- A logo is shown to whoever has its address, which names the one row.
create policy named on platform.tenant_logos for select using (id = platform.named_row());

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.tenant_logos to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table platform.tenant_logos;
alter table platform.tenants drop column logo, drop column accent;
