import assert from "node:assert/strict";
import { once } from "node:events";
import { request as send, type IncomingHttpHeaders, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import express from "express";
import multer from "multer";
import { createVerifier } from "@doorkey/verifier";
import { doorkey, refusals, requireScope } from "@doorkey/verifier/express";
import { World, type SignedRequest } from "./signer.js";

const ISSUER = "https://keys.example.com";
const LIMIT = 3 * 1024 * 1024;
const utf8 = new TextEncoder();

const refused: string[] = [];
let server: Server;
let world: World;
let origin: string;
/** The verifier began when the server did; what is signed from the next second on it takes. */
let now: number;

before(async () => {
  const app = express();
  server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  now = Math.floor(Date.now() / 1000) + 5;
  world = await World.begin(now, origin, ISSUER);
  const verifier = createVerifier({ issuer: ISSUER, audience: origin, fetch: world.fetch, maxBodyBytes: LIMIT });
  app.use(doorkey(verifier, { onRefused: ({ code }) => refused.push(code) }));
  app.post("/json", express.json({ limit: LIMIT }), (req, res) => void res.json({ body: req.body }));
  app.post("/urlencoded", express.urlencoded({ extended: false }), (req, res) => void res.json({ body: req.body }));
  app.post("/raw", express.raw({ type: () => true, limit: LIMIT }), (req, res) => {
    const body = req.body as Buffer | undefined;
    res.json({ length: body?.length ?? 0, sum: body?.reduce((sum, byte) => sum + byte, 0) ?? 0 });
  });
  app.post("/stream", (req, res) => {
    const pieces: Buffer[] = [];
    req.on("data", (piece: Buffer) => pieces.push(piece));
    req.on("end", () => res.json({ length: Buffer.concat(pieces).length }));
  });
  app.post("/form", multer().single("file"), (req, res) => void res.json({ size: req.file?.size, name: req.body.name }));
  app.all("/who", (req, res) => {
    res.json({ principal: req.principal, url: req.originalUrl, authorization: req.headers.authorization ?? null });
  });
  app.post("/write", requireScope("pictures:write"), (_, res) => void res.send("written"));
  app.post("/delete", requireScope("pictures:delete"), (_, res) => void res.send("deleted"));
  app.post("/thrown", (req, res) => {
    req.principal?.require("pictures:delete");
    res.send("deleted");
  });
  app.post("/broken", () => {
    throw new RangeError("of the app's own");
  });
  app.use(refusals());
  app.use((error: unknown, _: express.Request, res: express.Response, next: express.NextFunction) => {
    if (error instanceof RangeError) res.status(500).json({ own: error.message });
    else next(error);
  });
});

after(() => {
  server.closeAllConnections();
  server.close();
});

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  json: Record<string, unknown>;
}

/** Sends over a plain socket, in as many pieces as are given. */
async function call(signed: SignedRequest, pieces: Uint8Array[] = signed.body ? [signed.body] : [], chunked = false) {
  const headers = Object.fromEntries(signed.headers);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (chunked) headers["transfer-encoding"] = "chunked";
  else if (pieces.length > 0) headers["content-length"] = String(length);
  const request = send(`${origin}${signed.target}`, { method: signed.method, headers });
  for (const piece of pieces) request.write(piece);
  request.end();
  return answerOf(request);
}

async function answerOf(request: ReturnType<typeof send>): Promise<Answer> {
  const [response] = (await once(request, "response")) as [import("node:http").IncomingMessage];
  // A refusal has come in whole before what is still being sent is cut off.
  request.on("error", () => {});
  const body = [];
  for await (const piece of response) body.push(piece as Buffer);
  const text = Buffer.concat(body).toString();
  const isJson = /json/.test(response.headers["content-type"] ?? "");
  return { status: response.statusCode, headers: response.headers, json: isJson ? JSON.parse(text) : { text } };
}

const post = (target: string, body: Uint8Array | string, type = "application/octet-stream") =>
  world.sign(now, "POST", target, typeof body === "string" ? utf8.encode(body) : body, type);

