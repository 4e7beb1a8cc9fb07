import { PageClient } from "./client.js";
import * as curve from "./curve.js";
import curveText from "embedded:doorkey_curve_bg.wasm";
import restText from "embedded:doorkey_browser_bg.wasm";
import { begin, compileText, once, type Loader } from "./load.js";
import * as rest from "./rest/index.js";
import type { Client, ClientOptions } from "./types.js";

export { DoorkeyError } from "./error.js";

const LOADER: Loader = {
  rest: once(() => begin(Promise.resolve(rest), () => compileText(restText))),
  curve: once(() => begin(Promise.resolve(curve), () => compileText(curveText))),
};

/** As in index.ts; the types of the package are its. */
export function createClient(options: ClientOptions): Client {
  return new PageClient(options, LOADER);
}
