import init, { Core } from "../dist/doorkey_browser.js";
import { SDK_UNAVAILABLE } from "./error-code.js";
import { refusal } from "./error.js";

let loading: Promise<typeof Core> | undefined;

/** Loads the WebAssembly module, once for all clients of the page; a load that failed is tried again. */
export function load(): Promise<typeof Core> {
  loading ??= instantiate().catch((cause: unknown) => {
    loading = undefined;
    throw refusal(SDK_UNAVAILABLE, "the SDK's WebAssembly module cannot be loaded", cause);
  });
  return loading;
}

async function instantiate(): Promise<typeof Core> {
  // Bundlers look for exactly this expression.
  const response = await fetch(new URL("doorkey_browser_bg.wasm", import.meta.url));
  if (!response.ok) throw new TypeError(`${response.url} answers ${response.status}`);
  // Streaming insists on the media type, which not every server knows.
  const isTyped = response.headers.get("content-type")?.startsWith("application/wasm");
  const module_or_path =
    isTyped && WebAssembly.compileStreaming
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
  await init({ module_or_path });
  return Core;
}
