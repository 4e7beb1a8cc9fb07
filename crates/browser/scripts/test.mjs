// Bundles test/*.test.ts for Node 20, which reads no TypeScript, and runs it against the built package.
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { modules } from "./modules.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const node = (...args) => execFileSync(process.execPath, args, { stdio: "inherit" });

node(createRequire(import.meta.url).resolve("typescript/bin/tsc"), "-p", "test/tsconfig.json");

const tests = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
// The entry whose parts are files, which Node's own conditions do not choose; the others have tests of their own.
const files = {
  name: "files",
  setup(build) {
    build.onResolve({ filter: /^@doorkey\/browser$/ }, () => ({ path: "../index.js", external: true }));
  },
};
rmSync("dist/test", { recursive: true, force: true });
await build({
  entryPoints: tests.map((name) => `test/${name}`),
  outdir: "dist/test",
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: "inline",
  plugins: [files, modules],
});
node(
  ...["--enable-source-maps", "--disable-warning=ExperimentalWarning", "--test", "--test-reporter=spec"],
  ...tests.map((name) => `dist/test/${name.replace(/ts$/, "js")}`),
);
