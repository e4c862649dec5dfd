// A client that proves itself by a certificate and binds its tokens to it (RFC 8705), at
// the addresses that discovery names for that (§5).
import { request } from "node:https";
import { client, discover, got, jose, settings, signIn } from "./talk.mjs";

let presented = true;
// fetch of Node.js shows no certificate.
const withCertificate = (url, { method, headers, body }) => new Promise((resolve, reject) => {
  const identity = presented ? { cert: settings.certificate, key: settings.key } : {};
  const asked = request(url, { method, headers, ca: settings.authority, ...identity }, (answer) => {
    const parts = [];
    answer.on("data", (part) => parts.push(part));
    answer.on("end", () => resolve(new Response(Buffer.concat(parts), { status: answer.statusCode, headers: answer.headers })));
  });
  asked.on("error", reject);
  asked.end(body?.toString());
});
const config = await discover(client.TlsClientAuth(), { use_mtls_endpoint_aliases: true }, settings.client_id, {
  [client.customFetch]: (url, options) => (url.startsWith("https:") ? withCertificate(url, options) : fetch(url, options)),
});
const tokens = await signIn(config, {}, undefined, client.buildAuthorizationUrlWithPAR);
const { sub } = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
const before = await client.tokenIntrospection(config, refreshed.access_token);
presented = false;
const refused = await client.fetchUserInfo(config, refreshed.access_token, sub).then(() => "taken", () => "refused");
const stranger = await client.refreshTokenGrant(config, refreshed.refresh_token).catch((error) => error.error ?? String(error));
got({ userinfo, cnf: jose.decodeJwt(tokens.access_token).cnf, before, refused, stranger });
