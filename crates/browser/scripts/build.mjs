// From wasm-bindgen's output in dist/wasm to the package: optimizes the wasm, bundles js/, writes the types.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { modules } from "./modules.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const require = createRequire(import.meta.url);
const run = (script, ...args) => execFileSync(process.execPath, [script, ...args], { stdio: "inherit" });

// What rustc emits for wasm32 today, and simd128, which .cargo/config.toml adds.
const FEATURES = [
  "bulk-memory",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
  "simd",
];
const optimize = (from, to, ...args) => run(require.resolve("binaryen/bin/wasm-opt"), "-Oz", "--converge", ...args, from, "-o", to);
for (const name of ["doorkey_browser_bg.wasm", "doorkey_curve_bg.wasm"]) {
  optimize(
    ...[`dist/wasm/${name}`, `dist/wasm/${name}`],
    // Larger functions stay apart: they repeat each other, which compresses better than one that holds them all.
    "--one-caller-inline-max-function-size=30",
    ...FEATURES.map((feature) => `--enable-${feature}`),
    ...["--strip-debug", "--strip-producers", "--strip-target-features"],
  );
}
optimize("js/module-text.wat", "dist/wasm/module-text.wasm");

rmSync("dist/types", { recursive: true, force: true });
// The plugin runs in Node, and knows no DOM; all else is the other way round.
for (const project of ["tsconfig.json", "tsconfig.vite.json"]) run(require.resolve("typescript/bin/tsc"), "-p", project);

// index.js loads these when the first call needs them; a bundler finds them by these names.
const PARTS = { "./rest/index.js": "./rest.js", "./curve.js": "./curve.js" };
const later = {
  name: "later",
  setup(build) {
    build.onResolve({ filter: /^\.\// }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path: PARTS[path], external: true } : undefined,
    );
  },
};
const options = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  sourcemap: true,
  plugins: [later, modules],
};
const entries = {
  index: "js/index.ts",
  inline: "js/inline.ts",
  rest: "js/rest/index.ts",
  curve: "js/curve.ts",
};
for (const [name, entry] of Object.entries(entries)) {
  // Chromium compiles all functions while a script comes in, and not each when a first call waits for it.
  const banner = { js: "//# allFunctionsCalledOnLoad" };
  await build({ ...options, entryPoints: [entry], outfile: `dist/${name}.js`, banner });
}

// What belongs to a framework takes the package's default entry as any user does, so that a page holds one copy of it.
const external = ["@doorkey/browser", "react", "node:*"];
for (const name of ["react", "fetch", "vite"]) {
  await build({ ...options, entryPoints: [`js/${name}.ts`], outfile: `dist/${name}.js`, external });
}

for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(`../../${licence}`, licence);
