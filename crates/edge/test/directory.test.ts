// Verifiers that follow an issuer's directory, against an issuer that says what each test wants it to.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as send, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { inspect as print } from "node:util";
import express from "express";
import { Hono } from "hono";
import { createVerifier, DoorkeyError, type Bounds, type VerifierOptions } from "@doorkey/verifier";
import { doorkey as expressMiddleware, refusals, requireScope as requireExpressScope } from "@doorkey/verifier/express";
import { doorkey as honoMiddleware, requireScope, type DoorkeyVariables } from "@doorkey/verifier/hono";
import { CREDENTIAL, problem } from "./fake-issuer.js";
import { BEARER, begin, gate, KEY, NOW, pass, sent, settle, STRANGER } from "./scene.js";
import { API, ISSUER, World } from "./signer.js";

const inspect = (value: unknown) => print(value, { depth: 20, showHidden: true, getters: true });

/** The line that each answer begins with. */
const begun = `${JSON.stringify({ begin: { history: "h1", since: 0 } })}\n`;

test("a secret key is taken in each of its forms, and revoked it is refused once the copy is renewed", async () => {
  const { issuer, verifier, judge } = await begin();
  const principal = await verifier.verify(BEARER);
  assert.deepEqual(principal.toJSON(), {
    key_id: KEY.id,
    kind: "secret",
    session_id: null,
    subject: KEY.id,
    organization: "org_01h455vb4pex5vr0r30c1g60r3",
    workspace: "wsp_01h455vb4pex5vr1040g208104",
    environment: "live",
    origin: null,
    scopes: ["pictures:read"],
  });
  assert.equal(await judge({ ...BEARER, headers: sent("as a basic user name with an empty password") }), "accepted");
  const signed = { ...BEARER, headers: sent("signed, without a body") };
  assert.equal(await judge(signed), "window_invalid", "from before the verifier's start");
  issuer.set({ ...KEY, revoked: true });
  assert.equal(await judge(BEARER), "accepted", "within maxStaleness nobody asks");
  pass(10_001);
  assert.equal(await judge(BEARER), "key_revoked");
  assert.deepEqual(issuer.asked, ["?since=0&history=", "?since=2&history=h1"]);
});

test("a session of a key is refused when the key is revoked, and the issuer's keys come with the directory", async () => {
  const publishable = { id: "key_01h455vb4pex5vr081040g2081", kind: "publishable", environment: "test", origins: ["https://shop.example"] };
  const { world, issuer, judge } = await begin({}, publishable);
  const ask = async (from: World) => judge(await from.sign(NOW + 20, "GET", "/"));
  pass(20_000);
  assert.equal(await ask(world), "accepted");
  // It signs with another key since: found out with the first token of it.
  const other = await World.begin(NOW);
  assert.equal(await ask(other), "token_invalid");
  pass(1001);
  issuer.change({ settings: { issuer: ISSUER, jwks: { keys: [JSON.parse(world.jwks), JSON.parse(other.jwks)].flatMap(({ keys }) => keys) } } });
  assert.equal(await ask(other), "accepted");
  issuer.set({ ...publishable, revoked: true });
  pass(10_001);
  assert.equal(await ask(world), "key_revoked");
});

test("a hundred at once share one refresh", async () => {
  const { issuer, judge } = await begin();
  const { open, opened } = gate();
  issuer.answer = async () => {
    await opened;
    return new Response(issuer.lines());
  };
  const verdicts = Promise.all(Array.from({ length: 100 }, () => judge(BEARER)));
  await settle();
  assert.equal(issuer.asked.length, 1);
  open();
  assert.deepEqual(new Set(await verdicts), new Set(["accepted"]));
  assert.equal(issuer.asked.length, 1);
});

test("a copy that is half as old as it may be is renewed while others go on", async () => {
  const { issuer, judge } = await begin();
  assert.equal(await judge(BEARER), "accepted");
  const { open, opened } = gate<Response>();
  issuer.answer = () => opened;
  pass(4900);
  assert.equal(await judge(BEARER), "accepted");
  assert.equal(issuer.asked.length, 1);
  pass(200);
  const verdicts = Array.from({ length: 10 }, () => judge(BEARER));
  assert.deepEqual(new Set(await Promise.all(verdicts)), new Set(["accepted"]));
  assert.equal(issuer.asked.length, 2);
  // Its age counts from when it was asked for.
  pass(4000);
  open(new Response(issuer.lines()));
  await settle();
  issuer.answer = () => Promise.reject(new TypeError("fetch failed"));
  pass(5900);
  assert.equal(await judge(BEARER), "accepted");
  pass(200);
  assert.equal(await judge(BEARER), "directory_stale");
});

