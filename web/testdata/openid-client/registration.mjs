// A client that registers itself (RFC 7591), and then signs somebody in.
import { client, got, settings, signIn } from "./talk.mjs";

const config = await client.dynamicClientRegistration(new URL(settings.issuer), {
  client_name: "Foreign", redirect_uris: [settings.redirect_uri], grant_types: ["authorization_code", "refresh_token"], response_types: ["code"],
  token_endpoint_auth_method: "client_secret_post", id_token_signed_response_alg: "ES256", scope: settings.scope,
}, undefined, { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] });
const made = config.clientMetadata();
const tokens = await signIn(config);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
got({ claims: tokens.claims(), aud_is_it: tokens.claims().aud === made.client_id, scope: made.scope, name: made.client_name, refreshed: refreshed.token_type });
