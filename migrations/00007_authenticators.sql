-- People prove who they are by more than a password: passkeys, codes of an authenticator app, and recovery codes for the day on which those are lost.

-- +goose Up

-- What WebAuthn knows of a user: 64 random bytes, which say nothing about anybody
-- and stay the same for all passkeys of the user.
create table platform.webauthn_users (
  user_id           uuid primary key references platform.users (id) on delete cascade,
  handle            bytea not null unique check (length(handle) = 64),
  -- When the user said that they want no passkey now; they are not asked again.
  offer_declined_at timestamptz
);

create table platform.webauthn_credentials (
  id                 uuid primary key,
  user_id            uuid not null references platform.users (id) on delete cascade,
  -- Unique over all users (WebAuthn L3 §7.1 step 26).
  credential_id      bytea not null unique check (length(credential_id) between 16 and 1023),
  public_key         bytea not null,
  name               text not null,
  aaguid             uuid not null,
  sign_count         bigint not null,
  backup_eligible    boolean not null,
  backed_up          boolean not null,
  transports         text[] not null default '{}',
  attestation_type   text not null default '',
  attestation_format text not null default '',
  created_at         timestamptz not null,
  last_used_at       timestamptz,
  -- When the counter went back: there may be two copies of the key.
  suspect_at         timestamptz
) with (fillfactor = 80);
create index webauthn_credentials_by_user on platform.webauthn_credentials (user_id);

-- The secret shared with an authenticator app, sealed. A row is an app that has
-- shown one right code. last_step is the time step of the last code that was
-- accepted: each is taken once (RFC 6238 §5.2).
create table platform.totp_secrets (
  user_id       uuid primary key references platform.users (id) on delete cascade,
  secret_sealed bytea not null,
  last_step     bigint not null,
  created_at    timestamptz not null,
  last_used_at  timestamptz
) with (fillfactor = 80);

-- Codes to be used once, as keyed digests.
create table platform.recovery_codes (
  user_id    uuid not null references platform.users (id) on delete cascade,
  code_hash  bytea not null,
  created_at timestamptz not null,
  used_at    timestamptz,
  primary key (user_id, code_hash)
);

-- The models of authenticators that a tenant accepts for its members' passkeys. A
-- tenant without a row accepts any.
create table platform.attestation_policies (
  tenant_id uuid primary key references platform.tenants (id) on delete cascade,
  aaguids   uuid[] not null check (cardinality(aaguids) > 0)
);

alter table platform.webauthn_users enable row level security;
alter table platform.webauthn_users force row level security;
create policy owned on platform.webauthn_users
  using (user_id = platform.acting_user() or platform.acting_operator());

alter table platform.webauthn_credentials enable row level security;
alter table platform.webauthn_credentials force row level security;
create policy owned on platform.webauthn_credentials
  using (user_id = platform.acting_user() or platform.acting_operator());
-- A sign-in finds the passkey that it was made with.
create policy found on platform.webauthn_credentials for select
  using (encode(credential_id, 'hex') = platform.named_identifier());

alter table platform.totp_secrets enable row level security;
alter table platform.totp_secrets force row level security;
create policy owned on platform.totp_secrets
  using (user_id = platform.acting_user() or platform.acting_operator());

alter table platform.recovery_codes enable row level security;
alter table platform.recovery_codes force row level security;
create policy owned on platform.recovery_codes
  using (user_id = platform.acting_user() or platform.acting_operator());

alter table platform.attestation_policies enable row level security;
alter table platform.attestation_policies force row level security;
create policy owned on platform.attestation_policies
  using (tenant_id = platform.acting_tenant() or platform.acting_operator());
create policy joined on platform.attestation_policies for select using (
  exists (select from platform.user_group_memberships m
          where m.tenant_id = attestation_policies.tenant_id and m.user_id = platform.acting_user()));

-- +goose StatementBegin
do $$
begin
  grant select, insert, update, delete on platform.webauthn_users, platform.webauthn_credentials, platform.totp_secrets,
    platform.recovery_codes, platform.attestation_policies to gatehouse_app;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop table platform.attestation_policies, platform.recovery_codes, platform.totp_secrets,
  platform.webauthn_credentials, platform.webauthn_users;
