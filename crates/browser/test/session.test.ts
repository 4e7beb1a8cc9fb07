import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createClient, DoorkeyError, type Client } from "@doorkey/browser";
import { stopClocks } from "./time.js";
import { API, code, ISSUER, KEY, platform, problem, publishableKey, verifyCall, World } from "./world.js";

/** Holds back the next mint until it is let go. */
function holdMint(world: World) {
  let release = () => {};
  let ask = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const asked = new Promise<void>((resolve) => (ask = resolve));
  world.nextMint = async () => {
    ask();
    await held;
    return Response.json(world.session(), { status: 201 });
  };
  return { asked, release };
}

/** Waits until the client goes on with the session of this id; the test's own time-out ends it otherwise. */
async function becomes(client: Client, id: string) {
  while ((await client.session()).id !== id) await new Promise((resolve) => setImmediate(resolve));
}

test("nothing is loaded before the first call, and then once for all", async () => {
  const world = new World();
  const clients = [world.client(), world.client(), world.client({ custody: "wasm" })];
  assert.equal(platform.compiled, 0);
  platform.failing = true;
  await assert.rejects(clients[0]!.fetch(API), code("sdk_unavailable"));
  platform.failing = false;
  await Promise.all(clients.map((client) => client.fetch(API)));
  // A module that failed, the same again, and the curve's for the client that wants it.
  assert.equal(platform.compiled, 3);
  assert.equal(new Set(world.mints.map((mint) => mint.header.jwk.x)).size, 3);
});

test("a secret key throws before anything happens", () => {
  const fetch = mock.fn<typeof globalThis.fetch>();
  for (const publishableKey of ["sk_live_x", "acme_sk_test_x", "sk_", "vk_x"]) {
    assert.throws(() => createClient({ publishableKey, fetch }), (error) => {
      assert.ok(code("wrong_key_kind")(error));
      assert.ok(!String(error).includes(publishableKey));
      return true;
    });
  }
  assert.equal(fetch.mock.callCount(), 0);
});

test("a typo is found at once", async () => {
  const world = new World();
  for (const publishableKey of [`${KEY}x`, KEY.slice(1), "", "pk_test_", "pk_prod_x", undefined as unknown as string]) {
    assert.throws(() => createClient({ publishableKey }), code("malformed_key"));
  }
  for (const options of [undefined, null, {}, { publishableKey: 1 }]) {
    assert.throws(() => createClient(options as never), { code: "malformed_key", message: /is the variable/ });
  }
  const branded = world.client({ publishableKey: publishableKey("localhost:7700", "acme_pk_live_") });
  assert.equal((await branded.session()).id, "ses_1");
});

test("custody is chosen, and can be insisted on", async (context) => {
  const world = new World();
  assert.equal((await world.client().session()).custody, "webcrypto");
  assert.equal((await world.client({ custody: "wasm" }).session()).custody, "wasm");
  context.mock.method(crypto.subtle, "generateKey", () => Promise.reject(new DOMException("no", "NotSupportedError")));
  assert.equal((await world.client({ custody: "auto" }).session()).custody, "wasm");
  await assert.rejects(world.client({ custody: "webcrypto" }).session(), code("invalid_input"));
});

test("fifty calls wait for one mint", async () => {
  const world = new World();
  const client = world.client();
  const { asked, release } = holdMint(world);
  const calls = Array.from({ length: 50 }, (_, i) => client.fetch(`${API}/${i}`));
  await asked;
  assert.equal(world.calls.length, 0);
  release();
  await Promise.all(calls);
  assert.deepEqual([world.mints.length, world.calls.length], [1, 50]);
});

test("an abort ends one call and leaves the mint to the others", async () => {
  const world = new World();
  const client = world.client();
  const { asked, release } = holdMint(world);
  const controller = new AbortController();
  const aborted = client.fetch(API, { signal: controller.signal });
  const other = client.fetch(API);
  await asked;
  const reason = new Error("changed my mind");
  controller.abort(reason);
  await assert.rejects(aborted, reason);
  release();
  assert.equal((await other).status, 200);
  assert.deepEqual([world.mints.length, world.calls.length], [1, 1]);
});

