// One person signs in, with a request in the address or a pushed one (RFC 9126), is
// looked up, and is signed out again.
import { client, got, settings, signIn, withSecret } from "./talk.mjs";

const config = await withSecret({ id_token_signed_response_alg: settings.id_token_alg });
const tokens = await signIn(config, {}, undefined, settings.pushed ? client.buildAuthorizationUrlWithPAR : client.buildAuthorizationUrl);
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
const before = await client.tokenIntrospection(config, refreshed.access_token);
await client.tokenRevocation(config, refreshed.refresh_token);
const after = await client.tokenIntrospection(config, refreshed.access_token);

got({
  claims, userinfo, before, after,
  rotated: refreshed.refresh_token !== tokens.refresh_token,
  end_session: client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: settings.post_logout_redirect_uri }).href,
});