test("body parsers behind it read what was verified", async () => {
  const json = JSON.stringify({ text: "ä".repeat(100_000) });
  assert.deepEqual((await call(await post("/json", json, "application/json"))).json, { body: JSON.parse(json) });
  const form = "a=1&b=zwei%20drei";
  const parsed = (await call(await post("/urlencoded", form, "application/x-www-form-urlencoded"))).json;
  assert.deepEqual(parsed, { body: { a: "1", b: "zwei drei" } });
  for (const length of [1, 16_384, 65_536, 65_537, LIMIT]) {
    const body = new Uint8Array(length).fill(3);
    assert.deepEqual((await call(await post("/raw", body))).json, { length, sum: 3 * length });
    assert.deepEqual((await call(await post("/stream", body))).json, { length });
  }
  const data = new FormData();
  data.set("name", "holiday");
  data.set("file", new Blob([new Uint8Array(200_000)]), "a.png");
  const encoded = new Response(data);
  const type = encoded.headers.get("content-type") ?? "";
  const signed = await post("/form", new Uint8Array(await encoded.arrayBuffer()), type);
  assert.deepEqual((await call(signed)).json, { size: 200_000, name: "holiday" });
});

test("a body in pieces, and one without bytes", async () => {
  const whole = new Uint8Array(300_000).map((_, i) => i % 251);
  const pieces = Array.from({ length: 30 }, (_, i) => whole.subarray(i * 10_000, (i + 1) * 10_000));
  for (const target of ["/raw", "/stream"]) {
    const signed = await post(target, whole);
    assert.equal((await call(signed, pieces, true)).json["length"], whole.length);
    const empty = await world.sign(now, "POST", target);
    assert.equal((await call(empty, [], true)).json["length"], 0, "chunked, nothing in it");
    assert.equal((await call(await world.sign(now, "POST", target))).json["length"], 0);
  }
});

test("what is refused looks as it does natively, and the connection goes on", async () => {
  refused.length = 0;
  const signed = await post("/raw", "hello");
  const changed = await call({ ...signed, body: utf8.encode("hellO") });
  assert.equal(changed.status, 401);
  assert.notEqual(changed.headers.connection, "close");
  assert.equal(changed.headers["www-authenticate"], 'Doorkey error="digest_mismatch"');
  assert.equal(changed.headers["content-type"], "application/problem+json");
  assert.equal(changed.headers["cache-control"], "no-store");
  assert.equal(changed.json["request_id"], changed.headers["x-request-id"]);
  const announced = await call(await post("/raw", new Uint8Array(LIMIT + 1)));
  assert.deepEqual([announced.status, announced.json["code"]], [413, "body_too_large"]);
  assert.equal(announced.headers.connection, "close", "who sends more than is read away sends the next one elsewhere");
  const body = new Uint8Array(LIMIT + 100_000);
  const chunked = await call(await post("/raw", body), Array.from({ length: 40 }, (_, i) => body.subarray(0, i ? 65536 : 1)), false);
  assert.equal(chunked.status, 401, "another body than was signed");
  const endless = await call(await post("/raw", body), Array.from({ length: 50 }, () => body.subarray(0, 65_536)), true);
  assert.deepEqual([endless.status, endless.json["code"]], [413, "body_too_large"]);
  assert.equal((await call(signed)).json["code"], "replayed", "another body uses the signature up");
  assert.deepEqual(refused, ["digest_mismatch", "body_too_large", "digest_mismatch", "body_too_large", "replayed"]);
  assert.equal((await call(await post("/raw", "hello"))).status, 200);
});

test("an upload that is broken off is never accepted", async () => {
  const signed = await post("/raw", new Uint8Array(100_000));
  const headers = { ...Object.fromEntries(signed.headers), "content-length": "100000" };
  const request = send(`${origin}/raw`, { method: "POST", headers });
  request.on("error", () => {});
  const arrived = once(server, "request");
  request.write(new Uint8Array(50_000));
  const [message] = (await arrived) as [import("node:http").IncomingMessage];
  const closed = new Promise((resolve) => message.once("close", resolve));
  request.destroy();
  await closed;
  assert.equal((await call(signed)).json["code"], "replayed");
  assert.equal((await call(await post("/raw", new Uint8Array(100_000)))).status, 200);
});

