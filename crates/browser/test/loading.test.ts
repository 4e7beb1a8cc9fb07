import assert from "node:assert/strict";
import { test } from "node:test";
import { settle, stopClocks, until } from "./time.js";
import { API, code, platform, World } from "./world.js";

// In this order: what is loaded once stays for the other tests of this file.
test("a mint outlives a module that could not be loaded", async () => {
  const world = new World();
  const client = world.client();
  platform.failing = true;
  await Promise.all([
    assert.rejects(client.fetch(API), code("sdk_unavailable")),
    assert.rejects(client.session(), code("sdk_unavailable")),
  ]);
  await until(() => world.mints.length > 0);
  await assert.rejects(client.fetch(API), code("sdk_unavailable"));
  await settle();
  assert.equal(world.mints.length, 1, "a page that can load nothing does not ask the issuer again and again");
  platform.failing = false;
});

test("without a network, it is the issuer that cannot be reached", async (context) => {
  const world = new World();
  world.everyMint = () => {
    throw new TypeError("fetch failed");
  };
  platform.failing = true;
  Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true });
  context.after(() => {
    platform.failing = false;
    Reflect.deleteProperty(globalThis, "navigator");
  });
  await assert.rejects(world.client().fetch(API), code("issuer_unavailable"));
});

test("the mint leaves while the module is on its way, and one that grew old meanwhile is not used", async (context) => {
  const clocks = stopClocks(context);
  let release = () => {};
  platform.held = new Promise((resolve) => (release = resolve));
  const world = new World();
  let answered = false;
  world.nextMint = () => {
    const minted = Response.json(world.session(), { status: 201 });
    const json = minted.json.bind(minted);
    // Once the client has read it, half an hour passes.
    return Object.assign(minted, { json: () => json().finally(() => setImmediate(() => (answered = true))) });
  };
  const answer = world.client().fetch(API);
  await until(() => answered);
  assert.deepEqual([world.mints.length, world.calls.length], [1, 0]);
  clocks.pass(1800);
  release();
  assert.equal((await answer).status, 200);
  assert.deepEqual([world.mints.length, world.calls.length], [2, 1]);
  assert.equal(world.calls[0]!.request.headers.get("authorization"), "Doorkey token.number.2");
});
