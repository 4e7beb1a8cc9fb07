import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect as print } from "node:util";
import { Hono } from "hono";
import { createVerifier } from "@doorkey/verifier";
import { doorkey as expressMiddleware, requireScope as requireExpressScope } from "@doorkey/verifier/express";
import { doorkey, requireScope, type DoorkeyVariables } from "@doorkey/verifier/hono";
import { BEARER, begin as beginFollowing, KEY } from "./scene.js";
import { API, ISSUER, toRequest, World } from "./signer.js";

const NOW = 1_760_000_000;

async function begin() {
  const world = await World.begin(NOW);
  let now = NOW - 60;
  const verifier = createVerifier({ issuer: ISSUER, audience: API, fetch: world.fetch, clock: () => now * 1000 });
  now = NOW;
  const app = new Hono<{ Variables: DoorkeyVariables }>();
  const refused: string[] = [];
  app.use(doorkey(verifier, { onRefused: ({ code }) => refused.push(code) }));
  app.get("/who", (c) => c.json({ ...c.get("principal").toJSON(), authorization: c.req.header("authorization") ?? null }));
  app.post("/echo", async (c) => c.text(await c.req.text()));
  app.post("/write", requireScope("pictures:write"), (c) => c.text("written"));
  app.post("/delete", requireScope("pictures:delete"), (c) => c.text("deleted"));
  app.post("/thrown", (c) => {
    c.get("principal").require("pictures:delete");
    return c.text("deleted");
  });
  const send = async (...signed: Parameters<World["sign"]>) => app.request(toRequest(API, await world.sign(...signed)));
  return { app, world, send, refused };
}

test("handlers see who calls and the whole body, and no credential", async () => {
  const { send } = await begin();
  const who = (await (await send(NOW, "GET", "/who")).json()) as Record<string, unknown>;
  assert.deepEqual([who["subject"], who["authorization"]], ["user-42", null]);
  const body = "ä".repeat(100_000);
  assert.equal(await (await send(NOW, "POST", "/echo", new TextEncoder().encode(body))).text(), body);
});

test("scopes and refusals", async () => {
  const { app, send, refused: heard } = await begin();
  assert.equal(await (await send(NOW, "POST", "/write")).text(), "written");
  const refused = await send(NOW, "POST", "/delete");
  assert.equal(refused.status, 403);
  assert.equal(((await refused.json()) as { code: string }).code, "insufficient_scope");
  const bare = await app.request(`${API}/who`, { headers: { origin: "https://shop.example" } });
  assert.equal(bare.status, 401);
  assert.equal(bare.headers.get("www-authenticate"), 'Doorkey error="credential_missing"');
  assert.equal(bare.headers.get("access-control-allow-origin"), "https://shop.example");
  assert.deepEqual(heard, ["credential_missing"], "what the verifier refused");
  const alone = new Hono().get("/", requireScope("pictures:read"), (c) => c.text("never"));
  assert.equal((await alone.request("/")).status, 401);
});

test("a refusal that a handler throws is the answer", async () => {
  const { app, world } = await begin();
  const request = toRequest(API, await world.sign(NOW, "POST", "/thrown"));
  const refused = await app.request(new Request(request, { headers: { ...Object.fromEntries(request.headers), origin: "https://shop.example" } }));
  assert.equal(refused.status, 403);
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  assert.equal(refused.headers.get("access-control-allow-origin"), "https://shop.example");
  assert.equal(((await refused.json()) as { code: string }).code, "insufficient_scope");
});

test("what is not one scope is refused when it is written, and what is no principal has none", async () => {
  const wrong = [["not a scope"], [""], [], [null], [1], [{}], [["pictures:read"]], [Symbol()], ["pictures:read", "pictures:write"]];
  for (const make of [requireScope, requireExpressScope] as ((...args: unknown[]) => unknown)[]) {
    for (const args of wrong) {
      assert.throws(() => make(...args), { name: "DoorkeyError", code: "invalid_input" }, print(args));
    }
    assert.equal(["pictures:read", "pictures:write"].map(make).length, 2);
  }
  const app = new Hono<{ Variables: DoorkeyVariables }>();
  app.use(async (c, next) => {
    c.set("principal", { require: () => {} } as unknown as DoorkeyVariables["principal"]);
    await next();
  });
  app.get("/", requireScope("pictures:write"), (c) => c.text("never"));
  assert.equal((await app.request("/")).status, 401);
});

