// ID tokens that only the client can read (OpenID Connect Core §10.2).
import { client, discover, got, jose, settings, signIn } from "./talk.mjs";

const config = await discover(client.ClientSecretBasic(settings.client_secret), {
  id_token_encrypted_response_alg: settings.key.alg, id_token_encrypted_response_enc: "A256GCM",
});
client.enableDecryptingResponses(config, ["A256GCM"], { key: await jose.importJWK(settings.key, settings.key.alg), kid: settings.key.kid, alg: settings.key.alg });
const tokens = await signIn(config);
got({ claims: tokens.claims(), parts: tokens.id_token.split(".").length });
