// A client that proves itself by a key (RFC 7523), once with each algorithm, at every
// endpoint that authenticates clients.
import { client, discover, got, settings, signingKey, signIn } from "./talk.mjs";

const all = {};
for (const jwk of settings.keys) {
  const config = await discover(client.PrivateKeyJwt(await signingKey(jwk)), {}, "signer-" + jwk.alg);
  const tokens = await signIn(config, {}, undefined, client.buildAuthorizationUrlWithPAR);
  const before = await client.tokenIntrospection(config, tokens.access_token);
  await client.tokenRevocation(config, tokens.access_token);
  const after = await client.tokenIntrospection(config, tokens.access_token);
  all[jwk.alg] = { sub: tokens.claims().sub, before: before.active, after: after.active };
}
got(all);
