// A client that signs one person in. It speaks by lines: it reads its settings as
// JSON, writes the authorization URL, reads the URL to which the person's browser
// was sent back, and writes as JSON what it got. Whatever it finds wrong with the
// server's answers ends it with an error.
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // before Node.js 20 it was not global
const client = await import("openid-client");

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const nextLine = async () => (await lines.next()).value;

const settings = JSON.parse(await nextLine());
const config = await client.discovery(
  new URL(settings.issuer),
  settings.client_id,
  { id_token_signed_response_alg: settings.id_token_alg },
  client.ClientSecretBasic(settings.client_secret),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
);

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const expectedNonce = client.randomNonce();
const build = settings.pushed ? client.buildAuthorizationUrlWithPAR : client.buildAuthorizationUrl;
const request = await build(config, {
  redirect_uri: settings.redirect_uri,
  scope: settings.scope,
  state: expectedState,
  nonce: expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
});
console.log(request.href);

const tokens = await client.authorizationCodeGrant(config, new URL(await nextLine()), {
  pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true,
});
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
const before = await client.tokenIntrospection(config, refreshed.access_token);
await client.tokenRevocation(config, refreshed.refresh_token);
const after = await client.tokenIntrospection(config, refreshed.access_token);

console.log(JSON.stringify({
  claims, userinfo, before, after,
  rotated: refreshed.refresh_token !== tokens.refresh_token,
  end_session: client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: settings.post_logout_redirect_uri }).href,
}));
process.exit(0);
