// A signed request in the address (RFC 9101), whose parameters nobody can change on the way.
import { client, got, settings, signingKey, signIn, withSecret } from "./talk.mjs";

const config = await withSecret();
const signing = await signingKey(settings.key);
let outside;
const tokens = await signIn(config, {}, undefined, async (config, parameters) => {
  const address = await client.buildAuthorizationUrlWithJAR(config, parameters, signing);
  outside = [...address.searchParams.keys()];
  return address;
});
got({ claims: tokens.claims(), outside });
