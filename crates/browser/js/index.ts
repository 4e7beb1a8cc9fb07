import { PageClient } from "./client.js";
import type { Loader } from "./load.js";
import { once } from "./once.js";
import type { Client, ClientOptions } from "./types.js";

export type { ErrorCode } from "./error-code.js";
export { DoorkeyError } from "./error.js";
export type { Client, ClientOptions, Custody, Session, SignUrlOptions, UploadOptions, UploadProgress } from "./types.js";

const LOADER: Loader = {
  rest: once(() => import("./rest/index.js")),
  curve: once(() => import("./curve.js")),
};

/**
 * Makes a client for a page's publishable key.
 *
 * Returns at once, and does nothing: a key pair is made, a session minted and WebAssembly loaded by the first call.
 *
 * @throws {@link DoorkeyError} `malformed_key` for what is no key, `wrong_key_kind` for a secret one, `invalid_input` for an option that
 * there is not.
 *
 * @example
 * const client = createClient({ publishableKey: "pk_live_…" });
 * const response = await client.fetch("https://api.example.com/pictures");
 */
export function createClient(options: ClientOptions): Client {
  return new PageClient(options, LOADER);
}
