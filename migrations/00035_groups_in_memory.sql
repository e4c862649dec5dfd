-- Replicas keep what groups give in memory, so they are told when one changes or goes.

-- +goose Up
create trigger note_change after update or delete on platform.user_groups for each row execute function platform.note_change('id');

-- +goose Down
drop trigger note_change on platform.user_groups;
