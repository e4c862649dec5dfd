// A resource server that keeps what it was told of a token as evidence: introspection
// answered by a signed token (RFC 9701), with each algorithm.
import { client, got, signIn, withSecret } from "./talk.mjs";

const tokens = await signIn(await withSecret());
const all = {};
for (const alg of ["ES256", "RS256"]) {
  const config = await withSecret({ introspection_signed_response_alg: alg }, "rs-" + alg);
  const alive = await client.tokenIntrospection(config, tokens.access_token);
  const junk = await client.tokenIntrospection(config, "junk");
  all[alg] = { alive: alive.active, sub: alive.sub, junk };
}
got({ sub: tokens.claims().sub, all });
