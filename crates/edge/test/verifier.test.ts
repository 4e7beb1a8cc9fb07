import assert from "node:assert/strict";
import { mock, test } from "node:test";
import {
  createVerifier,
  DoorkeyError,
  signGrant,
  type ReplayRefusal,
  type ReplayStore,
  type UsedProof,
  type VerifierOptions,
} from "@doorkey/verifier";
import { API, base64url, ISSUER, toRequest, World } from "./signer.js";

const NOW = 1_760_000_000;

/** A verifier that began an hour ago, and its world. */
async function begin(options: Partial<VerifierOptions> = {}) {
  const world = await World.begin(NOW);
  const time = { now: NOW - 3600 };
  const clock = () => time.now * 1000 + 123;
  const verifier = createVerifier({ issuer: ISSUER, audience: API, fetch: world.fetch, clock, ...options });
  time.now = NOW;
  return { world, time, verifier };
}

const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof DoorkeyError, String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

test("a request of the Fetch standard is accepted once, and its body stays readable", async () => {
  const { world, verifier } = await begin();
  for (const length of [0, 5, 2048, 2049, 300_000]) {
    const signed = await world.sign(NOW, length ? "POST" : "GET", "/pictures?size=2", new Uint8Array(length).fill(97));
    if (!length) delete signed.body;
    const request = toRequest(API, signed);
    const principal = await verifier.verify(request);
    assert.equal((await request.text()).length, length);
    assert.deepEqual(JSON.parse(JSON.stringify(principal)), {
      key_id: "key_01h455vb4pex5vr081040g2081",
      kind: "publishable",
      session_id: "ses_01h455vb4pex5vr0g2081040g2",
      subject: "user-42",
      organization: "org_01h455vb4pex5vr0r30c1g60r3",
      workspace: "wsp_01h455vb4pex5vr1040g208104",
      environment: "test",
      origin: "https://shop.example",
      scopes: ["pictures:read", "pictures:write"],
    });
    assert.ok(principal.hasScope("pictures:read/holidays") && !principal.hasScope("pictures:delete"));
    assert.throws(() => principal.require("pictures:delete"), code("insufficient_scope"));
    assert.throws(() => principal.hasScope("no scope"), code("invalid_input"));
    await assert.rejects(verifier.verify(toRequest(API, signed)), code("replayed"));
  }
  assert.equal(world.fetches, 1);
});

test("what is wrong with a body is found, and no more of it is held than may be", async () => {
  const { world, verifier } = await begin({ maxBodyBytes: 100_000 });
  const send = async (body: BodyInit, signed: Uint8Array, headers: Record<string, string> = {}) => {
    const { headers: own } = await world.sign(NOW, "POST", "/p", signed);
    const init = { method: "POST", headers: { ...Object.fromEntries(own), ...headers }, body, duplex: "half" } as RequestInit;
    return verifier.verify(new Request(`${API}/p`, init));
  };
  await assert.rejects(send("other", new Uint8Array(5)), code("digest_mismatch"));
  await assert.rejects(send("a", new Uint8Array()), code("components_incomplete"));
  await assert.rejects(send("a", new Uint8Array(5), { "content-length": "100001" }), code("body_too_large"));
  let given = 0;
  const endless = new ReadableStream({
    pull(controller) {
      given += 10_000;
      controller.enqueue(new Uint8Array(10_000));
    },
  });
  await assert.rejects(send(endless, new Uint8Array(5)), code("body_too_large"));
  assert.ok(given <= 200_000, `${given} bytes were read`);
  const cut = new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) });
  await assert.rejects(send(cut, new Uint8Array(5)), code("malformed_request"));
  const request = toRequest(API, await world.sign(NOW, "POST", "/p", new Uint8Array(5)));
  await request.text();
  await assert.rejects(verifier.verify(request), TypeError);
});

test("the head is looked at before the body", async () => {
  const { world, verifier } = await begin();
  const signed = await world.sign(NOW - 100, "POST", "/p", new Uint8Array(5));
  let isRead = false;
  const body = async () => {
    isRead = true;
    return new Uint8Array(5);
  };
  await assert.rejects(verifier.verify({ ...signed, body }), code("window_invalid"));
  assert.equal(isRead, false);
});