test("what is no answer leaves the copy as it is, until that is too old; a good one mends all", async () => {
  const long = "x".repeat(1024 * 1024 + 1);
  const wrong: [string, () => Response | Promise<Response>][] = [
    ["away", () => Promise.reject(new TypeError("fetch failed"))],
    ["401", () => problem("key_revoked", 401)],
    ["503", () => new Response("busy", { status: 503 })],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example" } })],
    ["nothing", () => new Response("")],
    ["another success", () => new Response(null, { status: 204 })],
    ["cut off", () => new Response(issuer.lines().slice(0, -3))],
    ["cut off between lines", () => new Response(issuer.lines().split("\n").slice(0, -2).join("\n") + "\n")],
    ["broken off", () => new Response(new ReadableStream({ pull: (pieces) => pieces.error(new Error("gone")) }))],
    ["garbage", () => new Response("<html>\n")],
    ["a line of nobody's", () => new Response(`${begun}{"quay":{}}\n`)],
    ["a huge line", () => new Response(`${begun}${long}`)],
    ["no beginning", () => new Response(issuer.lines().split("\n").slice(1).join("\n"))],
    ["goes on from elsewhere", () => new Response('{"begin":{"history":"h1","since":9}}\n{"synced":{"revision":9,"after_ms":0}}\n')],
    ["text", () => new Response("ok")],
  ];
  const { issuer, judge } = await begin();
  const good = issuer.answer;
  const outcomes = new Map<string, string[]>();
  for (const [name, answer] of wrong) {
    issuer.answer = good;
    pass(10_001);
    const first = await judge(BEARER);
    issuer.answer = answer;
    pass(9999);
    const within = await judge(BEARER);
    await settle();
    pass(2);
    outcomes.set(name, [first, within, await judge(BEARER)]);
    pass(2001);
  }
  const expected = wrong.map(([name]) => [name, ["accepted", "accepted", "directory_stale"]] as const);
  assert.deepEqual([...outcomes], expected);
  // Bytes come as networks cut them.
  issuer.answer = () => {
    const bytes = new TextEncoder().encode(issuer.lines());
    const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
    return new Response(new ReadableStream({ pull: (to) => (pieces.length ? to.enqueue(pieces.shift()) : to.close()) }));
  };
  assert.equal(await judge(BEARER), "accepted");
});

test("before the first answer nothing is decided, whatever the credential", async () => {
  const { world, issuer, judge } = await begin();
  issuer.answer = () => problem("key_revoked", 401);
  assert.equal(await judge(BEARER), "directory_stale");
  assert.equal(await judge(await world.sign(NOW, "GET", "/")), "directory_stale");
  assert.equal(await judge({ ...BEARER, headers: [["host", "api.example.com"]] }), "credential_missing");
});

test("a body that takes longer than the copy may be old has it renewed", async () => {
  const { issuer, judge } = await begin({ maxStaleness: 1 });
  pass(5000);
  const wait = (more: object) => judge({ ...BEARER, method: "POST", ...more });
  const body = async () => {
    pass(1001);
    return new Uint8Array();
  };
  assert.equal(await wait({ body }), "accepted");
  assert.equal(issuer.asked.length, 2);
  const revoking = async () => {
    issuer.set({ ...KEY, revoked: true });
    return body();
  };
  assert.equal(await wait({ body: revoking }), "key_revoked");
});