test("an abort before the call sends nothing", async () => {
  const world = new World();
  const client = world.client();
  await client.session();
  await assert.rejects(client.fetch(API, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(world.calls.length, 0);
});

test("the signal reaches the request that is sent", async () => {
  let sent = () => {};
  const sending = new Promise<void>((resolve) => (sent = resolve));
  const world = new World();
  const client = world.client({
    fetch: async (request) => {
      const { signal, url } = request as Request;
      if (url.startsWith(ISSUER)) return world.fetch(request);
      sent();
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  await client.session();
  const controller = new AbortController();
  const call = client.fetch(API, { signal: controller.signal });
  await sending;
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
});

test("a session is renewed ahead of its end, and nobody waits for it", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  await client.fetch(API);
  clocks.pass(269);
  await client.fetch(API);
  assert.equal(world.mints.length, 1);

  clocks.pass(2);
  const { release } = holdMint(world);
  await client.fetch(API);
  await client.fetch(API);
  assert.equal(world.mints.length, 2);
  assert.equal((await client.session()).id, "ses_1");
  release();
  await becomes(client, "ses_2");
  assert.equal(world.mints[0]!.header.jwk.x, world.mints[1]!.header.jwk.x);
});

test("calls wait for a new session when the old one is over", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  world.lifetime = 2;
  const client = world.client();
  for (const seconds of [0, 1.9, 60, 3600]) {
    clocks.pass(seconds);
    await client.fetch(API);
  }
  const tokens = world.calls.map(({ request }) => request.headers.get("authorization"));
  assert.deepEqual(tokens, [1, 2, 3, 4].map((n) => `Doorkey token.number.${n}`));
});

test("a renewal that fails ahead of time harms nobody", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  await client.session();
  clocks.pass(275);
  world.nextMint = () => problem(503, "store_unavailable");
  assert.equal((await client.session()).id, "ses_1");
  assert.equal((await client.fetch(API)).status, 200);
  assert.equal(world.mints.length, 2, "it is too soon for another try");
  clocks.pass(1);
  await becomes(client, "ses_3");
});

test("a machine that slept gets a new session", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  await client.fetch(API);
  clocks.sleep(4);
  await client.fetch(API);
  assert.equal(world.mints.length, 1);
  clocks.sleep(3600);
  await client.fetch(API);
  assert.equal(world.mints.length, 2);
  await client.fetch(API);
  assert.equal(world.mints.length, 2);
});

test("proofs state the issuer's time, however wrong the browser's is", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  world.offset = -3 * 86_400_000;
  const client = world.client();
  await client.fetch(API);
  clocks.pass(100);
  await client.fetch(API);
  for (const [i, call] of world.calls.entries()) {
    const { created } = verifyCall(call, world.mints[0]!.header.jwk.x);
    assert.ok(Math.abs(created - (world.now() / 1000 - 100 * (1 - i))) <= 1);
  }
});

for (const refused of ["token_expired", "token_invalid", "window_invalid"]) {
  const refuse = () => problem(401, refused, { "www-authenticate": `Doorkey error="${refused}"` });
  test(`after ${refused} a safe call is sent once more, with another session`, async (context) => {
    const clocks = stopClocks(context);
    const world = new World();
    const client = world.client();
    await client.session();
    clocks.pass(6);
    world.answer = () => (world.calls.length === 1 ? refuse() : new Response("ok"));
    assert.equal((await client.fetch(API)).status, 200);
    assert.deepEqual([world.mints.length, world.calls.length], [2, 2]);
    const nonces = world.calls.map((call) => verifyCall(call, world.mints[0]!.header.jwk.x).nonce);
    assert.notEqual(nonces[0], nonces[1]);
    clocks.pass(6);
    world.answer = refuse;
    assert.equal((await client.fetch(API)).status, 401);
    assert.equal(world.calls.length, 4, "never twice");
  });
  test(`${refused} of a session that is new ends nothing, and the call is not sent again`, async (context) => {
    const clocks = stopClocks(context);
    const world = new World();
    const client = world.client();
    world.answer = refuse;
    for (const seconds of [0, 1, 3.9]) {
      clocks.pass(seconds);
      assert.equal((await client.fetch(API)).status, 401);
    }
    assert.deepEqual([world.mints.length, world.calls.length], [1, 3], "an API that refuses all brings no storm of mints");
  });
  test(`after ${refused} another call is not sent again, and the next one mints anew`, async (context) => {
    const clocks = stopClocks(context);
    const world = new World();
    const client = world.client();
    await client.session();
    clocks.pass(6);
    world.answer = refuse;
    const response = await client.fetch(API, { method: "POST" });
    assert.equal((await DoorkeyError.from(response))?.code, refused);
    assert.equal((await response.json()).code, refused, "the response is still readable");
    assert.deepEqual([world.mints.length, world.calls.length], [1, 1]);
    world.answer = () => new Response("ok");
    await client.fetch(API);
    assert.equal(world.mints.length, 2);
  });
}

