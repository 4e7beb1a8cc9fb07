// In workerd nothing outlives the request that began it: what is under way is waited for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inWorkerd } from "./runtimes.js";

const worker = `
  import { createVerifier } from "@doorkey/verifier";
  import { doorkey } from "@doorkey/verifier/hono";
  import { Hono } from "hono";
  import secretKeys from "../../../tests/vectors/secret-keys.json";
  import { CREDENTIAL, FakeIssuer } from "./fake-issuer.js";
  import { API, ISSUER } from "./signer.js";

  const [{ key_id, x }] = secretKeys.keys;
  const KEY = { id: key_id, public_key: x, cidrs: ["192.0.2.0/24"] };
  const issuer = new FakeIssuer({ keys: [] }, KEY);
  let now = 1_760_000_000_000;
  // By the time that an answer is there it is known whether anybody has waited for it.
  let landed = 0;
  let isSilent = false;
  issuer.answer = async () => {
    if (isSilent) return new Promise(() => {});
    const lines = issuer.lines();
    await new Promise((resolve) => setTimeout(resolve));
    landed += 1;
    return new Response(lines);
  };
  issuer.take = async () => {
    await new Promise((resolve) => setTimeout(resolve));
    landed += 1;
    return new Response(null, { status: 204 });
  };
  const verifier = createVerifier({ issuer: ISSUER, audience: API, credential: CREDENTIAL, fetch: issuer.fetch, clock: () => now });
  const { headers } = secretKeys.vectors.find(({ name }) => name === "as a bearer").request;
  const judge = (peer = "192.0.2.1") =>
    verifier.verify({ method: "GET", target: "/", headers, peer }).then(() => "accepted", (error) => error.code ?? String(error));
  const state = async (outcome) => Response.json({ outcome, asked: issuer.asked.length, reports: issuer.reports.length, landed });

  const app = new Hono();
  app.use(doorkey(verifier));
  app.get("/", (c) => c.text(c.get("principal").kind));

  const actions = {
    judge: async () => state(await judge()),
    later: async () => { now += 5_100; return state(await judge()); },
    revoke: async () => { issuer.set({ ...KEY, revoked: true }); now += 10_100; return state(await judge()); },
    restore: async () => { issuer.set(KEY); now += 10_100; return state(await judge()); },
    state: async () => state(),
    hang: async () => { isSilent = true; now += 10_100; return state(await judge()); },
    recover: async () => { isSilent = false; return state(await judge()); },
    parallel: async () => { now += 10_100; return state((await Promise.all(Array.from({ length: 100 }, () => judge()))).join()); },
    hono: async (request) => app.fetch(new Request(API + "/", { headers: [...headers, ...request.headers] })),
  };
  export default { fetch: (request) => actions[new URL(request.url).pathname.slice(1)](request) };`;

test("what a request begins is there before it ends, across requests", { timeout: 60_000 }, async () => {
  await inWorkerd(worker, async (origin) => {
    const ask = async (action: string) => (await (await fetch(origin + action)).json()) as Record<string, unknown>;
    assert.deepEqual(await ask("judge"), { outcome: "accepted", asked: 1, reports: 1, landed: 2 });
    assert.deepEqual(await ask("judge"), { outcome: "accepted", asked: 1, reports: 1, landed: 2 });
    const later = await ask("later");
    assert.deepEqual([later["outcome"], later["asked"]], ["accepted", 2]);
    assert.equal(later["landed"], Number(later["asked"]) + Number(later["reports"]), JSON.stringify(later));
    assert.equal((await ask("revoke"))["outcome"], "key_revoked");
    assert.equal((await ask("restore"))["outcome"], "accepted");
    const parallel = await ask("parallel");
    assert.deepEqual([parallel["outcome"], parallel["asked"]], [Array(100).fill("accepted").join(), 5]);
  });
});

test("a refresh that went down with its request is begun anew by those who wait for it", { timeout: 60_000 }, async () => {
  await inWorkerd(worker, async (origin) => {
    const ask = async (action: string) => (await (await fetch(origin + action)).json()) as Record<string, unknown>;
    assert.equal((await ask("judge"))["outcome"], "accepted");
    const leaving = new AbortController();
    const left = fetch(`${origin}hang`, { signal: leaving.signal }).catch(() => "left");
    while ((await ask("state"))["asked"] !== 2);
    leaving.abort();
    assert.equal(await left, "left");
    const recovered = await ask("recover");
    assert.deepEqual([recovered["outcome"], recovered["asked"]], ["accepted", 3]);
  });
});

test("Hono's middleware takes the caller's address from Cloudflare's header", { timeout: 60_000 }, async () => {
  await inWorkerd(worker, async (origin) => {
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(`${origin}hono`, { headers });
      return response.ok ? response.text() : ((await response.json()) as { code: string }).code;
    };
    assert.equal(await ask({ "cf-connecting-ip": "192.0.2.7" }), "secret");
    assert.equal(await ask({ "cf-connecting-ip": "198.51.100.7" }), "ip_not_allowed");
    assert.equal(await ask({ "x-forwarded-for": "192.0.2.7" }), "ip_not_allowed");
  });
});
