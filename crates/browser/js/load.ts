import { SDK_UNAVAILABLE } from "./error-code.js";
import { DoorkeyError, refusal } from "./error.js";

/** The parts of the SDK that are not there yet when a page's first call begins. */
export interface Loader {
  /** All but keys and mints: sessions, proofs, signed URLs. */
  rest: Part<typeof import("./rest/index.js")>;
  /** Ed25519, for browsers whose WebCrypto has none. */
  curve: Part<typeof import("./curve.js")>;
}

/** A part, once for all clients; what failed is tried again. */
export interface Part<T> {
  /** Has it come in. */
  load: () => Promise<unknown>;
  /** Has its WebAssembly compiled, too. */
  begin: () => Promise<T>;
}

/** The smallest module there is. */
const EMPTY = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

export function part<T extends { begin: (error: typeof DoorkeyError) => Promise<void> }>(load: () => Promise<T>): Part<T> {
  const loaded = once(load);
  const begun = once(async () => {
    const part = await loaded();
    await part.begin(DoorkeyError);
    return part;
  });
  return {
    load: loaded,
    begin: () =>
      begun().catch((cause: unknown) => {
        throw refusal(SDK_UNAVAILABLE, whyNot(), cause);
      }),
  };
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let working: Promise<T> | undefined;
  return () =>
    (working ??= work().catch((cause: unknown) => {
      working = undefined;
      throw cause;
    }));
}

function whyNot(): string {
  if (typeof WebAssembly === "undefined") return "this browser has no WebAssembly";
  try {
    new WebAssembly.Module(EMPTY);
    return "the rest of the SDK cannot be loaded; a service worker imports @doorkey/browser/inline, which needs no second file";
  } catch {
    return "this page's Content-Security-Policy allows no WebAssembly: add 'wasm-unsafe-eval' to script-src";
  }
}
