// A sign-in without a browser of one's own: asked for, and polled (OpenID CIBA).
import { client, got, withSecret, wish } from "./talk.mjs";

const config = await withSecret();
const request = await client.initiateBackchannelAuthentication(config, {
  scope: "openid profile", login_hint: "ann", binding_message: "W4SCT",
});
await wish({ approve: true });
const tokens = await client.pollBackchannelAuthenticationGrant(config, request);
got({ claims: tokens.claims() });
