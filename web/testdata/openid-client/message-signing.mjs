// FAPI 2.0 Message Signing: a client that proves itself by a key, signs and pushes its
// request, checks the signed response, and binds its tokens to another key.
import { client, discover, got, jose, settings, signingKey, signIn } from "./talk.mjs";

const signing = await signingKey(settings.key);
const config = await discover(client.PrivateKeyJwt(signing), {
  authorization_signed_response_alg: "ES256", userinfo_signed_response_alg: "ES256",
}, settings.client_id, { execute: [client.useJwtResponseMode] });
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));

const tokens = await signIn(config, {}, { DPoP }, async (config, parameters) => {
  const signed = await client.buildAuthorizationUrlWithJAR(config, parameters, signing);
  return client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP });
});
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP });
const atTheAPI = await client.fetchProtectedResource(config, tokens.access_token, new URL(settings.issuer + "/api/v1/me"), "GET", undefined, undefined, { DPoP });
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
const narrower = await client.refreshTokenGrant(config, tokens.refresh_token, { resource: settings.resource }, { DPoP });

got({
  claims, userinfo, me: await atTheAPI.json(),
  token_type: tokens.token_type,
  kept: (refreshed.refresh_token ?? tokens.refresh_token) === tokens.refresh_token,
  narrower: jose.decodeJwt(narrower.access_token),
});
