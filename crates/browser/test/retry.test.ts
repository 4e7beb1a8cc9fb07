import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { DoorkeyError } from "@doorkey/browser";
import { settle, stopClocks, stopTimers, until } from "./time.js";
import { API, code, problem, verifyCall, World } from "./world.js";

const busy = (status: number, retryAfter?: string) => () =>
  new Response("busy", { status, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } });

/** Answers so once, and as usual then. */
const once = (world: World, answer: () => Response) => (world.answer = () => (world.calls.length === 1 ? answer() : new Response("ok")));

const noNetwork = () => {
  throw new TypeError("fetch failed");
};

/** What a browser has and Node 20 has not. */
function browser(context: TestContext, onLine: boolean) {
  const events = new EventTarget();
  const added: string[] = [];
  const values = {
    navigator: { onLine },
    addEventListener: (type: string, listener: EventListener, options?: AddEventListenerOptions) => {
      added.push(type);
      events.addEventListener(type, listener, options);
    },
  };
  for (const [name, value] of Object.entries(values)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    context.after(() => {
      if (before) Object.defineProperty(globalThis, name, before);
      else delete (globalThis as Record<string, unknown>)[name];
    });
  }
  return { ...values, events, added };
}

for (const status of [429, 503]) {
  for (const seconds of [0, 1, 5]) {
    test(`a GET that got ${status} is sent once more after exactly ${seconds} s`, async (context) => {
      const timers = stopTimers(context);
      const world = new World();
      world.answer = busy(status, String(seconds));
      const answer = world.client().fetch(API);
      if (seconds > 0) await timers.pass(seconds * 1000, () => assert.equal(world.calls.length, 1));
      else {
        await until(() => timers.waits().length > 0);
        context.mock.timers.tick(0);
      }
      assert.equal((await answer).status, status, "the second answer is the caller's");
      assert.deepEqual([world.mints.length, world.calls.length, timers.waits()], [1, 2, [seconds * 1000]]);
      const nonces = world.calls.map((call) => verifyCall(call, world.mints[0]!.header.jwk.x).nonce);
      assert.notEqual(nonces[0], nonces[1]);
    });
  }

  for (const retryAfter of ["6", "86400", "-1", "1.5", "", "Sat, 21 Nov 2026 17:00:00 GMT", undefined]) {
    test(`${status} with Retry-After ${retryAfter ?? "left out"} is the caller's at once`, async (context) => {
      const timers = stopTimers(context);
      const world = new World();
      world.answer = busy(status, retryAfter);
      const response = await world.client().fetch(API);
      assert.deepEqual([response.status, await response.text()], [status, "busy"]);
      await settle();
      assert.deepEqual([world.calls.length, timers.waits()], [1, []]);
    });
  }

  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    test(`${status} to ${method} is not tried again, and with an Idempotency-Key it is`, async (context) => {
      const timers = stopTimers(context);
      const world = new World();
      const client = world.client();
      once(world, busy(status, "2"));
      assert.equal((await client.fetch(API, { method, body: "x" })).status, status);
      assert.deepEqual([world.calls.length, timers.waits()], [1, []]);

      world.calls.length = 0;
      const answer = client.fetch(API, { method, body: "x", headers: { "idempotency-key": "a" } });
      await timers.pass(2000, () => assert.equal(world.calls.length, 1));
      assert.equal((await answer).status, 200);
      assert.equal(world.calls.length, 2);
      assert.deepEqual(world.calls.map(({ body }) => body.toString()), ["x", "x"]);
      assert.deepEqual(world.calls.map(({ request }) => request.headers.get("idempotency-key")), ["a", "a"]);
    });
  }
}

test("an abort ends the wait for the second try", async (context) => {
  const timers = stopTimers(context);
  const world = new World();
  world.answer = busy(503, "5");
  const controller = new AbortController();
  const answer = world.client().fetch(API, { signal: controller.signal });
  await until(() => timers.waits().length > 0);
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(answer, reason);
  context.mock.timers.tick(5000);
  await settle();
  assert.equal(world.calls.length, 1);
});

test("a proof that was taken for a replay is made anew, with the same session", async () => {
  const world = new World();
  once(world, () => problem(401, "replayed", { "www-authenticate": 'Doorkey error="replayed"' }));
  assert.equal((await world.client().fetch(API)).status, 200);
  assert.deepEqual([world.mints.length, world.calls.length], [1, 2]);
});

for (const [name, kept] of [["a Blob", new Blob(["pixels"])], ["bytes", new Uint8Array([1, 2, 3])], ["text", "pixels"]] as const) {
  test(`${name} goes along the second time`, async () => {
    const world = new World();
    once(world, noNetwork);
    const headers = { "idempotency-key": "1" };
    assert.equal((await world.client().fetch(API, { method: "PUT", body: kept, headers })).status, 200);
    const bodies = world.calls.map(({ body }) => body.toString("hex"));
    assert.deepEqual(bodies, Array(2).fill(Buffer.from(await new Response(kept).arrayBuffer()).toString("hex")));
    for (const call of world.calls) verifyCall(call, world.mints[0]!.header.jwk.x);
  });
}

