import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import workerd from "workerd";
import { run, type Outcome } from "./vectors.js";

type Table = Record<string, Outcome[]>;

// The bundle of this file stands in dist/test.
const root = fileURLToPath(new URL("../../", import.meta.url));
let table: Table;

before(async () => {
  table = await run();
});

test("every vector has the outcome that it names", () => {
  const sizes = Object.fromEntries(Object.entries(table).map(([title, rows]) => [title, rows.length]));
  const least = { requests: 240, "signed-urls": 160, tokens: 81, grants: 16 };
  for (const [title, size] of Object.entries(least)) assert.ok((sizes[title] ?? 0) >= size, `${title}: ${sizes[title]}`);
  const wrong = Object.values(table).flat().filter(({ expected, outcome }) => expected !== outcome);
  assert.deepEqual(wrong, []);
});

/** The runner as one script for another runtime, from the package as that runtime gets it. */
async function bundle(conditions: string[], stdin: string, outfile: string): Promise<void> {
  await build({
    stdin: { contents: stdin, resolveDir: join(root, "test"), loader: "ts" },
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    conditions,
    outfile,
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    logLevel: "error",
  });
}

test("Chromium comes to the same, from the build without a second file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "doorkey-edge-"));
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html>"));
  try {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const script = join(folder, "vectors.js");
    await bundle(["browser"], 'import { run } from "./vectors.js"; globalThis.runVectors = run;', script);
    const page = await browser.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.addScriptTag({ path: script, type: "module" });
    const outcomes = await page.evaluate("runVectors()");
    assert.deepEqual(outcomes, table);
  } finally {
    await browser.close();
    server.close();
    await rm(folder, { recursive: true });
  }
});

test("workerd comes to the same, with the module as a part of the upload", async () => {
  const folder = await mkdtemp(join(tmpdir(), "doorkey-edge-"));
  try {
    const worker = `
      import { createVerifier } from "@doorkey/verifier";
      import { requireScope } from "@doorkey/verifier/hono";
      import { run } from "./vectors.js";
      // Here workerd has no randomness, and so no id for a refusal.
      const mistakes = [() => createVerifier({ issuer: "keys", audience: "" }), () => requireScope("no scope")];
      const codes = mistakes.map((mistake) => {
        try { mistake(); } catch (error) { return error.code ?? String(error); }
      });
      export default { fetch: async () => Response.json({ codes, table: await run() }) };`;
    await bundle(["workerd"], worker, join(folder, "worker.js"));
    await writeFile(
      join(folder, "config.capnp"),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [
      (name = "worker.js", esModule = embed "worker.js"),
      (name = "doorkey_edge_bg.wasm", wasm = embed "doorkey_edge_bg.wasm"),
    ],
    compatibilityDate = "2026-01-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
    );
    // It writes where it listens to a pipe of ours.
    const process = spawn(workerd.default, ["serve", "--control-fd=3", join(folder, "config.capnp")], {
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    const ended = once(process, "exit");
    try {
      const control = process.stdio[3] as NodeJS.ReadableStream;
      let told = "";
      const port = await new Promise<number>((resolve, reject) => {
        control.on("data", (piece: Buffer) => {
          told += piece.toString();
          const line = told.split("\n").find((line) => line.includes('"listen"') && line.endsWith("}"));
          if (line) resolve((JSON.parse(line) as { port: number }).port);
        });
        ended.then(() => reject(new Error("workerd has ended")), reject);
      });
      const response = await fetch(`http://127.0.0.1:${port}/`);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.deepEqual(JSON.parse(text), { codes: ["invalid_input", "invalid_input"], table });
    } finally {
      process.kill();
      await ended;
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

