// A public client whose tokens are bound to a key from the authorization request on
// (RFC 9449 §10), with a nonce that has grown old; and a resource server of others that
// judges the token and its proof (RFC 9068 §4, RFC 9449 §7).
import { client, discover, got, oauth, settings, signIn } from "./talk.mjs";

let stale = 0;
const config = await discover(client.None(), {}, settings.client_id, {
  // As if the first nonce had been handed out long ago: the server must say so, and
  // the client asks once more.
  [client.customFetch]: async (...args) => {
    const response = await fetch(...args);
    const headers = new Headers(response.headers);
    if (headers.has("dpop-nonce") && stale++ === 0) headers.set("dpop-nonce", "of-another-day");
    return new Response(response.body, { status: response.status, headers });
  },
});
const keys = await client.randomDPoPKeyPair("ES256");
const DPoP = client.getDPoPHandle(config, keys);
const tokens = await signIn(config, { dpop_jkt: await DPoP.calculateThumbprint() }, { DPoP });
const { sub } = tokens.claims();
const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });

// The refresh token is worth nothing with another key.
const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
let refused;
try {
  await client.refreshTokenGrant(config, refreshed.refresh_token, undefined, { DPoP: thief });
} catch (error) {
  refused = error.error ?? String(error);
}

let judged;
const as = config.serverMetadata();
const handle = oauth.DPoP(config.clientMetadata(), keys);
await oauth.protectedResourceRequest(refreshed.access_token, "GET", new URL("https://agents.example/list"), undefined, undefined, {
  DPoP: handle,
  [oauth.customFetch]: async (url, init) => {
    judged = await oauth.validateJwtAccessToken(as, new Request(url, init), settings.resource, { requireDPoP: true, [oauth.allowInsecureRequests]: true });
    return new Response("{}");
  },
});
got({ sub, userinfo, token_type: refreshed.token_type, answers_with_nonces: stale, refused, judged });
