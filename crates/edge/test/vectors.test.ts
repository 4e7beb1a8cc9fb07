import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { chromium } from "playwright-core";
import { bundle, inWorkerd } from "./runtimes.js";
import { run, type Outcome } from "./vectors.js";

type Table = Record<string, Outcome[]>;

let table: Table;

before(async () => {
  table = await run();
});

test("every vector has the outcome that it names", () => {
  const sizes = Object.fromEntries(Object.entries(table).map(([title, rows]) => [title, rows.length]));
  const least = { requests: 240, "signed-urls": 160, "secret-keys": 128, tokens: 81, grants: 16 };
  for (const [title, size] of Object.entries(least)) assert.ok((sizes[title] ?? 0) >= size, `${title}: ${sizes[title]}`);
  const wrong = Object.values(table).flat().filter(({ expected, outcome }) => expected !== outcome);
  assert.deepEqual(wrong, []);
});

test("Chromium comes to the same, from the build without a second file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "doorkey-edge-"));
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
  const script = join(folder, "vectors.js");
  const server = createServer(async (request, response) => {
    if (request.url !== "/vectors.js") return response.setHeader("content-type", "text/html").end("<!doctype html>");
    return response.setHeader("content-type", "text/javascript").end(await readFile(script));
  });
  try {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await bundle(["browser"], 'export { run } from "./vectors.js";', script);
    const page = await browser.newPage();
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    const outcomes = await page.evaluate('import("/vectors.js").then(({ run }) => run())');
    assert.deepEqual(outcomes, table);
  } finally {
    await browser.close();
    server.close();
    await rm(folder, { recursive: true });
  }
});

test("workerd comes to the same, with the module as a part of the upload", async () => {
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
  await inWorkerd(worker, async (origin) => {
    const response = await fetch(origin);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    assert.deepEqual(JSON.parse(text), { codes: ["invalid_input", "invalid_input"], table });
  });
});