test("a thousand at once, each twice: each is accepted exactly once, after one fetch of the keys", async () => {
  const { world, verifier } = await begin();
  const signed = await Promise.all(Array.from({ length: 1000 }, (_, i) => world.sign(NOW, "GET", `/pictures/${i}`)));
  const outcomes = await Promise.allSettled([...signed, ...signed].map((request) => verifier.verify(request)));
  const accepted = outcomes.filter(({ status }) => status === "fulfilled").length;
  const replayed = outcomes.filter((one) => one.status === "rejected" && code("replayed")(one.reason)).length;
  assert.deepEqual({ accepted, replayed, fetches: world.fetches }, { accepted: 1000, replayed: 1000, fetches: 1 });
});

test("a refusal comes with the response that every verifier sends", async () => {
  const { verifier } = await begin();
  const error = await verifier.verify(new Request(API)).catch((error: unknown) => error);
  assert.ok(error instanceof DoorkeyError);
  const response = error.toResponse();
  assert.match(error.requestId, /^req_[\w-]{16}$/);
  assert.equal(response.status, 401);
  assert.deepEqual(Object.fromEntries(response.headers), {
    "cache-control": "no-store",
    "content-type": "application/problem+json",
    "www-authenticate": 'Doorkey error="credential_missing"',
    "x-request-id": error.requestId,
  });
  assert.deepEqual(await response.json(), {
    type: "urn:doorkey:error:credential_missing",
    title: "Credential missing",
    status: 401,
    detail: "no Authorization header",
    code: "credential_missing",
    hint: error.hint,
    request_id: error.requestId,
    server_time: NOW + 0.123,
  });
});

test("options that make no sense throw at once", () => {
  const good = { issuer: ISSUER, audience: API };
  for (const options of [
    { ...good, issuer: "keys.example.com" },
    { ...good, issuer: "http://keys.example.com" },
    { ...good, audience: [] },
    { ...good, audience: `${API}/v1` },
    { ...good, skew: 61 },
    { ...good, maxBodyBytes: -1 },
    { ...good, environment: "prod" as "live" },
    { ...good, enviroment: "live" },
    { ...good, max_body_bytes: 1 },
    { ...good, onError: () => {} },
    { ...good, skew: NaN },
    { ...good, maxBodyBytes: Infinity },
    { ...good, maxBodiesBytes: NaN },
    { ...good, replayCapacity: 0 },
  ]) {
    assert.throws(() => createVerifier(options), code("invalid_input"), JSON.stringify(options));
  }
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  for (const [options, message] of [
    [undefined, /^issuer is missing: /],
    [null, /^issuer is missing: /],
    [{}, /^issuer is missing: /],
    [{ issuer: ISSUER }, /^audience is missing: /],
    [{ ...good, issuer: `${ISSUER}/` }, /^issuer: an origin has no path, and no slash at its end/],
    [{ ...good, audience: `${API}/` }, /^audience: an origin has no path, and no slash at its end/],
    [{ ...good, audience: 1 }, /^audience: the origin of this API/],
    [{ ...good, enviroment: "live" }, /^enviroment: there is no such option/],
    [{ ...good, enviroment: undefined }, /^enviroment: there is no such option/],
    [{ ...good, store: circle }, /^store: there is no such option/],
    [{ ...good, environment: circle }, /^environment: "live" or "test"/],
    [{ ...good, maxBodyBytes: 1n }, /^maxBodyBytes: a whole number/],
    ["https://keys.example.com", /^the options: an object/],
    [{ ...good, replay: {} }, /^replay: a store with a method mark/],
    [{ ...good, replay: "x" }, /^replay: a store with a method mark/],
    [{ ...good, replay: Promise.resolve({ mark: () => {} }) }, /^replay: a store with a method mark/],
    [{ ...good, clock: 5 }, /^clock: a function that returns milliseconds/],
    [{ ...good, clock: 0 }, /^clock: a function that returns milliseconds/],
    [{ ...good, random: 1 }, /^random: a function that fills an array/],
    [{ ...good, fetch: 1 }, /^fetch: a function that is called as globalThis.fetch is/],
    [{ ...good, maxStaleness: 5 }, /^maxStaleness: it does nothing without credential/],
    [{ ...good, trustedProxies: ["10.0.0.0/8"] }, /^trustedProxies: it does nothing without credential/],
  ] as [VerifierOptions, RegExp][]) {
    assert.throws(() => createVerifier(options), { name: "DoorkeyError", code: "invalid_input", message });
  }
  const none = { skew: undefined, replay: undefined, clock: undefined, fetch: null, maxStaleness: undefined, trustedProxies: null };
  createVerifier({ ...good, ...none } as unknown as VerifierOptions);
  // A store is one by its method, wherever that stands.
  createVerifier({ ...good, replay: new (class { mark = async () => true })() });
  createVerifier({ ...good, replay: new (class { async mark() { return true; } })() });
});

