import assert from "node:assert/strict";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { openAsBlob } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { UploadOptions, UploadProgress } from "@doorkey/browser";
import { API, code, random, verifyCall, World, type Call } from "./world.js";

const large = random(300_000);

const BODIES: [string, () => UploadOptions["body"], string | null, Uint8Array | string][] = [
  ["a Blob", () => new Blob([large], { type: "image/png" }), "image/png", large],
  ["a Blob without a type", () => new Blob([large]), "application/octet-stream", large],
  ["a File", () => new File([large], "a.bin", { type: "a/b" }), "a/b", large],
  ["URLSearchParams", () => new URLSearchParams({ a: "b c", d: "ü" }), "application/x-www-form-urlencoded;charset=utf-8", "a=b+c&d=%C3%BC"],
  ["a string", () => "grüße", "text/plain;charset=utf-8", "grüße"],
  ["an ArrayBuffer", () => large.buffer, "application/octet-stream", large],
  ["a view", () => large.subarray(7, 5000), "application/octet-stream", large.subarray(7, 5000)],
  ["a DataView", () => new DataView(large.buffer, 3, 9), "application/octet-stream", large.subarray(3, 12)],
  ["an empty string", () => "", null, ""],
  ["an empty Blob", () => new Blob([]), null, ""],
  ["a Blob of many parts", () => new Blob(Array.from({ length: 1000 }, (_, i) => `${i},`)), "application/octet-stream",
    Array.from({ length: 1000 }, (_, i) => `${i},`).join("")],
];

/** A `Blob` that Node reads in forty pieces. */
const inPieces = () => new Blob(Array.from({ length: 40 }, () => random(65_536)));

const lastCall = (world: World): Call => world.calls.at(-1)!;

for (const custody of ["webcrypto", "wasm"] as const) {
  test(`${custody}: what is hashed is what is sent`, async () => {
    const world = new World();
    const client = world.client({ custody });
    for (const [name, make, type, bytes] of BODIES) {
      const reports: UploadProgress[] = [];
      const response = await client.upload(`${API}/files?name=a`, { body: make(), onProgress: (report) => reports.push(report) });
      assert.equal(await response.text(), "ok");
      const call = lastCall(world);
      verifyCall(call, world.mints[0]!.header.jwk.x);
      assert.ok(call.body.equals(Buffer.from(bytes)), name);
      assert.equal(call.request.method, "POST");
      if (type !== null) assert.equal(call.request.headers.get("content-type"), type, name);
      const total = Buffer.from(bytes).length;
      assert.ok(reports.every((report) => report.total === total), name);
      for (const phase of ["hash", "send"] as const) {
        const loaded = reports.filter((report) => report.phase === phase).map((report) => report.loaded);
        assert.deepEqual(loaded, [...loaded].sort((a, b) => a - b), name);
        if (total > 0) assert.equal(loaded.at(-1), total, `${name} ${phase}`);
      }
      const phases = reports.map(({ phase }) => phase);
      assert.deepEqual(phases, [...phases].sort(), "all is hashed before anything is sent");
    }
    assert.equal(world.mints.length, 1);
  });
}

test("method and headers are the caller's, credentials are not", async () => {
  const world = new World();
  const headers = { "content-type": "image/x", authorization: "Bearer x", "x-own": "y" };
  await world.client().upload(API, { body: new Blob(["x"], { type: "a/b" }), method: "put", headers });
  const call = lastCall(world);
  verifyCall(call, world.mints[0]!.header.jwk.x);
  assert.deepEqual(
    [call.request.method, ...["content-type", "authorization", "x-own"].map((name) => call.request.headers.get(name))],
    ["PUT", "image/x", "Doorkey token.number.1", "y"],
  );
});