test("networks, by the connection's peer and by what a trusted proxy says", async () => {
  const { verifier, judge } = await begin({ trustedProxies: ["10.0.0.0/8"] }, { ...KEY, cidrs: ["192.0.2.0/24"] });
  const forwarded = (address: string) => [...BEARER.headers, ["x-forwarded-for", address] as const];
  for (const [peer, headers, expected] of [
    ["192.0.2.7", BEARER.headers, "accepted"],
    ["::ffff:192.0.2.7", BEARER.headers, "accepted"],
    ["198.51.100.7", BEARER.headers, "ip_not_allowed"],
    [undefined, BEARER.headers, "ip_not_allowed"],
    ["192.0.2.7:80", BEARER.headers, "invalid_input"],
    ["10.1.2.3", BEARER.headers, "ip_not_allowed"],
    ["10.1.2.3", forwarded("192.0.2.7"), "accepted"],
    ["10.1.2.3", forwarded("192.0.2.7, 10.9.9.9"), "accepted"],
    ["10.1.2.3", forwarded("192.0.2.7, 198.51.100.7"), "ip_not_allowed"],
    ["198.51.100.7", forwarded("192.0.2.7"), "ip_not_allowed"],
    [undefined, forwarded("192.0.2.7"), "ip_not_allowed"],
  ] as const) {
    assert.equal(await judge({ ...BEARER, headers, peer }), expected, `${peer} ${JSON.stringify(headers.at(-1))}`);
  }
  const request = () => new Request(`${API}/pictures?limit=10`, { headers: Object.fromEntries(BEARER.headers) });
  await verifier.verify(request(), { peer: "192.0.2.7" });
  await assert.rejects(verifier.verify(request()), { code: "ip_not_allowed", message: /^it is not known where / });
  // A proxy that nobody has named is where the request comes from, and its owner sees it.
  for (const peer of ["198.51.100.7", "::ffff:198.51.100.7"]) {
    const message = "the request comes from 198.51.100.7, which is in none of the key's networks";
    const headers = forwarded("192.0.2.7");
    await assert.rejects(verifier.verify({ ...BEARER, headers }, { peer }), { code: "ip_not_allowed", message });
  }
  await assert.rejects(verifier.verify(BEARER, { peer: 7 as unknown as string }), { code: "invalid_input", message: "peer: a string" });
});

test("a key's rate limit and its monthly quota are counted, and what is refused says when to come again", async () => {
  const limit = { ...KEY, rate_limit: { requests: 2, period: 60 }, monthly_quota: 3 };
  const { verifier, judge } = await begin({}, limit);
  const left = 60 - (NOW % 60);
  const { rateLimitHeaders, ...rest } = await verifier.verify(BEARER);
  assert.deepEqual(rateLimitHeaders, { "ratelimit-policy": '"key";q=2;w=60', ratelimit: `"key";r=1;t=${left}` });
  assert.ok(!JSON.stringify(rest).includes("ratelimit"), "they are no part of who calls");
  assert.equal(await judge(BEARER), "accepted");
  const error = await verifier.verify(BEARER).catch((error: unknown) => error);
  assert.ok(error instanceof DoorkeyError && error.code === "rate_limited");
  assert.equal(error.retryAfter, left);
  const { status, headers } = error.toResponse();
  assert.deepEqual(
    [status, headers.get("retry-after"), headers.get("ratelimit-policy"), headers.get("ratelimit")],
    [429, String(left), '"key";q=2;w=60', `"key";r=0;t=${left}`],
  );
  pass(60_000);
  assert.deepEqual([await judge(BEARER), await judge(BEARER)], ["accepted", "quota_exhausted"]);
});

