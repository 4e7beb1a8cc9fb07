import init from "../dist/wasm/doorkey_curve.js";

export { Curve } from "../dist/wasm/doorkey_curve.js";

/** Readies this part of the SDK. */
export async function begin(module: WebAssembly.Module): Promise<void> {
  await init({ module_or_path: module });
}
