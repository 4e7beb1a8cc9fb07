import { SDK_UNAVAILABLE } from "./error-code.js";
import { DoorkeyError, refusal } from "./error.js";

/** Has the parts of the SDK come in that are not there yet when a page's first call begins. */
export interface Loader {
  /** All but keys and mints: sessions, proofs, signed URLs. */
  rest: () => Promise<typeof import("./rest/index.js")>;
  /** Ed25519, for browsers whose WebCrypto has none. */
  curve: () => Promise<typeof import("./curve.js")>;
}

/** The smallest module there is. */
const EMPTY = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

/** Readies a part, its WebAssembly too; rejects with why it is not there. */
export async function begin<T extends { begin: (error: typeof DoorkeyError) => Promise<void> }>(part: Promise<T>): Promise<T> {
  try {
    const loaded = await part;
    await loaded.begin(DoorkeyError);
    return loaded;
  } catch (cause) {
    throw refusal(SDK_UNAVAILABLE, whyNot(cause), cause);
  }
}

function whyNot(cause: unknown): string {
  if (typeof WebAssembly === "undefined") return "this browser has no WebAssembly";
  try {
    new WebAssembly.Module(EMPTY);
    // The browser names the script that did not come, or says that a service worker may load none.
    return `the rest of the SDK cannot be loaded: ${(cause as Error)?.message}`;
  } catch {
    return "this page's Content-Security-Policy allows no WebAssembly: add 'wasm-unsafe-eval' to script-src";
  }
}
