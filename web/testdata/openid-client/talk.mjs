// How the scripts of this folder speak with the test that runs each: by lines of JSON.
// The first is read and holds the settings. What a script says is either a wish, which
// the test grants on behalf of a person at a browser ({"visit": address} is answered by
// the address the browser was sent back to, {"connect": address} and {"approve": true}
// by an empty line), or what the script got in the end ({"got": …}). Whatever it finds
// wrong with the server's answers ends it with an error.
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // before Node.js 20 it was not global
export const client = await import("openid-client");
export const oauth = await import("oauth4webapi");
export const jose = await import("jose");

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export const hear = async () => (await lines.next()).value;
export const settings = JSON.parse(await hear());

export async function wish(what) {
  console.log(JSON.stringify(what));
  return hear();
}

export function got(what) {
  console.log(JSON.stringify({ got: what }));
  process.exit(0);
}

// Every signature of the server is checked, also where TLS would vouch for it.
export const discover = (authentication, metadata = {}, id = settings.client_id, more = {}) =>
  client.discovery(new URL(settings.issuer), id, { id_token_signed_response_alg: "ES256", ...metadata }, authentication, {
    ...more, execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks, ...(more.execute ?? [])],
  });

export const withSecret = (metadata, id) => discover(client.ClientSecretBasic(settings.client_secret), metadata, id);

// A key of ours as the library takes it, from a private JWK.
export const signingKey = async (jwk) => ({ key: await jose.importJWK(jwk, jwk.alg), kid: jwk.kid });

// One person signs in. build makes the address out of the parameters.
export async function signIn(config, parameters = {}, options = undefined, build = client.buildAuthorizationUrl) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  const address = await build(config, {
    redirect_uri: settings.redirect_uri, scope: settings.scope, state: checks.expectedState, nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: "S256", ...parameters,
  });
  const back = new URL(await wish({ visit: address.href }));
  return client.authorizationCodeGrant(config, back, checks, undefined, options);
}
