// A device without a browser (RFC 8628): it polls while a person answers elsewhere.
import { client, discover, got, settings, wish } from "./talk.mjs";

const config = await discover(client.None());
const device = await client.initiateDeviceAuthorization(config, { scope: settings.scope });
const waiting = await client.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:device_code", { device_code: device.device_code })
  .catch((error) => error.error ?? String(error));
await wish({ connect: device.verification_uri_complete });
const tokens = await client.pollDeviceAuthorizationGrant(config, device);
const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
got({ claims: tokens.claims(), waiting, refreshed: refreshed.token_type });
