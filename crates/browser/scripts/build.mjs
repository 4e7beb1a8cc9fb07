// From wasm-bindgen's output in dist/ to the package: optimizes the wasm, bundles js/, writes the types.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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
const WASM = "dist/doorkey_browser_bg.wasm";
run(
  require.resolve("binaryen/bin/wasm-opt"),
  // Larger functions stay apart: they repeat each other, which compresses better than one that holds them all.
  ...["-Oz", "--converge", "--one-caller-inline-max-function-size=30"],
  ...FEATURES.map((feature) => `--enable-${feature}`),
  ...["--strip-debug", "--strip-producers", "--strip-target-features", WASM, "-o", WASM],
);

rmSync("dist/types", { recursive: true, force: true });
run(require.resolve("typescript/bin/tsc"), "-p", "tsconfig.json");

await build({
  entryPoints: ["js/index.ts"],
  outfile: "dist/index.js",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
});

for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(`../../${licence}`, licence);
