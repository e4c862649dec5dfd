-- Letters that no page of the person caused, and what clients are told of them, are in the language that they chose, or else in the one that they last signed in with.

-- +goose Up
alter table platform.users add column language text, add column last_language text;

-- +goose Down
alter table platform.users drop column language, drop column last_language;
