import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { CREDENTIAL, FakeIssuer } from "./fake-issuer.js";
import { BEARER, KEY, pass, STRANGER, time } from "./scene.js";
import { API, ISSUER, World } from "./signer.js";

const dist = fileURLToPath(new URL("../", import.meta.url));

/** The same module with room for a few MiB: what does not fit makes Rust panic, as any other fault would. */
function narrow(wasm: Buffer, pages: number): Buffer {
  const size = (at: number): [number, number] => {
    let [value, shift, next] = [0, 0, at];
    for (;;) {
      const byte = wasm[next++] ?? 0;
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) return [value, next];
    }
  };
  const leb = (value: number) => Buffer.of((value & 0x7f) | 0x80, value >> 7);
  for (let at = 8; at < wasm.length; ) {
    const [length, start] = size(at + 1);
    if (wasm[at] === 5) {
      const [least] = size(start + 2);
      assert.ok(wasm[start + 1] === 0 && least < pages, "one memory without a limit");
      const section = Buffer.concat([Buffer.of(1, 1), leb(least), leb(pages)]);
      return Buffer.concat([wasm.subarray(0, at), Buffer.of(5, section.length), section, wasm.subarray(start + length)]);
    }
    at = start + length;
  }
  throw new Error("there is no memory section");
}

/** The package with little memory, for as long as `use` takes. */
async function withLittleMemory(use: (narrowed: typeof import("@doorkey/verifier")) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "doorkey-edge-"));
  try {
    await cp(join(dist, "node"), join(folder, "node"), { recursive: true });
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    const wasm = await readFile(join(dist, "doorkey_edge_bg.wasm"));
    await writeFile(join(folder, "doorkey_edge_bg.wasm"), narrow(wasm, 100));
    const entry = pathToFileURL(join(folder, "node/index.js")).href;
    await use((await import(entry)) as typeof import("@doorkey/verifier"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const HUGE = ["x-huge", "x".repeat(20 * 1024 * 1024)] as const;

test("a panic refuses, the next request gets another instance, and nothing is accepted again", async () => {
  await withLittleMemory(async ({ createVerifier, DoorkeyError }) => {
    let now = 1_760_000_000;
    const world = await World.begin(now);
    const verifier = createVerifier({ issuer: ISSUER, audience: API, fetch: world.fetch, clock: () => now * 1000 });
    const judge = (request: Parameters<typeof verifier.verify>[0]) =>
      verifier.verify(request).then(() => "accepted", (error: unknown) => {
        assert.ok(error instanceof DoorkeyError, String(error));
        return error.code;
      });
    now += 10;
    // Of a clock that is ahead, within the skew.
    const [early, ahead] = [await world.sign(now, "GET", "/"), await world.sign(now + 20, "GET", "/")];
    assert.deepEqual([await judge(early), await judge(ahead)], ["accepted", "accepted"]);

    // It waits for its body in the instance that is going to break.
    let give: (body: Uint8Array) => void = () => {};
    const given = new Promise<Uint8Array>((resolve) => (give = resolve));
    const waiting = judge({ ...(await world.sign(now, "POST", "/", new Uint8Array(5))), body: () => given });
    const huge = { ...early, headers: [...early.headers, HUGE] };
    const error = await verifier.verify(huge).catch((error: unknown) => error);
    assert.ok(error instanceof DoorkeyError && error.code === "verifier_unavailable");
    give(new Uint8Array(5));
    assert.equal(await waiting, "verifier_unavailable");

    const response = error.toResponse();
    assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "1"]);
    const problem = (await response.json()) as Record<string, unknown>;
    assert.deepEqual(
      [problem["code"], problem["status"], problem["title"], problem["hint"], problem["request_id"]],
      ["verifier_unavailable", 503, "Verifier unavailable", error.hint, error.requestId],
    );

    assert.deepEqual([await judge(early), await judge(ahead)], ["window_invalid", "window_invalid"]);
    now += 31;
    assert.equal(await judge(await world.sign(now, "GET", "/")), "accepted");
  });
});

test("after a panic the directory is fetched from its beginning, and so is one that was on its way", async () => {
  await withLittleMemory(async ({ createVerifier, DoorkeyError }) => {
    const issuer = new FakeIssuer({ keys: [] }, KEY);
    const clock = () => time.wall;
    const verifier = createVerifier({ issuer: ISSUER, audience: API, credential: CREDENTIAL, fetch: issuer.fetch, clock });
    const judge = (request: Parameters<typeof verifier.verify>[0]) =>
      verifier.verify(request).then(() => "accepted", (error: unknown) => {
        assert.ok(error instanceof DoorkeyError, String(error));
        return error.code;
      });
    const huge = { ...BEARER, headers: [...BEARER.headers, HUGE] };
    assert.deepEqual([await judge(BEARER), await judge(BEARER)], ["accepted", "accepted"]);
    assert.equal(await judge(huge), "verifier_unavailable");
    issuer.set({ ...KEY, revoked: true });
    assert.equal(await judge(BEARER), "key_revoked");
    assert.deepEqual(issuer.asked, ["?since=0&history=", "?since=0&history="]);

    // One that waits for news while its instance breaks.
    let give: (answer: Response) => void = () => {};
    issuer.answer = () => new Promise((resolve) => (give = resolve));
    pass(1001);
    const waiting = judge(STRANGER);
    while (issuer.asked.length < 3) await new Promise(setImmediate);
    assert.equal(await judge(huge), "verifier_unavailable");
    give(new Response(issuer.lines()));
    assert.equal(await waiting, "verifier_unavailable");
    issuer.set(KEY);
    issuer.answer = () => new Response(issuer.lines());
    assert.equal(await judge(BEARER), "accepted");
    assert.deepEqual(issuer.asked.slice(2), ["?since=3&history=h1", "?since=0&history="]);
  });
});