test("a middleware of what is no verifier, or with options that make no sense, is never made", async () => {
  const { verifier } = await beginFollowing();
  for (const make of [doorkey, expressMiddleware] as ((...args: unknown[]) => unknown)[]) {
    for (const [args, message] of [
      [[], /^verifier: doorkey takes what createVerifier returns/],
      [[null], /^verifier: doorkey takes what createVerifier returns/],
      [[{}], /^verifier: doorkey takes what createVerifier returns/],
      [[{ issuer: ISSUER, audience: API }], /^verifier: doorkey takes what createVerifier returns/],
      [[Promise.resolve(verifier)], /^verifier: doorkey takes what createVerifier returns/],
      [[verifier, null], /^the options: an object/],
      [[verifier, () => {}], /^the options: an object/],
      [[verifier, { corz: false }], /^corz: there is no such option/],
      [[verifier, { cors: false, toString: undefined }], /^toString: there is no such option/],
      [[verifier, { cors: "no" }], /^cors: true or false/],
      [[verifier, { cors: 0 }], /^cors: true or false/],
      [[verifier, { onRefused: 1 }], /^onRefused: a function/],
    ] as [unknown[], RegExp][]) {
      assert.throws(() => make(...args), { name: "DoorkeyError", code: "invalid_input", message }, `${make.name} ${message}`);
    }
    for (const options of [undefined, {}, { cors: undefined, onRefused: undefined }, { cors: false, onRefused: () => {} }]) {
      make(verifier, options);
    }
  }
});

test("what a handler's answers vary with stays beside what all vary with", async () => {
  const { app, world } = await begin();
  app.get("/vary", (c) => c.text("", 200, { vary: "accept-language" }));
  app.get("/fetched", async () => fetch("data:text/plain,hello"));
  app.onError(() => new Response("failed", { headers: { vary: "cookie" } }));
  app.get("/fails", () => {
    throw new Error("on purpose");
  });
  const own = "origin, access-control-request-method, access-control-request-headers";
  for (const [path, expected] of [["/vary", `accept-language, ${own}`], ["/fetched", own], ["/fails", `cookie, ${own}`]] as const) {
    const signed = await world.sign(NOW, "GET", path);
    signed.headers.push(["origin", "https://shop.example"]);
    const response = await app.request(toRequest(API, signed));
    assert.equal(response.headers.get("vary"), expected, path);
    assert.equal(response.headers.get("access-control-allow-origin"), "https://shop.example");
  }
});

test("preflights are answered", async () => {
  const { app } = await begin();
  const headers = { origin: "https://shop.example", "access-control-request-method": "GET" };
  const preflight = await app.request(`${API}/who`, { method: "OPTIONS", headers });
  assert.equal(preflight.status, 200);
  assert.equal(preflight.headers.get("access-control-allow-methods"), "GET");
  assert.equal(preflight.headers.get("access-control-max-age"), "7200");
});

test("in Node the caller's address is the connection's", async () => {
  const { verifier } = await beginFollowing({}, { ...KEY, cidrs: ["192.0.2.0/24"] });
  const app = new Hono<{ Variables: DoorkeyVariables }>();
  app.use(doorkey(verifier));
  app.get("/pictures", (c) => c.text(c.get("principal").kind));
  const ask = async (remoteAddress: unknown, headers: Record<string, string> = {}) => {
    const request = new Request(`${API}/pictures`, { headers: { ...Object.fromEntries(BEARER.headers), ...headers } });
    const response = await app.request(request, undefined, { incoming: { socket: { remoteAddress } } });
    return response.ok ? response.text() : ((await response.json()) as { code: string }).code;
  };
  assert.equal(await ask("192.0.2.1"), "secret");
  assert.equal(await ask("198.51.100.1"), "ip_not_allowed");
  const headers = { "cf-connecting-ip": "192.0.2.1", "x-forwarded-for": "192.0.2.1" };
  assert.equal(await ask(undefined, headers), "ip_not_allowed");
  assert.equal(await ask("198.51.100.1", headers), "ip_not_allowed");
});
