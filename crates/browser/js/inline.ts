import { PageClient } from "./client.js";
import * as curve from "./curve.js";
import type { Loader } from "./load.js";
import * as rest from "./rest/index.js";
import type { Client, ClientOptions } from "./types.js";

export { DoorkeyError } from "./error.js";

const LOADER: Loader = {
  rest: async () => rest,
  curve: async () => curve,
};

/** As in index.ts; the types of the package are its. */
export function createClient(options: ClientOptions): Client {
  return new PageClient(options, LOADER);
}
