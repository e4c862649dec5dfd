-- An entry of the ledger that names a user goes with them, as everything of theirs does; what is to stay dead stands there without a name.

-- +goose Up
update platform.revoked_tokens r set user_id = null where user_id is not null and not exists (select from platform.users u where u.id = r.user_id);
update platform.revoked_tokens r set tenant_id = null where tenant_id is not null and not exists (select from platform.tenants t where t.id = r.tenant_id);
-- What stands there is held against it by the next migration, which locks nobody out.
alter table platform.revoked_tokens
  add constraint revoked_tokens_user_id_fkey foreign key (user_id) references platform.users (id) on delete cascade not valid,
  add constraint revoked_tokens_tenant_id_fkey foreign key (tenant_id) references platform.tenants (id) not valid;

-- +goose Down
alter table platform.revoked_tokens drop constraint revoked_tokens_user_id_fkey, drop constraint revoked_tokens_tenant_id_fkey;