for (const challenge of ['Basic realm="a", Doorkey error="token_expired"', 'Bearer,Doorkey error="token_expired", realm="b"']) {
  test(`a refusal is found in ${challenge}`, async (context) => {
    const clocks = stopClocks(context);
    const world = new World();
    const client = world.client();
    await client.session();
    clocks.pass(6);
    world.answer = () => (world.calls.length === 1 ? problem(401, "token_expired", { "www-authenticate": challenge }) : new Response("ok"));
    assert.equal((await client.fetch(API)).status, 200);
    assert.deepEqual([world.mints.length, world.calls.length], [2, 2]);
  });
}

test("what another scheme says is no refusal", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  await client.session();
  clocks.pass(6);
  world.answer = () => new Response("", { status: 401, headers: { "www-authenticate": 'NotDoorkey error="token_expired"' } });
  assert.equal((await client.fetch(API)).status, 401);
  assert.deepEqual([world.mints.length, world.calls.length], [1, 1]);
});

test("other refusals keep the session", async () => {
  const world = new World();
  const client = world.client();
  world.answer = () => problem(401, "replayed", { "www-authenticate": 'Doorkey error="replayed"' });
  assert.equal((await client.fetch(API, { method: "PUT" })).status, 401);
  world.answer = () => problem(403, "insufficient_scope");
  assert.equal((await client.fetch(API)).status, 403);
  assert.equal(world.mints.length, 1);
});

test("a refused mint rejects with the issuer's words, and is tried again", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  world.nextMint = () => problem(429, "rate_limited");
  await assert.rejects(client.fetch(API), (error) => {
    assert.ok(code("rate_limited")(error));
    const { name, message, hint, status, requestId, retryable } = error as DoorkeyError;
    assert.deepEqual(
      { name, message, hint, status, requestId, retryable },
      { name: "DoorkeyError", message: "d", hint: "h", status: 429, requestId: "req_1", retryable: true },
    );
    return true;
  });
  await assert.rejects(client.fetch(API), code("rate_limited"));
  assert.equal(world.mints.length, 1, "it is too soon for another try");
  clocks.pass(1);
  world.nextMint = () => problem(403, "origin_not_allowed");
  await assert.rejects(client.session(), (error) => code("origin_not_allowed")(error) && !(error as DoorkeyError).retryable);
  clocks.pass(2);
  assert.equal((await client.fetch(API)).status, 200);
});

test("an issuer that is away or talks nonsense is unavailable", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  const answers: (() => Response)[] = [
    () => {
      throw new TypeError("fetch failed");
    },
    () => new Response("<html>", { status: 502 }),
    () => new Response("<html>", { status: 200 }),
    () => Response.json({}, { status: 201 }),
    () => Response.json(null, { status: 201 }),
    () => Response.json({ ...world.session(), audience: "https://api.example" }, { status: 201 }),
    () => new Response("{", { status: 403, headers: { "content-type": "application/problem+json" } }),
  ];
  for (const answer of answers) {
    world.everyMint = answer;
    clocks.pass(30);
    await assert.rejects(client.session(), (error) => {
      assert.ok(code("issuer_unavailable")(error));
      assert.deepEqual([(error as DoorkeyError).status, (error as DoorkeyError).retryable], [503, true]);
      return true;
    });
  }
});

test("an API that is away is asked again where that is safe, and is unavailable then", async () => {
  const world = new World();
  world.answer = () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(world.client().fetch(API), (error) => {
    assert.ok(code("api_unavailable")(error));
    assert.ok((error as DoorkeyError).cause instanceof TypeError);
    return true;
  });
  assert.equal(world.calls.length, 2);
  await assert.rejects(world.client().fetch(API, { method: "POST", body: "x" }), code("api_unavailable"));
  assert.equal(world.calls.length, 3);
  const headers = { "idempotency-key": "1" };
  await assert.rejects(world.client().fetch(API, { method: "POST", body: "x", headers }), code("api_unavailable"));
  assert.equal(world.calls.length, 5);
  assert.equal(world.calls[4]!.body.toString(), "x");
});

test("what is no request is invalid input", async () => {
  const world = new World();
  await assert.rejects(world.client().fetch("https://"), code("invalid_input"));
  await assert.rejects(world.client().fetch(API, { body: "x" }), code("invalid_input"));
  assert.equal(world.mints.length, 0);
});

test("a URL that servers read in two ways is not signed", async () => {
  const world = new World();
  await assert.rejects(world.client().fetch(`${API}/?${"x".repeat(9000)}`), code("malformed_request"));
  assert.equal(world.calls.length, 0);
});

test("responses that are not Doorkey's are no errors", async () => {
  assert.equal(await DoorkeyError.from(new Response("x", { status: 500 })), undefined);
  assert.equal(await DoorkeyError.from(Response.json({ code: "x" }, { status: 400 })), undefined);
  assert.equal(await DoorkeyError.from(new Response("ok")), undefined);
});
