import { createClient, type ClientOptions } from "@doorkey/browser";

/**
 * Makes a `fetch` that signs in the name of a publishable key: what generated API clients take as theirs.
 *
 * It is the `fetch` of a client of its own. Where there is a client already, hand on `client.fetch`, and both share a
 * session.
 *
 * @throws {@link DoorkeyError} as `createClient` does.
 *
 * @example
 * import createApi from "openapi-fetch";
 * import { createFetch } from "@doorkey/browser/fetch";
 *
 * const api = createApi<paths>({
 *   baseUrl: "https://api.example.com",
 *   fetch: createFetch({ publishableKey: "pk_live_…" }),
 * });
 */
export function createFetch(options: ClientOptions): typeof globalThis.fetch {
  return createClient(options).fetch;
}
