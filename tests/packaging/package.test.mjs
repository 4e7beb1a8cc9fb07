// What is in the tarball: read, and held against what its readers expect.

import assert from "node:assert/strict";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { filterProblems } from "@arethetypeswrong/core/problems";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, posix, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { root, tarball } from "./lib/places.mjs";
import { run } from "./lib/process.mjs";

let data;
let manifest;
/** Path in the package → bytes. */
const files = new Map();

before(async () => {
  data = await readFile(tarball);
  const folder = await mkdtemp(join(tmpdir(), "doorkey-packed-"));
  try {
    await run("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"], folder);
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      files.set(relative(folder, path), await readFile(path));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  manifest = JSON.parse(files.get("package.json"));
});
after(() => files.clear());

/** All files that a node of `exports` leads to, whatever the conditions. */
const targets = (node) => (typeof node === "string" ? [node] : Object.values(node).flatMap(targets));
const text = (path) => files.get(path).toString();
const scripts = () => [...files.keys()].filter((path) => path.endsWith(".js"));

test("publint has nothing to say", async () => {
  const tarballData = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
  const { messages } = await publint({ pack: { tarball: tarballData }, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, manifest)), []);
});

test("every subpath has types, for ESM in Node and for bundlers", async () => {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
  assert.ok(analysis.types, "there are types");
  assert.deepEqual(Object.keys(analysis.entrypoints).sort(), Object.keys(manifest.exports).sort());
  // What is ESM alone, as attw's own profile of that name has it: `require` is none of its business.
  for (const resolutionKind of ["node16-esm", "bundler"]) assert.deepEqual(filterProblems(analysis, { resolutionKind }), []);
});

test("nothing is installed along with it", () => {
  for (const kind of ["dependencies", "optionalDependencies", "bundleDependencies"]) assert.equal(manifest[kind], undefined, kind);
  for (const peer of Object.keys(manifest.peerDependencies ?? {})) assert.equal(manifest.peerDependenciesMeta?.[peer]?.optional, true, peer);
  for (const script of ["preinstall", "install", "postinstall", "prepare"]) assert.equal(manifest.scripts?.[script], undefined);
});

test("every file that an export names is there", () => {
  const missing = targets(manifest.exports).filter((path) => !files.has(posix.normalize(path)));
  assert.deepEqual(missing, []);
});

test("every file that a script or a declaration names is there", () => {
  const missing = [];
  for (const path of [...files.keys()].filter((path) => /\.(js|d\.ts)$/.test(path))) {
    const source = text(path);
    const names = [...source.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"|new URL\("([^"]+)"/g)].map(([, module, url]) => module ?? url);
    for (const name of names) {
      const target = posix.join(posix.dirname(path), name);
      if (!files.has(path.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target)) missing.push(`${path}: ${name}`);
    }
  }
  assert.deepEqual(missing, []);
});

describe("source maps", () => {
  test("stand beside every script and hold its sources", () => {
    assert.ok(scripts().length > 0);
    for (const path of scripts()) {
      const [, name] = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(text(path)) ?? [];
      assert.equal(name, `${posix.basename(path)}.map`, path);
      const { sources, sourcesContent } = JSON.parse(text(posix.join(posix.dirname(path), name)));
      assert.ok(sources.length > 0, path);
      assert.equal(sourcesContent?.length, sources.length, path);
      assert.ok(sourcesContent.every((content) => typeof content === "string" && content.length > 0), path);
    }
  });
});

test("no file tells where it was built", () => {
  // A home folder of `/` would be in everything.
  const places = [root.replace(/\/$/, ""), homedir(), tmpdir(), "/home/", "/Users/", "/root/"].filter((place) => place.length > 1);
  for (const [path, bytes] of files) {
    for (const place of places) assert.equal(bytes.includes(place), false, `${path} contains ${place}`);
  }
});

test("no script makes code out of strings", () => {
  for (const path of scripts()) assert.doesNotMatch(text(path), /\beval\s*\(|\bFunction\s*\(|\bimport\s*\(\s*[^"'\s)]/, path);
});
