// A client that asks for a sign-in without a browser and polls (OpenID CIBA). It speaks
// by lines, as sign-in.mjs does: its request, and then what it got.
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // before Node.js 20 it was not global
const client = await import("openid-client");

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value);
const config = await client.discovery(
  new URL(settings.issuer),
  settings.client_id,
  { id_token_signed_response_alg: "ES256" },
  client.ClientSecretBasic(settings.client_secret),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] },
);
const request = await client.initiateBackchannelAuthentication(config, {
  scope: "openid profile", login_hint: "ann", binding_message: "W4SCT",
});
console.log(JSON.stringify(request));
const tokens = await client.pollBackchannelAuthenticationGrant(config, request);
console.log(JSON.stringify({ claims: tokens.claims(), token_type: tokens.token_type }));
process.exit(0);
