// From wasm-bindgen's output in dist/ to the package: optimizes the wasm, writes the types, bundles js/ for each platform.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
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
const WASM = "dist/doorkey_edge_bg.wasm";
run(
  require.resolve("binaryen/bin/wasm-opt"),
  "-O3",
  ...FEATURES.map((feature) => `--enable-${feature}`),
  ...["--strip-debug", "--strip-producers", "--strip-target-features", WASM, "-o", WASM],
);

// wasm-bindgen keeps its one instance in the module's variables. As a function it can be had anew, for another instance.
const { outputFiles } = await build({
  entryPoints: ["dist/doorkey_edge.js"],
  bundle: true,
  write: false,
  format: "iife",
  globalName: "glue",
  target: "es2022",
});
writeFileSync("dist/glue.js", `export function bind() {\n${outputFiles[0].text}\nreturn glue;\n}\n`);

rmSync("dist/types", { recursive: true, force: true });
run(require.resolve("typescript/bin/tsc"), "-p", "tsconfig.json");

const common = { bundle: true, format: "esm", target: "es2022", legalComments: "none", sourcemap: true };
const entryPoints = ["js/index.ts", "js/express.ts", "js/hono.ts"];
const PLATFORMS = {
  node: { platform: "node", external: ["node:*"] },
  // The file as it lies in the package, seen from the bundles.
  workerd: { platform: "neutral", external: ["../doorkey_edge_bg.wasm"] },
  inline: { platform: "browser", loader: { ".wasm": "binary" } },
};
for (const [name, options] of Object.entries(PLATFORMS)) {
  rmSync(`dist/${name}`, { recursive: true, force: true });
  await build({
    ...common,
    entryPoints,
    outdir: `dist/${name}`,
    splitting: true,
    minifySyntax: true,
    alias: { "#platform": `./js/platform/${name}.ts`, "#glue": "./dist/glue.js", "#bytes": `./${WASM}` },
    ...options,
  });
}
const redis = { platform: "neutral", external: ["node:*"], loader: { ".lua": "text" } };
await build({ ...common, ...redis, entryPoints: ["js/redis.ts"], outfile: "dist/redis.js" });

for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(`../../${licence}`, licence);
