// A service that exchanges somebody else's word about a person for a token of theirs
// (RFC 7523 §2.1).
import { client, got, jose, settings, withSecret } from "./talk.mjs";

const service = await withSecret();
const key = await jose.importJWK(settings.key, settings.key.alg);
const assertion = await new jose.SignJWT({ client_id: settings.client_id, scope: "agents:read" })
  .setProtectedHeader({ alg: settings.key.alg, kid: settings.key.kid, typ: "oauth-id-jag+jwt" })
  .setIssuer("https://idp.example").setSubject("ann").setAudience(settings.issuer).setJti(crypto.randomUUID()).setIssuedAt().setExpirationTime("2m").sign(key);
const grant = () => client.genericGrantRequest(service, "urn:ietf:params:oauth:grant-type:jwt-bearer", { assertion });
const given = await grant();
const again = await grant().catch((refused) => refused);
got({ claims: jose.decodeJwt(given.access_token), token_type: given.token_type, again: again.error });
