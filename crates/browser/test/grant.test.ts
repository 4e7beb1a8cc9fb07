import assert from "node:assert/strict";
import { test } from "node:test";
import type { DoorkeyError } from "@doorkey/browser";
import { stopClocks, stopTimers } from "./time.js";
import { API, code, problem, World } from "./world.js";

/** A backend that signs a grant for whoever asks. */
function backend() {
  const given: string[] = [];
  return { given, grant: async () => given[given.push(`grant.number.${given.length + 1}`) - 1]! };
}

test("each mint has a grant of its own", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const { given, grant } = backend();
  const client = world.client({ grant });
  assert.deepEqual(given, [], "nobody is asked before the first call");
  await Promise.all([client.fetch(API), client.fetch(API), client.session()]);
  clocks.pass(290);
  await client.fetch(API);
  clocks.pass(290);
  await client.signUrl(API);
  assert.deepEqual(world.mints.map(({ claims }) => claims.grant), ["grant.number.1", "grant.number.2", "grant.number.3"]);
  assert.equal(given.length, 3);
});

test("a mint that is tried again takes another grant", async () => {
  const world = new World();
  const { given, grant } = backend();
  world.nextMint = () => {
    throw new TypeError("fetch failed");
  };
  await world.client({ grant }).session();
  assert.deepEqual(world.mints.map(({ claims }) => claims.grant), given);
  assert.equal(given.length, 2);
});

test("without a grant the mint has no such claim", async () => {
  const world = new World();
  await world.client().session();
  assert.ok(!("grant" in world.mints[0]!.claims));
});

test("what the issuer says about a grant is the caller's", async () => {
  const world = new World();
  world.nextMint = () => problem(401, "grant_used");
  await assert.rejects(world.client({ grant: backend().grant }).fetch(API), code("grant_used"));
  assert.equal(world.mints.length, 1);
});

const cause = new TypeError("fetch failed");
const FAILURES: [string, () => Promise<string>, unknown][] = [
  ["rejects", () => Promise.reject(cause), cause],
  ["rejects with text", () => Promise.reject("no"), "no"],
  ["throws", () => { throw cause; }, cause],
  ["yields nothing", (() => Promise.resolve(undefined)) as never, undefined],
  ["yields a number", (() => Promise.resolve(1)) as never, undefined],
  ["yields a Response", (() => Promise.resolve(new Response("x"))) as never, undefined],
  ["yields a page", () => Promise.resolve("<!doctype html><title>Sign in</title>"), undefined],
  ["yields JSON", () => Promise.resolve('{"grant":"a.b.c"}'), undefined],
  ["yields two parts", () => Promise.resolve("a.b"), undefined],
  ["yields four parts", () => Promise.resolve("a.b.c.d"), undefined],
  ["yields an empty part", () => Promise.resolve("a..c"), undefined],
  ["yields a line end", () => Promise.resolve("a.b.c\n"), undefined],
  ["yields 4097 bytes", () => Promise.resolve(`a.${"b".repeat(4093)}.c`), undefined],
  ["yields a megabyte", () => Promise.resolve(`a.${"b".repeat(1 << 20)}.c`), undefined],
];
for (const [name, grant, expected] of FAILURES) {
  test(`a grant function that ${name} is grant_unavailable, asked once for all, and nothing is sent`, async (context) => {
    stopClocks(context);
    const world = new World();
    let asked = 0;
    const client = world.client({ grant: () => (asked++, grant()) });
    const fails = (error: unknown) => code("grant_unavailable")(error) && (error as DoorkeyError).cause === expected;
    await Promise.all([
      assert.rejects(client.fetch(API, { method: "POST", body: "x" }), fails),
      assert.rejects(client.signUrl(API), fails),
      assert.rejects(client.upload(API, { body: "x" }), fails),
      assert.rejects(client.session(), fails),
    ]);
    assert.deepEqual([asked, world.mints.length, world.calls.length], [1, 0, 0]);
    await assert.rejects(client.session(), fails);
    assert.equal(asked, 2, "the page's own failure keeps nobody from another try");
  });
}

test("a grant of 4096 bytes is taken", async () => {
  const world = new World();
  const grant = `a.${"b".repeat(4092)}.c`;
  await world.client({ grant: async () => grant }).session();
  assert.equal(world.mints[0]!.claims.grant, grant);
});

test("a backend that is back is asked at once", async (context) => {
  stopClocks(context);
  const world = new World();
  const { grant } = backend();
  let isAway = true;
  const client = world.client({ grant: () => (isAway ? Promise.reject(cause) : grant()) });
  await assert.rejects(client.fetch(API), code("grant_unavailable"));
  isAway = false;
  assert.equal((await client.fetch(API)).status, 200);
});

const HANGS: [string, (world: World) => ReturnType<World["client"]>][] = [
  ["never settles", (world) => world.client({ grant: () => new Promise(() => {}) })],
  ["asks through the client itself", (world) => {
    const client = world.client({ grant: async () => (await client.fetch(`${API}/grant`)).text() });
    return client;
  }],
];
for (const [name, make] of HANGS) {
  test(`a grant function that ${name} is grant_unavailable after 30 seconds`, async (context) => {
    const timers = stopTimers(context);
    const world = new World();
    const client = make(world);
    let isOver = false;
    const calls = Promise.all([client.fetch(API), client.session()]).finally(() => (isOver = true));
    const fails = assert.rejects(calls, (error) => {
      assert.ok(code("grant_unavailable")(error));
      return ((error as DoorkeyError).cause as Error).name === "TimeoutError";
    });
    await timers.pass(30_000, () => assert.equal(isOver, false));
    await fails;
    assert.deepEqual([world.mints.length, world.calls.length], [0, 0]);
  });
}

test("a grant that came leaves no timer behind", async (context) => {
  const clear = context.mock.method(globalThis, "clearTimeout").mock;
  const set = context.mock.method(globalThis, "setTimeout").mock;
  await new World().client({ grant: backend().grant }).session();
  const made = set.calls.filter(({ arguments: [, milliseconds] }) => milliseconds === 30_000).map(({ result }) => result);
  assert.equal(made.length, 1);
  assert.ok(clear.calls.some(({ arguments: [timer] }) => timer === made[0]));
});

test("a grant that fails while the session still serves harms nobody", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const { given, grant } = backend();
  const client = world.client({ grant: () => (given.length === 0 ? grant() : Promise.reject(cause)) });
  await client.fetch(API);
  clocks.pass(275);
  assert.equal((await client.fetch(API)).status, 200);
  assert.equal(world.calls[1]!.request.headers.get("authorization"), "Doorkey token.number.1");
  clocks.pass(20);
  await assert.rejects(client.fetch(API), code("grant_unavailable"));
});

test("an abort does not wait for a backend that says nothing", async (context) => {
  // What the client waits for at most would keep this process that long.
  stopTimers(context);
  const world = new World();
  const controller = new AbortController();
  let asked = () => {};
  const asking = new Promise<void>((resolve) => (asked = resolve));
  const client = world.client({ grant: () => (asked(), new Promise(() => {})) });
  const answer = client.fetch(API, { signal: controller.signal });
  await asking;
  controller.abort();
  await assert.rejects(answer, { name: "AbortError" });
});
