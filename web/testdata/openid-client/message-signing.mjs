// A client under FAPI 2.0 Message Signing: it proves itself by a key, signs and pushes
// its request, checks the signed response, and binds its tokens to another key. It
// speaks by lines, as sign-in.mjs does: its public key, then the authorization URL,
// then what it got.
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // before Node.js 20 it was not global
const client = await import("openid-client");
const jose = await import("jose");

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const nextLine = async () => (await lines.next()).value;

await nextLine(); // there is nothing to be told before the key is known
const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
const kid = "mine";
console.log(JSON.stringify({ keys: [{ ...(await jose.exportJWK(keys.publicKey)), kid, use: "sig", alg: "ES256" }] }));

const settings = JSON.parse(await nextLine());
const signing = { key: keys.privateKey, kid };
const config = await client.discovery(
  new URL(settings.issuer),
  settings.client_id,
  { id_token_signed_response_alg: "ES256", authorization_signed_response_alg: "ES256", userinfo_signed_response_alg: "ES256" },
  client.PrivateKeyJwt(signing),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks, client.useJwtResponseMode] },
);
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));

const pkceCodeVerifier = client.randomPKCECodeVerifier();
const expectedState = client.randomState();
const expectedNonce = client.randomNonce();
const signed = await client.buildAuthorizationUrlWithJAR(config, {
  redirect_uri: settings.redirect_uri,
  scope: settings.scope,
  state: expectedState,
  nonce: expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
}, signing);
const request = await client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP });
console.log(request.href);

const tokens = await client.authorizationCodeGrant(config, new URL(await nextLine()), {
  pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true,
}, undefined, { DPoP });
const claims = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP });
const atTheAPI = await client.fetchProtectedResource(config, tokens.access_token, new URL(settings.issuer + "/api/v1/me"), "GET", undefined, undefined, { DPoP });
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
const narrower = await client.refreshTokenGrant(config, tokens.refresh_token, { resource: settings.resource }, { DPoP });

console.log(JSON.stringify({
  claims, userinfo, me: await atTheAPI.json(),
  token_type: tokens.token_type,
  kept: (refreshed.refresh_token ?? tokens.refresh_token) === tokens.refresh_token,
  narrower: jose.decodeJwt(narrower.access_token),
}));
process.exit(0);
