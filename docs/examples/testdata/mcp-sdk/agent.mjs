// An agent made with the MCP TypeScript SDK. It speaks by lines: it reads its
// settings as JSON, writes each authorization URL, reads the URL to which the
// person's browser was sent back, and writes at the end as JSON what its tools said.
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // before Node.js 20 it was not global
const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
const { UnauthorizedError } = await import("@modelcontextprotocol/sdk/client/auth.js");
const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const nextLine = async () => (await lines.next()).value;
const settings = JSON.parse(await nextLine());

const kept = {};
const provider = {
  redirectUrl: settings.redirect_uri,
  clientMetadataUrl: settings.client_id,
  clientMetadata: { client_name: "Agent", redirect_uris: [settings.redirect_uri] },
  state: () => (kept.state = crypto.randomUUID()),
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  redirectToAuthorization: (url) => console.log(url.href),
};

// authorized does something, and once more when its person had to be asked first.
async function authorized(transport, something) {
  try {
    return await something();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  const back = new URL(await nextLine()).searchParams;
  if (back.get("state") !== kept.state || back.get("iss") !== settings.issuer) throw new Error(`not our answer: ${back}`);
  await transport().finishAuth(back.get("code"));
  return something();
}

const client = new Client({ name: "agent", version: "1" });
let transport;
await authorized(() => transport, async () => {
  transport = new StreamableHTTPClientTransport(new URL(settings.endpoint), { authProvider: provider });
  await client.connect(transport);
});
const say = async (name) => (await authorized(() => transport, () => client.callTool({ name, arguments: {} }))).structuredContent;
const said = [await say("whoami"), await say("reindex"), await say("whoami")];
console.log(JSON.stringify({ said, registered: kept.client, scope: kept.tokens.scope }));
await client.close();
process.exit(0);
