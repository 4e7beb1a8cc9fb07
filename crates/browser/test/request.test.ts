import assert from "node:assert/strict";
import { test } from "node:test";
import { API, random, verifyCall, World } from "./world.js";

const large = random(100_000);

interface Case {
  name: string;
  input: () => RequestInfo | URL;
  init?: () => RequestInit;
  /** What the server must see. */
  method?: string;
  target: string;
  type?: string | RegExp | null;
  body?: string | Uint8Array | RegExp;
}

const post = (body: BodyInit | null, headers: HeadersInit = {}) => () => ({ method: "POST", body, headers });
const stream = (text: string) =>
  new ReadableStream({
    start(controller) {
      for (const piece of text) controller.enqueue(new TextEncoder().encode(piece));
      controller.close();
    },
  });
const form = () => {
  const data = new FormData();
  data.set("title", "Sea");
  data.set("file", new File(["pixels"], "sea.png", { type: "image/png" }));
  return data;
};

const CASES: Case[] = [
  { name: "a string", input: () => `${API}/pictures`, target: "/pictures" },
  { name: "a URL", input: () => new URL("/a?b=c", API), target: "/a?b=c" },
  { name: "a Request", input: () => new Request(`${API}/a`, { method: "DELETE" }), method: "DELETE", target: "/a" },
  { name: "a lower-case method", input: () => `${API}/a`, init: () => ({ method: "put" }), method: "PUT", target: "/a" },
  { name: "dot segments", input: () => `${API}/a/../b/./c`, target: "/b/c" },
  { name: "characters that are encoded", input: () => `${API}/ä b?q='x'`, target: "/%C3%A4%20b?q=%27x%27" },
  { name: "a fragment", input: () => `${API}/a?b#c`, target: "/a?b" },
  { name: "an empty query", input: () => `${API}/a?`, target: "/a" },
  { name: "text", input: () => API, init: post("grüße"), target: "/", type: "text/plain;charset=UTF-8", body: "grüße" },
  {
    name: "text with a type",
    input: () => API,
    init: post("{}", { "content-type": "application/json" }),
    target: "/",
    type: "application/json",
    body: "{}",
  },
  { name: "a Blob", input: () => API, init: post(new Blob(["x"], { type: "a/b" })), target: "/", type: "a/b", body: "x" },
  {
    name: "a Blob without a type",
    input: () => API,
    init: post(new Blob(["x"])),
    target: "/",
    type: "application/octet-stream",
    body: "x",
  },
  {
    name: "an ArrayBuffer",
    input: () => API,
    init: post(large.buffer),
    target: "/",
    type: "application/octet-stream",
    body: large,
  },
  {
    name: "a view into a buffer",
    input: () => API,
    init: post(large.subarray(10, 4096)),
    target: "/",
    type: "application/octet-stream",
    body: large.subarray(10, 4096),
  },
  {
    name: "URLSearchParams",
    input: () => API,
    init: post(new URLSearchParams({ a: "b c" })),
    target: "/",
    type: "application/x-www-form-urlencoded;charset=UTF-8",
    body: "a=b+c",
  },
  { name: "FormData", input: () => API, init: () => post(form())(), target: "/", type: /^multipart\/form-data; ?boundary=/, body: /pixels/ },
  {
    name: "a stream",
    input: () => API,
    init: () => ({ method: "POST", body: stream("pixels"), duplex: "half" }),
    target: "/",
    type: "application/octet-stream",
    body: "pixels",
  },
  { name: "an empty string", input: () => API, init: post(""), target: "/" },
  { name: "an empty stream", input: () => API, init: () => ({ method: "POST", body: stream(""), duplex: "half" }), target: "/", type: null },
  { name: "no body", input: () => API, init: post(null), target: "/", type: null },
  {
    name: "a Request with a body, and an init",
    input: () => new Request(`${API}/a`, { method: "POST", body: "old" }),
    init: () => ({ body: "new", headers: { "content-type": "text/x" } }),
    target: "/a",
    type: "text/x",
    body: "new",
  },
];

for (const custody of ["webcrypto", "wasm"] as const) {
  const world = new World();
  const client = world.client({ custody });
  for (const { name, input, init, ...expected } of CASES) {
    test(`${custody} signs ${name}`, async () => {
      const response = await client.fetch(input(), init?.());
      assert.equal(await response.text(), "ok");
      const call = world.calls.at(-1)!;
      verifyCall(call, world.mints[0]!.header.jwk.x);
      const { pathname, search } = new URL(call.request.url);
      assert.equal(pathname + search, expected.target);
      const hasBody = expected.body !== undefined || expected.type !== undefined || init?.().method === "POST";
      assert.equal(call.request.method, expected.method ?? (hasBody ? "POST" : "GET"));
      const type = call.request.headers.get("content-type");
      if (expected.type instanceof RegExp) assert.match(type ?? "", expected.type);
      else if (expected.type !== undefined) assert.equal(type, expected.type);
      if (expected.body instanceof RegExp) assert.match(call.body.toString(), expected.body);
      else assert.ok(call.body.equals(Buffer.from(expected.body ?? "")));
    });
  }
  test(`${custody}: all of that took one mint`, () => assert.equal(world.mints.length, 1));
}

