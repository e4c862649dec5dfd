// Drives the API by the types and paths that were generated from its document.
// It reads {"base", "token"} from standard input and writes what it saw.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { stdin: AsyncIterable<Uint8Array> };

let text = "";
const decoder = new TextDecoder();
for await (const chunk of process.stdin) text += decoder.decode(chunk, { stream: true });
const { base, token } = JSON.parse(text) as { base: string; token: string };

const client = createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${token}` } });

const made = await client.POST("/users", {
  params: { header: { "Idempotency-Key": "one" } },
  body: { username: "gen", email: "gen@example.com", role: "viewer" },
});
if (made.error) throw new Error(made.error.detail);
const changed = await client.PATCH("/users/{user}", { params: { path: { user: "gen@example.com" } }, body: { display_name: "Gen" } });
const names: string[] = [];
let after: string | undefined;
do {
  const page = await client.GET("/users", { params: { query: { limit: 1, after } } });
  if (page.error) throw new Error(page.error.detail);
  for (const user of page.data.items) names.push(user.username);
  after = page.data.next;
} while (after);
const missing = await client.GET("/users/{user}", { params: { path: { user: "nobody" } } });
const refused = await client.POST("/clients", { body: { name: "x", kind: "web" } });
console.log(JSON.stringify({
  id: made.data.id, name: changed.data?.display_name, names, missing: missing.error?.status, refused: refused.error?.errors?.[0]?.location,
}));
