// A service that turns the token of an app's user into its own (RFC 8693), for less.
import { client, got, jose, settings, signIn, withSecret } from "./talk.mjs";

const app = await withSecret();
const first = await signIn(app);
const service = await withSecret({}, "gateway");
const type = "urn:ietf:params:oauth:token-type:access_token";
const exchanged = await client.genericGrantRequest(service, "urn:ietf:params:oauth:grant-type:token-exchange", {
  subject_token: first.access_token, subject_token_type: type, scope: "agents:read", resource: settings.resource,
});
got({ claims: jose.decodeJwt(exchanged.access_token), issued: exchanged.issued_token_type, type, token_type: exchanged.token_type, sub: first.claims().sub });