test("the middleware tells how a limit stands, unless a handler tells of its own", async () => {
  const limited = { ...KEY, rate_limit: { requests: 20, period: 60 } };
  const { verifier } = await begin({}, limited);
  const free = await begin({}, KEY);
  const shown = (headers: Headers) => [headers.get("ratelimit-policy"), headers.get("ratelimit")?.replace(/t=\d+$/, "t=")];
  const own = { "ratelimit-policy": '"own";q=1;w=1', ratelimit: '"own";r=1;t=1' };
  const credentials = Object.fromEntries(BEARER.headers);

  const hono = new Hono<{ Variables: DoorkeyVariables }>();
  hono.use("/free", honoMiddleware(free.verifier));
  for (const path of ["/pictures", "/own", "/raw", "/forbidden", "/thrown"]) hono.use(path, honoMiddleware(verifier));
  hono.get("/pictures", (c) => c.text("ok"));
  hono.get("/free", (c) => c.text("ok"));
  hono.get("/own", (c) => c.text("ok", 200, own));
  hono.get("/raw", () => new Response("ok"));
  hono.get("/forbidden", requireScope("pictures:delete"), (c) => c.text("never"));
  hono.get("/thrown", (c) => {
    c.get("principal").require("pictures:delete");
    return c.text("never");
  });
  const asHono = async (path: string) => shown((await hono.request(`${API}${path}`, { headers: credentials })).headers);

  const app = express();
  app.use("/free", expressMiddleware(free.verifier));
  for (const path of ["/pictures", "/own", "/raw", "/forbidden", "/thrown"]) app.use(path, expressMiddleware(verifier));
  app.get("/own", (_, res) => void res.set(own).send("ok"));
  app.get("/raw", (_, res) => void res.writeHead(200).end("ok"));
  app.get("/forbidden", requireExpressScope("pictures:delete"));
  app.get("/thrown", (req) => req.principal?.require("pictures:delete"));
  app.use(refusals());
  app.use((_, res) => void res.send("ok"));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const port = (server.address() as AddressInfo).port;
    const asExpress = async (path: string) => {
      // Not `fetch`: the audience is another host than the server's.
      const request = send({ port, host: "127.0.0.1", path, headers: { ...credentials, host: new URL(API).host } }).end();
      const [response] = (await once(request, "response")) as [IncomingMessage];
      response.resume();
      await once(response, "end");
      return shown(new Headers(response.headers as Record<string, string>));
    };
    let left = 20;
    for (const ask of [asHono, asExpress]) {
      for (const path of ["/pictures", "/raw", "/forbidden", "/thrown"]) {
        assert.deepEqual(await ask(path), ['"key";q=20;w=60', `"key";r=${--left};t=`], `${ask.name} ${path}`);
      }
      assert.deepEqual(await ask("/own"), ['"own";q=1;w=1', '"own";r=1;t='], `${ask.name} /own`);
      left -= 1;
      assert.deepEqual(await ask("/free"), [null, undefined], `${ask.name} /free`);
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("the body of a request that shows its key is nobody's to read here, of one that signs it is", async () => {
  const { verifier, judge } = await begin({ maxBodyBytes: 10 });
  pass(20_000);
  const headers = Object.fromEntries(BEARER.headers);
  const request = new Request(`${API}/pictures`, { method: "POST", headers, body: "more than ten bytes" });
  assert.equal((await verifier.verify(request)).kind, "secret");
  assert.equal(await request.text(), "more than ten bytes");
  const long = new Uint8Array(11);
  for (const body of [long, async () => long]) assert.equal(await judge({ ...BEARER, method: "POST", body }), "accepted");
  const covered: boolean[] = [];
  const body = async ({ isCovered }: Bounds) => {
    covered.push(isCovered);
    return new TextEncoder().encode("some");
  };
  assert.equal(await judge({ ...BEARER, method: "POST", body }), "accepted");
  assert.equal(await judge({ ...BEARER, method: "POST", headers: [...BEARER.headers, ["content-length", "4"]] }), "accepted");
  const signed = { ...BEARER, headers: sent("signed, without a body") };
  // A store, so that what was signed before the start counts.
  const other = await begin({ maxBodyBytes: 10, replay: { mark: async () => true }, clock: () => NOW * 1000 });
  assert.equal(await other.judge({ ...signed, body }), "components_incomplete");
  assert.deepEqual(covered, [false, true]);
  assert.equal(await other.judge({ ...signed, target: "/pictures", headers: sent("signed, without a query"), body: long }), "body_too_large");
});

test("why there is no directory stands in the error, and not in the response", async () => {
  const { issuer, verifier } = await begin();
  const refusal = () => verifier.verify(BEARER).then(() => assert.fail("accepted"), (error: DoorkeyError) => error);
  issuer.answer = () => problem("key_revoked", 401);
  const error = await refusal();
  assert.equal(error.code, "directory_stale");
  assert.match(String(error.cause), /key_revoked: the issuer answers with status 401/);
  assert.equal(error.retryAfter, 1);
  assert.ok(!JSON.stringify(await error.toResponse().json()).includes("401"));
  pass(2001);
  issuer.answer = () => Promise.reject(new TypeError("fetch failed"));
  assert.match(String((await refusal()).cause), /issuer_unavailable/);
});

test("what a store of proofs refuses is counted for the key, and takes nothing of its limit", async () => {
  let answer: unknown = true;
  const replay = { mark: async () => answer as boolean };
  const limited = { ...KEY, rate_limit: { requests: 2, period: 60 } };
  const { issuer, judge } = await begin({ replay }, limited);
  const signed = { ...BEARER, headers: sent("signed, without a body") };
  const other = { ...BEARER, target: "/pictures", headers: sent("signed, without a query") };
  answer = false;
  assert.equal(await judge(signed), "replayed");
  answer = undefined;
  assert.equal(await judge(other), "replay_store_unavailable");
  assert.deepEqual([await judge(BEARER), await judge(BEARER), await judge(BEARER)], ["accepted", "accepted", "rate_limited"]);
  await settle();
  pass(5001);
  await judge(STRANGER);
  await settle();
  const outcomes = issuer.reports.flatMap(({ counts }) => counts.map(({ outcome, count }) => [outcome, count]));
  assert.deepEqual(Object.fromEntries(outcomes), { replayed: 1, replay_store_unavailable: 1, accepted: 2, rate_limited: 1 });
});

test("options that make no sense throw at once, and no error shows a credential", async () => {
  const good = { issuer: ISSUER, audience: API, credential: CREDENTIAL };
  const SECRET = BEARER.headers.find(([name]) => name === "authorization")?.[1].slice(7) ?? "";
  for (const [options, code] of [
    [{ credential: undefined }, "invalid_input"],
    [{ credential: null }, "invalid_input"],
    [{ credential: "" }, "invalid_input"],
    [{ credential: 7 }, "invalid_input"],
    [{ credential: `${CREDENTIAL.slice(0, -1)}x` }, "malformed_key"],
    [{ credential: SECRET }, "wrong_key_kind"],
    [{ issuer: "https://other.example.com" }, "invalid_input"],
    [{ maxStaleness: 0 }, "invalid_input"],
    [{ maxStaleness: 3601 }, "invalid_input"],
    [{ maxStaleness: 1.5 }, "invalid_input"],
    [{ trustedProxies: ["10.0.0.0/33"] }, "invalid_input"],
    [{ trustedProxies: ["0.0.0.0/0"] }, "invalid_input"],
    [{ trustedProxies: "10.0.0.0/8" }, "invalid_input"],
  ] as [Record<string, unknown>, string][]) {
    const all = { ...good, ...options } as VerifierOptions;
    assert.throws(
      () => createVerifier(all),
      (error: unknown) => {
        assert.ok(error instanceof DoorkeyError, String(error));
        assert.equal(error.code, code, `${JSON.stringify(options)}: ${error.message}`);
        const secret = typeof all.credential === "string" && all.credential.slice(3, -1);
        return !(secret && shown(error).includes(secret));
      },
    );
  }
  createVerifier({ ...good, maxStaleness: 3600, trustedProxies: ["10.0.0.0/8", "::1"] });
});

/** All that anyone could print of something. */
function shown(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { stack, cause, ...rest } = value as Error;
  const own = Reflect.ownKeys(value).map((name) => String((value as Record<PropertyKey, unknown>)[name]));
  return [inspect(value), JSON.stringify(value), stack, inspect(cause), JSON.stringify(rest), ...own].join("\n");
}

test("the credential is in nothing that can be printed or sent", async () => {
  const seen: unknown[] = [];
  const { issuer, verifier } = await begin({
    fetch: async (url, init) => {
      seen.push(url, init, [...new Headers(init.headers)]);
      return issuer.fetch(url, init);
    },
  });
  await verifier.verify(BEARER);
  await settle();
  issuer.answer = () => Promise.reject(new TypeError("fetch failed"));
  pass(11_000);
  seen.push(verifier, await verifier.verify(BEARER).catch((error: unknown) => error));
  assert.ok(issuer.reports.length > 0 && seen.length >= 11);
  const text = seen.map(shown).join("\n");
  assert.ok(text.includes("signature-input") && text.includes("directory_stale"));
  assert.ok(!text.includes(CREDENTIAL.slice(3, -3)));
});
