// Signed answers of the authorization endpoint (JARM), with each algorithm, and an error.
import { client, discover, got, settings, signIn } from "./talk.mjs";

const subjects = {};
let refused;
for (const alg of ["ES256", "RS256"]) {
  const config = await discover(client.ClientSecretBasic(settings.client_secret), { authorization_signed_response_alg: alg },
    "jarm-" + alg, { execute: [client.useJwtResponseMode] });
  subjects[alg] = (await signIn(config)).claims().sub;
  try {
    await signIn(config, { prompt: "none", max_age: "0" });
  } catch (error) {
    refused = error.error ?? String(error);
  }
}
got({ subjects, refused });