test("what is wrong with a call is told to the caller, and costs nobody anything", async () => {
  let isDry = false;
  const random = (bytes: Uint8Array<ArrayBuffer>) => {
    if (isDry) throw new Error("dry");
    return crypto.getRandomValues(bytes);
  };
  const { world, verifier } = await begin({ random });
  const [first, second] = [await world.sign(NOW, "GET", "/"), await world.sign(NOW, "GET", "/")];
  await verifier.verify(first);
  for (const wrong of [
    { ...second, target: undefined },
    { ...second, method: 1 },
    { ...second, authority: Symbol() },
    { ...second, headers: { host: "x" } },
    { ...second, headers: [["host"]] },
    { ...second, headers: ["ab"] },
    undefined,
  ]) {
    await assert.rejects(verifier.verify(wrong as unknown as typeof first), code("invalid_input"));
  }
  isDry = true;
  await assert.rejects(verifier.verify(first), code("replayed"));
  isDry = false;
  const principal = await verifier.verify(second);
  assert.throws(() => principal.hasScope(undefined as unknown as string), code("invalid_input"));
  assert.throws(() => principal.require(1 as unknown as string), code("invalid_input"));
});

test("memory for accepted requests has the size that was asked for", async () => {
  const { world, verifier } = await begin({ replayCapacity: 2 });
  await verifier.verify(await world.sign(NOW, "GET", "/"));
  await verifier.verify(await world.sign(NOW, "GET", "/"));
  await assert.rejects(verifier.verify(await world.sign(NOW, "GET", "/")), code("replay_capacity"));
});

test("one environment and one workspace", async () => {
  const ids = { organization: "org_01h455vb4pex5vr0r30c1g60r3", workspace: "wsp_01h455vb4pex5vr1040g208104" };
  for (const [options, expected] of [
    [{ environment: "live" }, "wrong_environment"],
    [{ workspace: { ...ids, workspace: "wsp_01h455vb4pex5vr1040g208105" } }, "wrong_workspace"],
    [{ environment: "test", workspace: ids }, undefined],
  ] as const) {
    const { world, verifier } = await begin(options);
    const verdict = verifier.verify(await world.sign(NOW, "GET", "/"));
    await (expected ? assert.rejects(verdict, code(expected)) : verdict);
  }
});

test("what was signed before the start is refused, unless a store remembers it", async () => {
  const store: ReplayStore = { mark: async () => true };
  for (const [replay, isAccepted] of [[undefined, false], [store, true]] as const) {
    const world = await World.begin(NOW);
    const options = { issuer: ISSUER, audience: API, fetch: world.fetch, clock: () => NOW * 1000 };
    const verifier = createVerifier(replay ? { ...options, replay } : options);
    const verdict = verifier.verify(await world.sign(NOW, "GET", "/"));
    await (isAccepted ? verdict : assert.rejects(verdict, code("window_invalid")));
    if (!isAccepted) await verifier.verify(await world.sign(NOW + 1, "GET", "/"));
  }
});

