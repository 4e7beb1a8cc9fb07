import { SDK_UNAVAILABLE } from "./error-code.js";
import { DoorkeyError, refusal } from "./error.js";

/** The parts of the SDK that are not there yet when a page's first call begins. */
export interface Loader {
  /** All but keys and mints: sessions, proofs, signed URLs. */
  rest: () => Promise<Rest>;
  /** Ed25519, for browsers whose WebCrypto has none. */
  curve: () => Promise<Curve>;
}

type Rest = typeof import("./rest/index.js");
type Curve = typeof import("./curve.js");

/** Where a part's WebAssembly comes from. */
export type Source = () => Promise<WebAssembly.Module>;

/** The smallest module there is. */
const EMPTY = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

/** Loads a part once for all clients; a load that failed is tried again. */
export function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () =>
    (loading ??= load().catch((cause: unknown) => {
      loading = undefined;
      throw refusal(SDK_UNAVAILABLE, whyNot(), cause);
    }));
}

function whyNot(): string {
  if (typeof WebAssembly === "undefined") return "this browser has no WebAssembly";
  try {
    new WebAssembly.Module(EMPTY);
    return "the rest of the SDK cannot be loaded; where files are in the way, @doorkey/browser/inline needs but one";
  } catch {
    return "this page's Content-Security-Policy allows no WebAssembly: add 'wasm-unsafe-eval' to script-src";
  }
}

/** Readies a part: its WebAssembly and its JavaScript come in at once. */
export async function begin<T extends { begin: (module: WebAssembly.Module, error: typeof DoorkeyError) => Promise<void> }>(
  part: Promise<T>,
  source: Source,
): Promise<T> {
  const [loaded, module] = await Promise.all([part, source()]);
  await loaded.begin(module, DoorkeyError);
  return loaded;
}

/** A module in a file of its own. */
export async function compileFile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok) throw new TypeError(`${url.pathname} answers ${response.status}`);
  // Streaming insists on exactly this media type, which not every server knows.
  const isTyped = response.headers.get("content-type") === "application/wasm";
  return isTyped && WebAssembly.compileStreaming
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

/** A module that the build has compressed (deflate) and written in base64. */
export async function compileText(text: string): Promise<WebAssembly.Module> {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  // Not a `Blob`: the one of jsdom has no stream.
  const inflated = new Response(bytes).body?.pipeThrough(new DecompressionStream("deflate-raw"));
  return WebAssembly.compile(await new Response(inflated).arrayBuffer());
}