test("a form arrives as it was, whatever names it has", async () => {
  const world = new World();
  const form = new FormData();
  const odd = ['quo"te', "line\nend", "car\rriage", "both\r\n", "grüße 🌊", "a;b=c", "back\\slash", "%22", ""];
  for (const name of odd) form.append(name, `value of ${name}`);
  for (const name of odd) form.append("file", new File([`content of ${name}`], name, { type: "text/x" }));
  form.append("twice", "1");
  form.append("twice", "2");
  form.append("empty", new File([], "nothing.bin"));
  form.append("large", new File([large], "large.png", { type: "image/png" }));
  form.append("lines", "a\nb\rc\r\nd");
  await world.client().upload(API, { body: form });
  const call = lastCall(world);
  verifyCall(call, world.mints[0]!.header.jwk.x);
  const type = call.request.headers.get("content-type")!;
  const boundary = /^multipart\/form-data; boundary=(doorkey-[\w-]{24})$/.exec(type)?.[1];
  assert.ok(boundary, type);
  const parsed = [...(await new Response(new Uint8Array(call.body), { headers: { "content-type": type } }).formData())];
  // What the HTML standard has browsers do to them: line ends are CRLF, and a quote is written as it is in a URL.
  const crlf = (text: string) => text.replace(/\r\n|\r|\n/g, "\r\n");
  // The platform writes the same form: the same names and contents, in the same order. Node alone leaves out a file's
  // name that is empty.
  const named = new FormData();
  for (const [name, value] of form) {
    if (typeof value === "string") named.append(name, value);
    else named.append(name, value, value.name || "unnamed");
  }
  const reference = [...(await new Response(named).formData())];
  const shape = (entries: [string, FormDataEntryValue][]) =>
    Promise.all(entries.map(async ([name, value]) => typeof value === "string"
      ? [crlf(name), crlf(value)]
      : [crlf(name), crlf(value.name || "unnamed"), value.type, Buffer.from(await value.arrayBuffer()).toString("base64")]));
  assert.deepEqual(await shape(parsed), await shape(reference));
  assert.equal(parsed.length, 2 * odd.length + 5);
  // No name ends its header, or begins another one.
  for (const line of call.body.toString("latin1").split("\r\n").filter((line) => line.startsWith("Content-Disposition"))) {
    assert.match(line, /^Content-Disposition: form-data; name="[^"\r\n]*"(; filename="[^"\r\n]*")?$/);
  }
});

test("the body and the options are taken at the call, as by fetch", async () => {
  const world = new World();
  const client = world.client();
  const bytes = new Uint8Array([1, 2, 3]);
  const query = new URLSearchParams({ a: "1" });
  const form = new FormData();
  form.append("a", "1");
  const options: UploadOptions = { body: bytes, method: "PUT", headers: { "x-own": "1" } };
  const uploads = [client.upload(API, options), client.upload(API, { body: query }), client.upload(API, { body: form })];
  bytes.fill(9);
  query.set("a", "9");
  form.set("a", "9");
  form.append("b", "9");
  Object.assign(options.headers!, { "x-own": "9" });
  Object.assign(options, { body: "9", method: "PATCH", signal: AbortSignal.abort() });
  await Promise.all(uploads);
  const sent = (prefix: string) => world.calls.find(({ request }) => request.headers.get("content-type")!.startsWith(prefix))!;
  const put = sent("application/octet-stream");
  assert.deepEqual([[...put.body], put.request.method, put.request.headers.get("x-own")], [[1, 2, 3], "PUT", "1"]);
  assert.equal(sent("application/x-www-form-urlencoded").body.toString(), "a=1");
  assert.match(sent("multipart/form-data").body.toString(), /name="a"\r\n\r\n1\r\n--[\w-]+--\r\n$/);
});

test("names of fields and files are escaped as the HTML standard says", async () => {
  const world = new World();
  const form = new FormData();
  form.append('a\nb\rc\r\nd"', "e\nf\rg\r\nh");
  form.append("file", new File(["i\nj"], 'k\nl\rm\r\nn"'));
  await world.client().upload(API, { body: form });
  const lines = lastCall(world).body.toString().split("\r\n");
  assert.equal(lines[1], 'Content-Disposition: form-data; name="a%0D%0Ab%0D%0Ac%0D%0Ad%22"');
  assert.deepEqual(lines.slice(3, 7), ["e", "f", "g", "h"]);
  assert.equal(lines[8], 'Content-Disposition: form-data; name="file"; filename="k%0Al%0Dm%0D%0An%22"');
  assert.equal(lines[11], "i\nj");
});

test("two forms have two boundaries", async () => {
  const world = new World();
  const client = world.client();
  for (let i = 0; i < 2; i++) await client.upload(API, { body: new FormData() });
  const types = world.calls.map(({ request }) => request.headers.get("content-type"));
  assert.notEqual(types[0], types[1]);
});

