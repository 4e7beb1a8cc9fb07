import init from "../../dist/wasm/doorkey_browser.js";
import type * as early from "../error.js";
import { useError } from "./error.js";

export { Calls } from "./calls.js";

/** Readies this part of the SDK. */
export async function begin(module: WebAssembly.Module, error: typeof early.DoorkeyError): Promise<void> {
  useError(error);
  await init({ module_or_path: module });
}
