// ID tokens from the authorization endpoint, for old clients: with a code beside them,
// whose hash and the state's are checked, and alone.
import { client, discover, got, settings, signIn, wish } from "./talk.mjs";

const asOld = (...execute) => discover(client.ClientSecretBasic(settings.client_secret), {}, settings.client_id, { execute });
const hybrid = await signIn(await asOld(client.useCodeIdTokenResponseType, client.enableDetachedSignatureResponseChecks));

const config = await asOld(client.useIdTokenResponseType);
const [state, nonce] = [client.randomState(), client.randomNonce()];
const address = client.buildAuthorizationUrl(config, { redirect_uri: settings.redirect_uri, scope: settings.scope, state, nonce });
const back = new URL(await wish({ visit: address.href }));
got({ hybrid: hybrid.claims(), implicit: await client.implicitAuthentication(config, back, nonce, { expectedState: state }) });
