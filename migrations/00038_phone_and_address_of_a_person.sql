-- Applications that ask for the standard scopes phone and address learn what the person wrote of themselves.

-- +goose Up
alter table platform.users add column phone text, add column phone_verified boolean not null default false, add column address jsonb;
update platform.scopes set description = 'Street, town, region and country.' where name = 'address' and description = '';
update platform.scopes set description = 'The number and whether it is verified.' where name = 'phone' and description = '';

-- +goose Down
update platform.scopes set description = '' where name = 'phone' and description = 'The number and whether it is verified.';
update platform.scopes set description = '' where name = 'address' and description = 'Street, town, region and country.';
alter table platform.users drop column phone, drop column phone_verified, drop column address;
