import text from "module:doorkey_curve_bg.wasm";
import init from "../dist/wasm/doorkey_curve.js";
import { compile } from "./module-text.js";
import { once } from "./once.js";

export { Curve } from "../dist/wasm/doorkey_curve.js";

const compiled = once(async () => init({ module_or_path: await compile(text) }));

/** Readies this part of the SDK. */
export async function begin(): Promise<void> {
  await compiled();
}