test("a network that breaks off a POST is reported once, with its cause", async () => {
  const world = new World();
  world.answer = noNetwork;
  await assert.rejects(world.client().fetch(API, { method: "POST", body: "x" }), (error) => {
    assert.ok(code("api_unavailable")(error));
    assert.deepEqual([(error as DoorkeyError).retryable, ((error as DoorkeyError).cause as Error).message], [true, "fetch failed"]);
    return true;
  });
  assert.equal(world.calls.length, 1);
});

test("without a network nothing is tried twice", async (context) => {
  browser(context, false);
  const world = new World();
  const client = world.client();
  await client.session();
  world.answer = noNetwork;
  await assert.rejects(client.fetch(API), code("api_unavailable"));
  assert.equal(world.calls.length, 1);

  const other = new World();
  other.everyMint = noNetwork;
  await assert.rejects(other.client().session(), code("issuer_unavailable"));
  assert.equal(other.mints.length, 1);
});

test("a mint that the network breaks off is tried again at once", async () => {
  const world = new World();
  world.nextMint = noNetwork;
  assert.equal((await world.client().session()).id, "ses_2");
  assert.equal(world.mints.length, 2);
  assert.notEqual(world.mints[0]!.claims.jti, world.mints[1]!.claims.jti);
});

test("a mint that is told to come back in two seconds does, once, and calls wait for it", async (context) => {
  const timers = stopTimers(context);
  const world = new World();
  const client = world.client();
  world.nextMint = () => problem(429, "rate_limited", { "retry-after": "2" });
  const calls = [1, 2, 3].map((n) => client.fetch(`${API}/${n}`));
  await timers.pass(2000, () => assert.deepEqual([world.mints.length, world.calls.length], [1, 0]));
  await Promise.all(calls);
  assert.deepEqual([world.mints.length, world.calls.length], [2, 3]);
});

test("a mint that is told to come back later fails, and says when", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  world.everyMint = () => problem(503, "store_unavailable", { "retry-after": "6" });
  const fails = () =>
    assert.rejects(client.session(), (error) => code("store_unavailable")(error) && (error as DoorkeyError).retryAfter === 6);
  await fails();
  clocks.pass(5.9);
  await fails();
  assert.equal(world.mints.length, 1, "nobody asks before the time that the issuer named");
  clocks.pass(0.2);
  await fails();
  assert.equal(world.mints.length, 2);
});

test("no issuer keeps a page from minting for more than an hour", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  world.nextMint = () => problem(503, "store_unavailable", { "retry-after": "999999999" });
  await assert.rejects(client.session(), code("store_unavailable"));
  clocks.pass(3599);
  await assert.rejects(client.session(), code("store_unavailable"));
  assert.equal(world.mints.length, 1);
  clocks.pass(1);
  assert.equal((await client.session()).id, "ses_2");
});

test("mints that fail grow rarer, up to one in half a minute", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  world.everyMint = () => problem(403, "origin_not_allowed");
  const fails = () => assert.rejects(client.fetch(API), code("origin_not_allowed"));
  let mints = 0;
  for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
    await fails();
    assert.equal(world.mints.length, ++mints);
    clocks.pass(seconds - 0.1);
    await fails();
    assert.equal(world.mints.length, mints, `${seconds} s`);
    clocks.pass(0.2);
  }
  world.everyMint = undefined;
  assert.equal((await client.fetch(API)).status, 200);
});

test("a network that is back ends the wait, and one listener hears of it", async (context) => {
  const clocks = stopClocks(context);
  const { navigator, events, added } = browser(context, false);
  const world = new World();
  const client = world.client();
  world.everyMint = noNetwork;
  for (let i = 0; i < 3; i++) {
    await assert.rejects(client.session(), code("issuer_unavailable"));
    clocks.pass(30);
  }
  assert.equal(world.mints.length, 3);
  await assert.rejects(client.session(), code("issuer_unavailable"));
  await assert.rejects(client.session(), code("issuer_unavailable"));
  assert.equal(world.mints.length, 4, "too soon");
  assert.deepEqual(new Set(added), new Set(["online"]));

  navigator.onLine = true;
  world.everyMint = undefined;
  events.dispatchEvent(new Event("online"));
  assert.equal((await client.session()).id, "ses_5");
  assert.equal(world.mints.length, 5);
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`${status} is refused for a signed call and left alone for another one`, async () => {
    const world = new World();
    const client = world.client();
    world.answer = () => new Response(null, { status, headers: { location: "https://elsewhere.example/" } });
    await assert.rejects(client.fetch(API), code("redirect_refused"));
    await assert.rejects(client.fetch(API, { method: "POST", body: "x" }), code("redirect_refused"));
    assert.equal(world.calls.length, 2);
    const other = await client.fetch("https://other.example/", { redirect: "manual" });
    assert.equal(other.status, status);
  });
}

test("a mint that fails when its only caller has gone bothers nobody", async () => {
  const world = new World();
  const client = world.client();
  let fail = () => {};
  world.nextMint = () => new Promise((_, reject) => (fail = () => reject(new RangeError("late"))));
  const controller = new AbortController();
  const answer = client.fetch(API, { signal: controller.signal });
  controller.abort();
  await assert.rejects(answer, { name: "AbortError" });
  await until(() => world.mints.length > 0);
  await settle();
  fail();
  await settle();
  await assert.rejects(client.session(), code("issuer_unavailable"));
});
