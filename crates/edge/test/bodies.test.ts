// What verify takes for a body, and how much of all of them it holds.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { mock, test } from "node:test";
import { createVerifier, DoorkeyError, type Bounds, type RawRequest, type VerifierOptions } from "@doorkey/verifier";
import { doorkey } from "@doorkey/verifier/express";
import { API, ISSUER, World, type SignedRequest } from "./signer.js";

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
  return { world, verifier, judge, post };
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

/** Sends a body of zeros piece by piece, on clocks that go on when told to. */
async function slowly(send: (piece: number) => void, pieces: Iterable<[length: number, millis: number]>) {
  for (const [length, millis] of pieces) {
    send(length);
    // What has come is on its way through promises alone.
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    mock.timers.tick(millis);
  }
}

interface Sending {
  verdict: Promise<string>;
  send: (length: number) => void;
  end: () => void;
}

type Way = (signed: SignedRequest) => Sending | Promise<Sending>;

/** Each way in which bodies come, with a length that is signed. */
async function ways(length: number): Promise<{ open: Way; signed: SignedRequest }[]> {
  const { judge, post, verifier } = await begin();
  const asRequest: Way = ({ method, target, headers }) => {
    let to: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (to = controller) });
    const request = new Request(API + target, { method, headers, body, duplex: "half" } as RequestInit);
    return { verdict: judge(request), send: (length) => to?.enqueue(new Uint8Array(length)), end: () => to?.close() };
  };
  const asMessage: Way = ({ method, target, headers }) => {
    const message = Object.assign(new Readable({ read: () => {} }), {
      method,
      url: target,
      rawHeaders: headers.flat(),
      headers: Object.fromEntries(headers),
      complete: false,
    });
    const verdict = new Promise<string>((resolve) => {
      const response = {
        statusCode: 200,
        headersSent: false,
        getHeader: () => undefined,
        setHeader: () => undefined,
        write: () => undefined,
        end: (text = "") => resolve((JSON.parse(text) as { code: string }).code),
      };
      doorkey(verifier)(message, response, () => resolve("accepted"));
    });
    const end = () => {
      message.complete = true;
      message.push(null);
    };
    return { verdict, send: (length) => void message.push(new Uint8Array(length)), end };
  };
  const asFunction: Way = async (signed) => {
    let give: (body: Uint8Array) => void = () => {};
    let isAsked: (bounds: Bounds) => void = () => {};
    const asked = new Promise<Bounds>((resolve) => (isAsked = resolve));
    const body = (bounds: Bounds) => {
      isAsked(bounds);
      return new Promise<Uint8Array>((resolve) => (give = resolve));
    };
    const verdict = judge({ ...signed, body });
    const { take } = await asked;
    return { verdict, send: take, end: () => give(signed.body as Uint8Array) };
  };
  return Promise.all([asRequest, asMessage, asFunction].map(async (open) => ({ open, signed: await post(new Uint8Array(length)) })));
}

test("a body that pauses for 15 seconds is given up, and one that goes on is not", async () => {
  const [asRequest, asMessage] = await ways(3);
  const [again, anew] = await ways(3);
  for (const [goesOn, pauses] of [[asRequest, again], [asMessage, anew]]) {
    assert.ok(goesOn && pauses);
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const first = await goesOn.open(goesOn.signed);
      await slowly(first.send, [[1, 14_000], [1, 14_000], [1, 14_000]]);
      first.end();
      assert.equal(await first.verdict, "accepted");
      const second = await pauses.open(pauses.signed);
      await slowly(second.send, [[1, 15_000]]);
      assert.equal(await second.verdict, "request_timeout");
    } finally {
      mock.timers.reset();
    }
  }
});

test("a body gets a minute, and a second more for each 8 KiB of it", async () => {
  const SECOND = 8192;
  for (const { open, signed } of await ways(80 * SECOND)) {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const { verdict, send, end } = await open(signed);
      let isOver = false;
      void verdict.then(() => (isOver = true));
      // Eight seconds' worth in each ten.
      await slowly(send, Array.from({ length: 10 }, () => [8 * SECOND, 10_000]));
      assert.ok(!isOver);
      end();
      assert.equal(await verdict, "accepted");
    } finally {
      mock.timers.reset();
    }
  }
  for (const { open, signed } of await ways(80 * SECOND)) {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const { verdict, send } = await open(signed);
      let isOver = false;
      void verdict.then(() => (isOver = true));
      // Ten seconds' worth, and then a byte from time to time: it would hold memory for as long as anyone likes.
      await slowly(send, [[10 * SECOND, 14_000], [1, 14_000], [1, 14_000], [1, 14_000], [1, 4000], [1, 9000]]);
      await new Promise(setImmediate);
      assert.ok(!isOver);
      await slowly(send, [[1, 1000]]);
      assert.equal(await verdict, "request_timeout");
    } finally {
      mock.timers.reset();
    }
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

test("a function is waited for for a minute unless something comes, and for a quarter of an hour at most", async () => {
  const { judge, post } = await begin();
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    for (const [bytes, steps] of [[0, [59_999, 1]], [9 * 2 ** 20, [60_000, 839_999, 1]]] as const) {
      let isAsked: (bounds: Bounds) => void = () => {};
      const asked = new Promise<Bounds>((resolve) => (isAsked = resolve));
      const never = (bounds: Bounds) => {
        isAsked(bounds);
        return new Promise<never>(() => {});
      };
      const verdict = judge({ ...(await post(new Uint8Array(3))), body: never });
      let isOver = false;
      void verdict.then(() => (isOver = true));
      const { within, take } = await asked;
      assert.equal(within, 900_000);
      take(bytes);
      for (const step of steps) {
        await new Promise(setImmediate);
        assert.ok(!isOver);
        mock.timers.tick(step);
      }
      assert.equal(await verdict, "request_timeout");
      assert.throws(() => take(1), DoorkeyError, "nothing is held for what nobody waits for");
    }
  } finally {
    mock.timers.reset();
  }
});
