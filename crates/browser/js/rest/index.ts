import text from "module:doorkey_browser_bg.wasm";
import init from "../../dist/wasm/doorkey_browser.js";
import type * as early from "../error.js";
import { compile } from "../module-text.js";
import { once } from "../once.js";
import { useError } from "./error.js";

export { Calls } from "./calls.js";

const compiled = once(async () => init({ module_or_path: await compile(text) }));

/** Readies this part of the SDK. */
export async function begin(error: typeof early.DoorkeyError): Promise<void> {
  useError(error);
  await compiled();
}
