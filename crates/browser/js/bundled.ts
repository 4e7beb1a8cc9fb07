import { PageClient } from "./client.js";
import { begin, compileFile, compileText, once, type Loader, type Source } from "./load.js";
import type { Client, ClientOptions } from "./types.js";

export { DoorkeyError } from "./error.js";

const LOADER: Loader = {
  rest: once(() =>
    begin(
      import("./rest/index.js"),
      // Bundlers look for exactly these expressions.
      copied(() => new URL("doorkey_browser_bg.wasm", import.meta.url), () => import("./embedded/rest.js")),
    ),
  ),
  curve: once(() =>
    begin(
      import("./curve.js"),
      copied(() => new URL("doorkey_curve_bg.wasm", import.meta.url), () => import("./embedded/curve.js")),
    ),
  ),
};

/** As in index.ts, for bundlers: some copy the file that a URL names, and some leave the URL and say nothing. */
export function createClient(options: ClientOptions): Client {
  return new PageClient(options, LOADER);
}

/** Takes the file from where a bundler has put it under another name; where none has, the module that is a script. */
function copied(name: () => URL, embedded: () => Promise<{ default: string }>): Source {
  return async () => {
    const url = whereCopied(name);
    return url ? compileFile(url) : compileText((await embedded()).default);
  };
}

function whereCopied(name: () => URL): URL | undefined {
  try {
    const url = name();
    return /\/doorkey_(browser|curve)_bg\.wasm$/.test(url.pathname) ? undefined : url;
  } catch {
    // A classic script has no `import.meta.url`.
    return undefined;
  }
}
