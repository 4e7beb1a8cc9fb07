// What verify takes for a body, and how much of all of them it holds.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createVerifier, DoorkeyError, type Bounds, type RawRequest, type VerifierOptions } from "@doorkey/verifier";
import { API, ISSUER, World } from "./signer.js";

const NOW = 1_760_000_000;
const utf8 = new TextEncoder();

async function begin(options: Partial<VerifierOptions> = {}) {
  const world = await World.begin(NOW);
  let now = NOW - 3600;
  const verifier = createVerifier({ issuer: ISSUER, audience: API, fetch: world.fetch, clock: () => now * 1000, ...options });
  now = NOW;
  const judge = (request: Request | RawRequest) =>
    verifier.verify(request).then(() => "accepted", (error: unknown) => {
      assert.ok(error instanceof DoorkeyError, String(error));
      return error.code;
    });
  const post = (body?: Uint8Array) => world.sign(NOW, "POST", "/p", body);
  return { world, judge, post };
}

test("a body that is announced has to be given", async () => {
  const { judge, post } = await begin();
  for (const line of [["content-length", "4"], ["transfer-encoding", "chunked"]] as const) {
    const signed = await post();
    assert.equal(await judge({ ...signed, headers: [...signed.headers, line] }), "components_incomplete");
    const headers = [...signed.headers, line] as [string, string][];
    assert.equal(await judge(new Request(`${API}/p`, { method: "POST", headers })), "components_incomplete");
  }
  const none = await post();
  assert.equal(await judge({ ...none, headers: [...none.headers, ["content-length", "0"]] }), "accepted");
  const empty = await post();
  const chunked = [...empty.headers, ["transfer-encoding", "chunked"] as const];
  assert.equal(await judge({ ...empty, headers: chunked, body: async () => new Uint8Array() }), "accepted");
});

test("what is no Uint8Array is no body", async () => {
  const { judge, post } = await begin();
  const evil = utf8.encode("EVIL").buffer;
  for (const body of [async () => evil, async () => "", async () => undefined, () => new Uint8ClampedArray(), evil, "", 1]) {
    assert.equal(await judge({ ...(await post()), body: body as unknown as Uint8Array }), "invalid_input");
  }
  const bytes = await post(new Uint8Array([1, 2, 3]));
  assert.equal(await judge({ ...bytes, body: "123" as unknown as Uint8Array }), "invalid_input");
  assert.equal(await judge({ ...bytes, body: Buffer.of(1, 2, 3) }), "accepted");
});

test("the limit holds for what a function yields, too", async () => {
  const { judge, post } = await begin({ maxBodyBytes: 3 });
  const long = () => post(new Uint8Array(3000));
  assert.equal(await judge({ ...(await long()), body: async () => new Uint8Array(3000) }), "body_too_large");
  assert.equal(await judge({ ...(await long()), body: new Uint8Array(3000) }), "body_too_large");
  const take = async (bounds: Bounds) => {
    bounds.take(2);
    bounds.take(2);
    return assert.fail();
  };
  assert.equal(await judge({ ...(await long()), body: take }), "body_too_large");
});

test("all bodies together have a bound, and leave their room when they go", async () => {
  const { judge, post } = await begin({ maxBodyBytes: 60, maxBodiesBytes: 100 });
  const body = new Uint8Array(60);
  const signed = await Promise.all([post(body), post(body), post(body), post(body), post(body)]);
  let give: () => void = () => {};
  const given = new Promise<void>((resolve) => (give = resolve));
  let isHeld: () => void = () => {};
  const held = new Promise<void>((resolve) => (isHeld = resolve));
  const slow = async ({ take }: Bounds) => {
    take(60);
    isHeld();
    await given;
    return body;
  };
  const first = judge({ ...(signed[0] as RawRequest), body: slow });
  await held;
  assert.equal(await judge(signed[1] as RawRequest), "rate_limited");
  const request = signed[2] as RawRequest & { headers: [string, string][] };
  const fetched = new Request(`${API}/p`, { method: "POST", headers: request.headers, body });
  assert.equal(await judge(fetched), "rate_limited");
  give();
  assert.equal(await first, "accepted");
  for (const one of signed.slice(3)) assert.equal(await judge(one), "accepted");
  assert.throws(() => createVerifier({ issuer: ISSUER, audience: API, maxBodyBytes: 9, maxBodiesBytes: 8 }), DoorkeyError);
  createVerifier({ issuer: ISSUER, audience: API, maxBodyBytes: 2 ** 30 });
});

test("a body that pauses for 15 seconds is given up, and one that goes on is not", async () => {
  const { judge, post } = await begin();
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let next: ReadableStreamDefaultController<Uint8Array> | undefined;
    let isAsked: () => void = () => {};
    let asked = new Promise<void>((resolve) => (isAsked = resolve));
    const open = async (length: number) => {
      const { headers } = await post(new Uint8Array(length));
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void (next = controller),
        pull: () => isAsked(),
      }, { highWaterMark: 0 });
      return judge(new Request(`${API}/p`, { method: "POST", headers, body, duplex: "half" } as RequestInit));
    };
    const goesOn = open(3);
    for (let i = 0; i < 3; i++) {
      await asked;
      // What has come is on its way through promises alone.
      await new Promise(setImmediate);
      mock.timers.tick(14_000);
      asked = new Promise<void>((resolve) => (isAsked = resolve));
      next?.enqueue(new Uint8Array(1));
    }
    await asked;
    await new Promise(setImmediate);
    next?.close();
    assert.equal(await goesOn, "accepted");
    asked = new Promise<void>((resolve) => (isAsked = resolve));
    const pauses = open(3);
    await asked;
    mock.timers.tick(15_000);
    assert.equal(await pauses, "request_timeout");
  } finally {
    mock.timers.reset();
  }
});

test("a body may come long after its signature has expired, and a copy of it not at all", async () => {
  let now = NOW - 3600;
  const { judge, post } = await begin({ clock: () => now * 1000 });
  now = NOW;
  const body = new Uint8Array(3);
  const signed = await post(body);
  let isAsked: () => void = () => {};
  const asked = new Promise<void>((resolve) => (isAsked = resolve));
  let give: () => void = () => {};
  const given = new Promise<void>((resolve) => (give = resolve));
  const slow = async () => {
    isAsked();
    await given;
    return body;
  };
  const first = judge({ ...signed, body: slow });
  await asked;
  assert.equal(await judge(signed), "replayed", "while the body is on its way");
  now += 600;
  give();
  assert.equal(await first, "accepted");
});

test("a function that never comes to an end is waited for for a quarter of an hour", async () => {
  const { judge, post } = await begin();
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let isAsked: (bounds: Bounds) => void = () => {};
    const asked = new Promise<Bounds>((resolve) => (isAsked = resolve));
    const never = (bounds: Bounds) => {
      isAsked(bounds);
      return new Promise<never>(() => {});
    };
    const verdict = judge({ ...(await post(new Uint8Array(3))), body: never });
    const { within, take } = await asked;
    await Promise.resolve();
    assert.equal(within, 900_000);
    mock.timers.tick(within);
    assert.equal(await verdict, "request_timeout");
    assert.throws(() => take(1), DoorkeyError, "nothing is held for what nobody waits for");
  } finally {
    mock.timers.reset();
  }
});
