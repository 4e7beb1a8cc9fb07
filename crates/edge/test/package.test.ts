import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

// The bundle of this file stands in dist/test.
const root = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(join(root, "package.json"));
const run = (...args: string[]) => {
  try {
    execFileSync(process.execPath, args, { cwd: root, stdio: "pipe" });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    assert.fail(`${args.join(" ")}\n${stdout.toString()}${stderr.toString()}`);
  }
};

test("every example of the README compiles", () => {
  const folder = join(root, "dist/readme");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const examples = [...readme.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code);
  assert.ok(examples.length >= 6);
  examples.forEach((code, i) => writeFileSync(join(folder, `example-${i}.ts`), code));
  const config = { extends: "../../test/tsconfig.json", compilerOptions: { rootDir: "." }, include: ["."] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  run(require.resolve("typescript/bin/tsc"), "-p", folder);
});

test("a bundler for web workers takes the build that needs no second file", async () => {
  const contents = 'export * from "@doorkey/verifier"; export * from "@doorkey/verifier/hono";';
  const { errors } = await build({
    stdin: { contents, resolveDir: root },
    // Those of webpack's target `webworker`.
    conditions: ["webpack", "production", "worker", "browser"],
    platform: "neutral",
    bundle: true,
    write: false,
    format: "esm",
    logLevel: "silent",
  });
  assert.deepEqual(errors, []);
});

test("source maps hold their sources", () => {
  const folders = ["node", "workerd", "inline"].map((name) => join(root, "dist", name));
  const maps = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const own = [...maps, join(root, "dist/redis.js.map")].filter((name) => name.endsWith(".map"));
  assert.ok(own.length >= 10);
  for (const name of own) {
    const map = JSON.parse(readFileSync(name, "utf8")) as { sources: string[]; sourcesContent?: string[] };
    assert.equal(map.sourcesContent?.filter((source) => source !== null).length, map.sources.length, name);
  }
});

test("the tarball is what publint and attw call right", () => {
  const folder = mkdtempSync(join(tmpdir(), "doorkey-edge-"));
  try {
    execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root, stdio: "pipe" });
    const [tarball = ""] = readdirSync(folder);
    const bin = (name: string) => join(root, "../../node_modules/.bin", name);
    run(bin("publint"), "run", join(folder, tarball), "--strict");
    run(bin("attw"), join(folder, tarball), "--profile", "esm-only");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
