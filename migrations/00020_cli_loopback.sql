-- The command line signs in by a browser on the same machine too, so the client that older servers made of it gets the address that it listens on (RFC 8252 §7.3).

-- +goose Up
update platform.clients
set redirect_uris = '{http://127.0.0.1/callback}', grant_types = '{authorization_code,refresh_token}' || array_remove(grant_types, 'refresh_token')
where id = 'gatehouse-cli' and kind = 'native' and redirect_uris = '{}';

-- +goose Down
update platform.clients
set redirect_uris = '{}', grant_types = array_remove(grant_types, 'authorization_code')
where id = 'gatehouse-cli' and redirect_uris = '{http://127.0.0.1/callback}';
