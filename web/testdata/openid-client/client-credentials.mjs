// A machine asks for a token for one resource (RFC 8707), and a resource server of
// others judges it (RFC 9068 §4).
import { client, got, oauth, settings, withSecret } from "./talk.mjs";

const config = await withSecret();
const tokens = await client.clientCredentialsGrant(config, { scope: "agents:read", resource: settings.resource });
const judge = (audience) => oauth.validateJwtAccessToken(config.serverMetadata(),
  new Request("https://agents.example/list", { headers: { authorization: "Bearer " + tokens.access_token } }), audience, { [oauth.allowInsecureRequests]: true });
const elsewhere = await judge("https://other.example").then(() => "taken", () => "refused");
const beyond = await client.clientCredentialsGrant(config, { scope: "agents:read", resource: "https://unknown.example" }).catch((error) => error.error ?? String(error));
got({ claims: await judge(settings.resource), elsewhere, beyond });
