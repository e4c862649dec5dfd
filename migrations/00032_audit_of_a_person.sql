-- What an operator did to somebody's membership or session is part of that person's history, which has its index like what is written at their name.

-- +goose Up
create index audit_events_by_person on platform.audit_events ((coalesce(after, before) ->> 'user_id'), id) where coalesce(after, before) ? 'user_id';

-- +goose Down
drop index platform.audit_events_by_person;