test("a mint is a simple request", async () => {
  const world = new World();
  const session = await world.client().session();
  const [{ request, claims, header }] = world.mints as [(typeof world.mints)[0]];
  assert.deepEqual([...request.headers], [["content-type", "text/plain;charset=UTF-8"]]);
  assert.equal(`${request.method} ${request.url}`, "POST http://localhost:7700/v1/sessions");
  assert.deepEqual([request.cache, request.credentials, request.redirect], ["no-store", "omit", "error"]);
  assert.deepEqual(Object.keys(header).sort(), ["alg", "jwk", "typ"]);
  assert.equal(claims.aud, request.url);
  assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 5);
  assert.deepEqual(
    { ...session, expiresAt: undefined },
    { id: "ses_1", keyId: "key_1", scopes: ["pictures:read"], audience: [API], expiresAt: undefined, custody: "webcrypto" },
  );
  assert.ok(Math.abs(session.expiresAt.getTime() - Date.now() - 300_000) < 2_000);
});

test("no nonce comes twice", async () => {
  const world = new World();
  const client = world.client();
  await Promise.all(Array.from({ length: 20 }, () => client.fetch(API)));
  const x = world.mints[0]!.header.jwk.x;
  assert.equal(new Set(world.calls.map((call) => verifyCall(call, x).nonce)).size, 20);
});

test("the caller's headers go along, and the caller's credentials do not", async () => {
  const world = new World();
  const headers = { accept: "image/png", authorization: "Bearer x", signature: "y", "x-own": "z" };
  await world.client().fetch(API, { headers, credentials: "include", mode: "no-cors", cache: "reload" });
  const [call] = world.calls as [(typeof world.calls)[0]];
  verifyCall(call, world.mints[0]!.header.jwk.x);
  assert.equal(call.request.headers.get("accept"), "image/png");
  assert.equal(call.request.headers.get("x-own"), "z");
  assert.equal(call.request.headers.get("authorization"), "Doorkey token.number.1");
  assert.deepEqual([call.request.mode, call.request.cache], ["cors", "reload"]);
});

test("a digest of the caller's own does not go out without a body", async () => {
  const world = new World();
  const client = world.client();
  const headers = { "content-digest": "sha-256=:AAAA:" };
  await client.fetch(API, { headers });
  await client.fetch(API, { method: "POST", body: "", headers });
  // Each of them has no digest, or else it does not verify.
  for (const call of world.calls) verifyCall(call, world.mints[0]!.header.jwk.x);
});

test("without crypto.subtle a large body is hashed piece by piece", async (context) => {
  const world = new World();
  const client = world.client({ custody: "wasm" });
  await client.session();
  const { subtle } = crypto;
  Object.defineProperty(crypto, "subtle", { value: undefined, configurable: true });
  context.after(() => Reflect.deleteProperty(crypto, "subtle"));
  const { mock } = context.mock.method(Blob.prototype, "stream");
  for (const [length, streams] of [[2047, 0], [2048, 1], [300_000, 2]] as const) {
    const body = random(length);
    await client.fetch(API, { method: "PUT", body });
    const call = world.calls.at(-1)!;
    verifyCall(call, world.mints[0]!.header.jwk.x);
    assert.ok(call.body.equals(body));
    // The second time is the sending.
    assert.equal(mock.calls.length > 0, streams > 0, String(length));
  }
  Reflect.deleteProperty(crypto, "subtle");
  assert.equal(crypto.subtle, subtle);
});

test("other origins get no credentials and the request as it was", async () => {
  const world = new World();
  const client = world.client();
  for (const url of ["https://api.example/a", "https://api.example.evil.example:8443/a", "http://api.example:8443/a"]) {
    await client.fetch(url, { method: "POST", body: "x", credentials: "include", redirect: "follow" });
    const { request, body } = world.calls.at(-1)!;
    for (const name of ["authorization", "signature", "signature-input", "content-digest"]) {
      assert.equal(request.headers.get(name), null, url);
    }
    assert.deepEqual([request.credentials, request.redirect, body.toString()], ["include", "follow", "x"]);
  }
});
