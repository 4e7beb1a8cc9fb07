import assert from "node:assert/strict";
import { test } from "node:test";
import type { DoorkeyError } from "@doorkey/browser";
import { API, code, random, verifyCall, World } from "./world.js";

/** The same module with room for so many pages more: what does not fit makes WebAssembly fail, as any other fault would. */
function narrow(wasm: Uint8Array, more: number): Uint8Array<ArrayBuffer> {
  const read = (at: number): [number, number] => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = wasm[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) return [value, at];
    }
  };
  for (let at = 8; at < wasm.length; ) {
    const [length, start] = read(at + 1);
    if (wasm[at] === 5) {
      const [least] = read(start + 2);
      assert.ok(wasm[start + 1] === 0 && least + more < 128, "one small memory without a limit");
      return Uint8Array.of(...wasm.subarray(0, at), 5, 4, 1, 1, least, least + more, ...wasm.subarray(start + length));
    }
    at = start + length;
  }
  throw new Error("there is no memory section");
}

const { compile } = WebAssembly;
// Node has a module of its own for HTTP.
WebAssembly.compile = (bytes) => compile(Buffer.isBuffer(bytes) ? bytes : narrow(bytes as Uint8Array, 4));

const fails = (error: unknown) => {
  assert.ok(code("sdk_unavailable")(error));
  assert.ok((error as DoorkeyError).cause instanceof WebAssembly.RuntimeError);
  return true;
};

test("WebAssembly that fails in a call is sdk_unavailable, and later calls go on with the same session", async () => {
  const world = new World();
  const client = world.client();
  assert.equal((await client.fetch(API)).status, 200);
  const long = `${API}/?${"x".repeat(1 << 20)}`;
  await assert.rejects(client.fetch(long), fails);
  assert.equal((await client.fetch(API)).status, 200);
  await assert.rejects(client.signUrl(long), fails);
  assert.match(await client.signUrl(API), /dk-sig=/);
  await assert.rejects(client.upload(long, { body: "x" }), fails);
  assert.equal((await client.upload(API, { body: "x" })).status, 200);
  assert.deepEqual([world.mints.length, world.calls.length], [1, 3]);
  for (const call of world.calls) verifyCall(call, world.mints[0]!.header.jwk.x);
});

test("a failure while a body is hashed is no fault of the body's", async () => {
  const world = new World();
  const client = world.client();
  const bytes = random(1 << 20);
  // In one piece, which is more than there is room for.
  const body = Object.assign(new Blob([bytes]), { stream: () => new Response(bytes).body });
  await assert.rejects(client.fetch(API, { method: "POST", body }), fails);
  assert.equal((await client.fetch(API, { method: "POST", body: "x" })).status, 200);
});