test("an abort before, while it is hashed and while it is sent rejects with its reason", async () => {
  const world = new World();
  const client = world.client();
  const reason = new Error("changed my mind");
  await assert.rejects(client.upload(API, { body: "x", signal: AbortSignal.abort(reason) }), reason);
  assert.equal(world.mints.length, 0);

  const hashing = new AbortController();
  let pieces = 0;
  const onProgress = () => {
    pieces += 1;
    hashing.abort(reason);
  };
  await assert.rejects(client.upload(API, { body: inPieces(), signal: hashing.signal, onProgress }), reason);
  assert.ok(pieces <= 2, "reading ends as well");
  assert.equal(world.calls.length, 0);

  const sending = new AbortController();
  world.answer = ({ request }) =>
    new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
      sending.abort(reason);
    });
  await assert.rejects(client.upload(API, { body: large, signal: sending.signal, headers: { "idempotency-key": "1" } }), reason);
  assert.equal(world.calls.length, 1, "what was aborted is not sent again");
});

test("a file that changes while it is read is invalid input, and nothing is sent", async () => {
  const folder = await mkdtemp(join(tmpdir(), "doorkey-upload-"));
  try {
    const path = join(folder, "file");
    await writeFile(path, large);
    const file = await openAsBlob(path);
    await truncate(path, 10);
    const world = new World();
    const client = world.client();
    await assert.rejects(client.upload(API, { body: file }), code("invalid_input"));
    await assert.rejects(client.fetch(API, { method: "POST", body: file }), code("invalid_input"));
    const form = new FormData();
    form.append("file", new File([file], "a"));
    await assert.rejects(client.upload(API, { body: form }), code("invalid_input"));
    assert.equal(world.calls.length, 0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a Blob in fetch is hashed in pieces, and ends with its signal", async () => {
  const world = new World();
  const client = world.client();
  const body = inPieces();
  let pieces = 0;
  const controller = new AbortController();
  const reason = new Error("no more");
  const stream = body.stream.bind(body);
  Object.assign(body, {
    stream: () => stream().pipeThrough(new TransformStream({
      transform(piece, out) {
        pieces += 1;
        out.enqueue(piece);
        if (pieces === 2) controller.abort(reason);
      },
    })),
  });
  await assert.rejects(client.fetch(API, { method: "POST", body, signal: controller.signal }), reason);
  assert.ok(pieces >= 2 && pieces < 10, String(pieces));
  assert.equal(world.calls.length, 0);
});

test("an upload that broke off is sent again only with an Idempotency-Key, and tells its progress anew", async () => {
  const world = new World();
  const client = world.client();
  world.answer = () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(client.upload(API, { body: large }), code("api_unavailable"));
  assert.equal(world.calls.length, 1);

  world.calls.length = 0;
  world.answer = () => {
    if (world.calls.length === 1) throw new TypeError("fetch failed");
    return new Response("ok");
  };
  const reports: UploadProgress[] = [];
  await client.upload(API, { body: large, headers: { "idempotency-key": "1" }, onProgress: (report) => reports.push(report) });
  assert.equal(world.calls.length, 2);
  for (const call of world.calls) verifyCall(call, world.mints[0]!.header.jwk.x);
  assert.equal(reports.filter(({ phase, loaded }) => phase === "hash" && loaded === large.length).length, 1, "hashed once");
});

test("a listener that throws does not end the upload, and is heard of", async () => {
  const world = new World();
  const thrown: unknown[] = [];
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => thrown.push(error));
  try {
    const error = new Error("in the page");
    const onProgress = () => {
      throw error;
    };
    const response = await world.client().upload(API, { body: "x", onProgress });
    assert.equal(response.status, 200);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(thrown, [error, error]);
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of before) process.on("uncaughtException", listener);
  }
});

test("what is no body is invalid input, before anything is sent", async () => {
  const world = new World();
  const client = world.client();
  const bodies: unknown[] = [
    undefined, null, 7, true, {}, [], new Blob([]).stream(), new Request(API), new Response("x"), () => "x",
  ];
  for (const body of bodies) {
    await assert.rejects(client.upload(API, { body } as UploadOptions), code("invalid_input"), String(body));
  }
  await assert.rejects((client.upload as (url: string) => Promise<Response>)(API), code("invalid_input"));
  assert.equal(world.mints.length, 0);
});

test("what is no upload is invalid input", async () => {
  const world = new World();
  const client = world.client();
  await assert.rejects(client.upload("/relative", { body: "x" }), code("invalid_input"));
  await assert.rejects(client.upload("https://", { body: "x" }), code("invalid_input"));
  await assert.rejects(client.upload("https://other.example/", { body: "x" }), code("invalid_input"));
  await assert.rejects(client.upload(API, { body: "x", method: "GET" }), code("invalid_input"));
  await assert.rejects(client.upload(API, { body: "x", headers: { "ü": "1" } }), code("invalid_input"));
  assert.equal(world.calls.length, 0);
});
