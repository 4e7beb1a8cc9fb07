import { createClient, type Client, type ClientOptions, type Custody, type Session } from "@doorkey/browser";
import { expect, type Equal } from "./equal.js";

const client = createClient({ publishableKey: "pk_test_YourKey" });
expect<Equal<typeof client, Client>>();
expect<Equal<Parameters<typeof createClient>, [options: ClientOptions]>>();

// All that `window.fetch` takes, and what it resolves with.
expect<Equal<ReturnType<Client["fetch"]>, Promise<Response>>>();
expect<Equal<Parameters<Client["fetch"]>, [input: RequestInfo | URL, init?: RequestInit | undefined]>>();
export const fetchLike: typeof globalThis.fetch = client.fetch;
void client.fetch("/pictures");
void client.fetch(new URL("https://api.example.com"), { method: "POST", body: new Blob(), signal: AbortSignal.timeout(1) });
void client.fetch(new Request("https://api.example.com"));

const session = await client.session();
expect<Equal<typeof session, Session>>();
expect<Equal<Session["custody"], "webcrypto" | "wasm">>();
expect<Equal<Session["expiresAt"], Date>>();
expect<Equal<Custody, "auto" | "webcrypto" | "wasm">>();

const url = await client.signUrl("https://api.example.com/pictures/1", { expiresIn: 30 });
expect<Equal<typeof url, string>>();

const response = await client.upload("https://api.example.com/pictures", {
  body: new FormData(),
  onProgress: ({ phase, loaded, total }) => {
    expect<Equal<typeof phase, "hash" | "send">>();
    expect<Equal<typeof loaded, number>>();
    expect<Equal<typeof total, number>>();
  },
});
expect<Equal<typeof response, Response>>();

// Methods can be handed on as they are.
const { fetch, signUrl, session: sessionOf } = client;
export const handedOn = [fetch, signUrl, sessionOf];

createClient({ publishableKey: "pk_test_YourKey", custody: "wasm", grant: async () => "grant", fetch: (request) => globalThis.fetch(request) });

// @ts-expect-error a client needs a key
createClient({});
// @ts-expect-error and it has to be a string
createClient({ publishableKey: undefined });
// @ts-expect-error there is no such place for a key
createClient({ publishableKey: "pk_test_YourKey", custody: "server" });
// @ts-expect-error the option is called publishableKey
createClient({ publishableKey: "pk_test_YourKey", key: "pk_test_YourKey" });
// @ts-expect-error a grant comes later
createClient({ publishableKey: "pk_test_YourKey", grant: "grant" });
// @ts-expect-error an address is needed
void client.fetch();
// @ts-expect-error a number is none
void client.fetch(1);
// @ts-expect-error an upload has a body
void client.upload("https://api.example.com/pictures", {});
// @ts-expect-error a session has no token to show
void session.token;
// @ts-expect-error clients are made by createClient
void new createClient({ publishableKey: "pk_test_YourKey" });