test("requests one after another on one connection, sent without a wait", async () => {
  const signed = await Promise.all(
    Array.from({ length: 20 }, (_, i) => (i % 2 ? world.sign(now, "GET", `/who?n=${i}`) : post("/raw", "x".repeat(i * 997 + 1)))),
  );
  const lines = signed.map(({ method, target, headers, body }) => {
    const fields = [...headers, ...(body ? [["content-length", String(body.length)]] : [])];
    const head = `${method} ${target} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}`).join("\r\n")}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body ?? Buffer.of()]);
  });
  const socket = connect(Number(new URL(origin).port), "127.0.0.1");
  let text = "";
  const answered = new Promise<void>((resolve, reject) => {
    socket.on("error", reject).on("data", (piece: Buffer) => {
      text += piece.toString();
      if (text.split("HTTP/1.1 200 OK").length > 20 && text.endsWith("}")) resolve();
      if (text.includes("HTTP/1.1 4")) reject(new Error(text));
    });
  });
  socket.write(Buffer.concat(lines));
  await answered;
  socket.destroy();
  const lengths = [...text.matchAll(/"length":(\d+)/g)].map(([, length]) => Number(length));
  assert.deepEqual(lengths, Array.from({ length: 10 }, (_, i) => 2 * i * 997 + 1));
});

test("the handler sees who calls, and no credential", async () => {
  const { json } = await call(await world.sign(now, "GET", "/who?size=2"));
  assert.equal((json["principal"] as { subject: string }).subject, "user-42");
  assert.deepEqual([json["url"], json["authorization"]], ["/who?size=2", null]);
});

test("scopes", async () => {
  assert.deepEqual((await call(await world.sign(now, "POST", "/write"))).json, { text: "written" });
  const refused = await call(await world.sign(now, "POST", "/delete"));
  assert.deepEqual([refused.status, refused.json["code"]], [403, "insufficient_scope"]);
});

test("preflights are answered, and pages may read what they need", async () => {
  const asked = { origin: "https://shop.example", "access-control-request-method": "PUT" };
  const preflight = send(`${origin}/who`, {
    method: "OPTIONS",
    headers: { ...asked, "access-control-request-headers": "authorization,signature" },
  });
  preflight.end();
  const { status, headers } = await answerOf(preflight);
  assert.equal(status, 200);
  assert.equal(headers["access-control-allow-origin"], "https://shop.example");
  assert.equal(headers["access-control-allow-methods"], "PUT");
  assert.equal(headers["access-control-allow-headers"], "authorization,signature");
  assert.equal(headers["access-control-max-age"], "7200");
  assert.equal(headers["access-control-allow-credentials"], undefined);
  const signed = await world.sign(now, "GET", "/who");
  signed.headers.push(["origin", "https://shop.example"]);
  const shared = await call(signed);
  assert.equal(shared.headers["access-control-allow-origin"], "https://shop.example");
  const exposed = "date,www-authenticate,retry-after,ratelimit,ratelimit-policy,x-request-id";
  assert.equal(shared.headers["access-control-expose-headers"], exposed);
  const other = await world.sign(now, "GET", "/who");
  other.headers.push(["origin", "https://evil.example"]);
  const refused = await call(other);
  assert.deepEqual([refused.status, refused.json["code"]], [403, "origin_not_allowed"]);
});

test("a refusal that a handler throws is the answer, and other errors are the app's", async () => {
  const refused = await call(await world.sign(now, "POST", "/thrown"));
  assert.deepEqual([refused.status, refused.json["code"]], [403, "insufficient_scope"]);
  assert.equal(refused.headers["content-type"], "application/problem+json");
  const broken = await call(await world.sign(now, "POST", "/broken"));
  assert.deepEqual([broken.status, broken.json], [500, { own: "of the app's own" }]);
});
