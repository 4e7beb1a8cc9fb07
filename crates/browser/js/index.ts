import { SessionClient } from "./client.js";
import { WRONG_KEY_KIND } from "./error-code.js";
import { refusal } from "./error.js";
import type { Client, ClientOptions } from "./types.js";

export type { ErrorCode } from "./error-code.js";
export { DoorkeyError } from "./error.js";
export type { Client, ClientOptions, Custody, Session } from "./types.js";

/**
 * Makes a client for a page's publishable key.
 *
 * Returns at once: WebAssembly is loaded, a key pair made and a session minted by the first call that needs them.
 *
 * @throws {@link DoorkeyError} `wrong_key_kind` for a secret key, before anything is sent.
 *
 * @example
 * const client = createClient({ publishableKey: "pk_live_…" });
 * const response = await client.fetch("https://api.example.com/pictures");
 */
export function createClient(options: ClientOptions): Client {
  // The key string is parsed in Rust, which is not loaded yet. A secret key must not wait for that.
  if (/^([^_]*_)?sk_/.test(options.publishableKey)) {
    throw refusal(WRONG_KEY_KIND, "a secret key stands where a publishable key belongs");
  }
  return new SessionClient(options);
}