test("a store decides between processes, is asked of no refused request, and fails closed", async () => {
  const marks = new Map<string, UsedProof>();
  let answer = async (proof: UsedProof): Promise<unknown> => {
    const isNew = !marks.has(proof.id);
    marks.set(proof.id, proof);
    return isNew;
  };
  const replay = { mark: (proof: UsedProof) => answer(proof) } as ReplayStore;
  const { world, verifier } = await begin({ replay });
  const other = createVerifier({ issuer: ISSUER, audience: API, fetch: world.fetch, clock: () => NOW * 1000, replay });
  const signed = await world.sign(NOW, "GET", "/");
  await verifier.verify(signed);
  await assert.rejects(other.verify(signed), code("replayed"));
  const [marked] = marks.values();
  assert.deepEqual([...marks.values()], [{ id: marked?.id, created: NOW, until: NOW + 60 + 30 }]);
  const input = new Headers(signed.headers).get("signature-input") ?? "";
  const [, nonce, x = ""] = /;nonce="([^"]*)";keyid="([^"]*)"/.exec(input) ?? [];
  const key = new TextEncoder().encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`);
  assert.equal(marked?.id, `${base64url(await crypto.subtle.digest("SHA-256", key))}.${nonce}`);
  await assert.rejects(verifier.verify({ ...signed, target: "/x" }), code("replayed"));
  await assert.rejects(verifier.verify({ ...(await world.sign(NOW, "GET", "/")), target: "/x" }), code("signature_invalid"));
  assert.equal(marks.size, 1);
  const broken = [
    ...[() => Promise.reject(new Error("away")), () => { throw new Error("x"); }],
    ...["OK", undefined, null, 1, {}, { reason: "accepted" }, { reason: "away" }].map((odd) => async () => odd),
  ];
  for (const next of broken) {
    answer = next as typeof answer;
    const error = await verifier.verify(await world.sign(NOW, "GET", "/")).catch((error: unknown) => error);
    assert.ok(code("replay_store_unavailable")(error) && (error as DoorkeyError).retryAfter === 1);
    assert.ok((error as DoorkeyError).cause instanceof Error);
  }
});

const PAUSE = "replay_store_unavailable: the replay store has lost its memory and takes nothing that it may have known";

test("a store says why it can tell of a request neither that it is new nor that it was used", async () => {
  const cause = new Error("for the operator");
  for (const [refusal, expected, wait] of [
    [{ reason: "ahead" }, "window_invalid: the signature is ahead of the replay store's clock", undefined],
    [{ reason: "expired" }, "window_invalid: the signature has expired by the replay store's clock", undefined],
    [{ reason: "before" }, "window_invalid: the signature is older than replay protection remembers", undefined],
    [{ reason: "pause" }, PAUSE, 1],
    [{ reason: "pause", retryAfter: 4.2 }, PAUSE, 5],
    [{ reason: "pause", retryAfter: NaN }, PAUSE, 1],
    [{ reason: "pause", retryAfter: -7 }, PAUSE, 1],
  ] as [ReplayRefusal, string, number | undefined][]) {
    const { world, verifier } = await begin({ replay: { mark: async () => ({ ...refusal, cause }) } });
    const error = await verifier.verify(await world.sign(NOW, "GET", "/")).catch((error: unknown) => error);
    assert.ok(error instanceof DoorkeyError);
    assert.deepEqual([`${error.code}: ${error.message}`, error.retryAfter, error.cause], [expected, wait, cause]);
    assert.equal(error.toResponse().headers.get("retry-after"), wait === undefined ? null : String(wait));
  }
});

test("keys: fetched when needed, kept while the issuer is away, forgotten when withdrawn", async () => {
  const world = await World.begin(NOW);
  const stranger = await World.begin(NOW);
  let answer: () => Promise<Response> = () => Promise.reject(new TypeError("fetch failed"));
  let fetches = 0;
  const fetch = async (url: string, init: RequestInit) => {
    fetches += 1;
    assert.equal(url, `${ISSUER}/.well-known/jwks.json`);
    assert.ok(init.signal instanceof AbortSignal);
    return answer();
  };
  const { time, verifier } = await begin({ fetch });
  const ask = async (from: World) => verifier.verify(await from.sign(time.now, "GET", "/"));
  const wrong = [
    answer,
    async () => new Response(world.jwks, { status: 500 }),
    async () => new Response("{}"),
    async () => new Response(`${world.jwks}${" ".repeat(64 * 1024)}`),
  ];
  for (const next of wrong) {
    answer = next;
    await assert.rejects(ask(world), code("keys_unavailable"));
    await assert.rejects(ask(world), code("keys_unavailable"));
    time.now += 2;
  }
  assert.equal(fetches, wrong.length, "once for each, however many ask");
  answer = async () => new Response(world.jwks);
  await ask(world);
  await assert.rejects(ask(stranger), code("token_invalid"));
  assert.equal(fetches, wrong.length + 1, "strangers' tokens make nobody ask all the time");
  time.now += 250;
  answer = () => Promise.reject(new TypeError("fetch failed"));
  await ask(world);
  // The token is as good as it was, and its key is gone.
  const withdrawn = { issuer: stranger.jwks };
  answer = async () => new Response(withdrawn.issuer);
  time.now += 60;
  // It is fetched in the background: nobody waits for it, and some are still accepted.
  const outcome = () => ask(world).then(() => "accepted", (error: DoorkeyError) => error.code);
  let last = await outcome();
  assert.equal(last, "accepted");
  while (last === "accepted") last = await outcome();
  assert.equal(last, "token_invalid");
});

test("a fetch that cares for no signal is not waited for, and a body that nobody wants is given back", async () => {
  let isCalled: () => void = () => {};
  const called = new Promise<void>((resolve) => (isCalled = resolve));
  let answer: (response: Response) => void = () => {};
  const late = () => {
    isCalled();
    return new Promise<Response>((resolve) => (answer = resolve));
  };
  let isCancelled = false;
  const body = () => new ReadableStream({ cancel: () => void (isCancelled = true) });
  const { world, verifier } = await begin({ fetch: late });
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const verdict = verifier.verify(await world.sign(NOW, "GET", "/"));
    const waiting = assert.rejects(verdict, code("keys_unavailable"));
    await called;
    mock.timers.tick(5000);
    await waiting;
  } finally {
    mock.timers.reset();
  }
  answer(new Response(body()));
  await new Promise(setImmediate);
  assert.ok(isCancelled, "what comes too late");
  isCancelled = false;
  const other = await begin({ fetch: async () => new Response(body(), { status: 500 }) });
  await assert.rejects(other.verifier.verify(await other.world.sign(NOW, "GET", "/")), code("keys_unavailable"));
  assert.ok(isCancelled);
});

test("a grant is good for WebCrypto, too", async () => {
  const key = "sk_live_24pT16GyD25RCDgxnvZjeYopPJh6ToEPoeBUUDWBkEJypjY9RnVYMx5QhUp8ATThVb8yZ2SR";
  const x = "_RckOFqgx1tk-3jNYC-h2ZH96_drE8WO1wLqyDXp9hg";
  const [header = "", payload = "", signature = ""] = signGrant(key, { issuer: ISSUER, subject: "user-42" }).split(".");
  const publicKey = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", false, ["verify"]);
  const input = new TextEncoder().encode(`${header}.${payload}`);
  assert.ok(await crypto.subtle.verify("Ed25519", publicKey, Buffer.from(signature, "base64url"), input));
  const ids = new Set(Array.from({ length: 100 }, () => signGrant(key, { issuer: ISSUER })));
  assert.equal(ids.size, 100);
  assert.throws(() => signGrant("pk_live_1", { issuer: ISSUER }), DoorkeyError);
  assert.throws(() => signGrant(undefined as unknown as string, { issuer: ISSUER }), code("malformed_key"));
  for (const wrong of [{ subjet: "u" }, { expiresIn: NaN }, { expires_in: 9 }, { bind: { pth: "/" } }] as object[]) {
    assert.throws(() => signGrant(key, { issuer: ISSUER, ...wrong }), code("invalid_input"), JSON.stringify(wrong));
  }
  assert.throws(() => signGrant(key, { issuer: ISSUER, expiresIn: 3601 }), code("invalid_input"));
  assert.throws(() => signGrant(key, { issuer: ISSUER, bind: {} }), code("invalid_input"));
  for (const nothing of [undefined, null, {}] as unknown as Parameters<typeof signGrant>[1][]) {
    assert.throws(() => signGrant(key, nothing), { code: "invalid_input", message: /^issuer is missing: / });
  }
});
