// For esbuild: WebAssembly comes within the script that needs it, one file less to load, to copy and to serve.
import { readFileSync } from "node:fs";
import { toText } from "./module-text.mjs";

/** `module:NAME` is a module of dist/wasm as text, which compresses well; `bytes:NAME` as bytes, for one that is tiny. */
export const modules = {
  name: "modules",
  setup(build) {
    const forms = {
      module: (bytes) => ({ contents: toText(bytes), loader: "text" }),
      bytes: (bytes) => ({ contents: `export default Uint8Array.of(${bytes.join()});` }),
    };
    for (const [namespace, toScript] of Object.entries(forms)) {
      const isItsName = new RegExp(`^${namespace}:`);
      build.onResolve({ filter: isItsName }, ({ path }) => ({ path: path.replace(isItsName, ""), namespace }));
      build.onLoad({ filter: /./, namespace }, ({ path }) => toScript(readFileSync(`dist/wasm/${path}`)));
    }
  },
};
