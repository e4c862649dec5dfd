-- People may make accounts for themselves where a tenant lets them: the link that proves the address comes first, the account with it.

-- +goose Up

-- Whose mail domains may: none for nobody, 'open' for everybody.
alter table platform.tenants add column registration text[] not null default '{}';

alter table platform.one_time_links
  drop constraint one_time_links_purpose_check,
  drop constraint one_time_links_check,
  drop constraint one_time_links_check1,
  add constraint one_time_links_purpose_check check (purpose in (
    'verify_email', 'reset_password', 'sign_in', 'set_up', 'change_email', 'undo_email', 'invitation', 'registration')),
  -- What is for somebody without an account has no user, and leads into a tenant.
  add constraint one_time_links_check check ((purpose in ('invitation', 'registration')) = (user_id is null)),
  add constraint one_time_links_check1 check ((purpose in ('invitation', 'registration')) = (tenant_id is not null and role is not null));
create unique index one_time_links_of_registration on platform.one_time_links (tenant_id, email_folded) where purpose = 'registration';

-- +goose Down
delete from platform.one_time_links where purpose = 'registration';
drop index platform.one_time_links_of_registration;
alter table platform.one_time_links
  drop constraint one_time_links_purpose_check,
  drop constraint one_time_links_check,
  drop constraint one_time_links_check1,
  add constraint one_time_links_purpose_check check (purpose in (
    'verify_email', 'reset_password', 'sign_in', 'set_up', 'change_email', 'undo_email', 'invitation')),
  add constraint one_time_links_check check ((purpose = 'invitation') = (user_id is null)),
  add constraint one_time_links_check1 check ((purpose = 'invitation') = (tenant_id is not null and role is not null));
alter table platform.tenants drop column registration;
