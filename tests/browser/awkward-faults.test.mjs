// APIs and issuers that are busy, away, elsewhere or in the middle of something; keys that change under a page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { breakOff, hangUp, redirect, refuse, startFront } from "./awkward/front.mjs";
import { refused, useHouse, value } from "./awkward/tab.mjs";
import { launchWindow } from "./chromium.mjs";

const world = useHouse();
const get = (path, init) => ({ path, init });
const call = (page, { path, init }) => page.evaluate(([path, init]) => attempt(() => globalThis.get(path, init)), [path, init]);
const POST = { method: "POST", body: "x" };
const ONCE = { ...POST, headers: { "idempotency-key": "1" } };

/** How long after the first request the second came, in milliseconds. */
const since = (calls) => calls[1].at - calls[0].at;

for (const status of [429, 503]) {
  test(`${status} with a Retry-After of a second: what may be repeated waits and is, the rest is the page's`, async () => {
    const { page } = await world.open();
    const { api } = world.house;
    for (const [init, seconds, times, expected] of [[{}, 1, 2, 200], [ONCE, 0, 2, 200], [POST, 1, 1, status]]) {
      api.next(refuse(status, seconds));
      assert.equal(value(await call(page, get("/busy", init))).status, expected);
      const calls = world.arrived(Number(init.method === undefined), times);
      if (times === 2) assert.ok(since(calls) >= seconds * 1000 - 10, `${since(calls)} ms`);
      if (times === 2) assert.notEqual(calls[0].headers.signature, calls[1].headers.signature);
      api.clear();
    }
    api.next(refuse(status, 60));
    assert.equal(value(await call(page, get("/busy"))).status, status);
    world.arrived(0, 1);
    api.next(refuse(status, 0), refuse(status, 0), refuse(status, 0));
    assert.equal(value(await call(page, get("/busy"))).status, status, "never a third time");
    world.arrived(0, 2);
  });
}

test("a connection that breaks is tried again where that is safe", async () => {
  const { page } = await world.open();
  const { api } = world.house;
  for (const [init, times] of [[{}, 2], [ONCE, 2]]) {
    api.next(hangUp());
    assert.equal(value(await call(page, get("/broken", init))).status, 200);
    world.arrived(Number(init.method === undefined), times);
  }
  api.next(hangUp());
  refused(await call(page, get("/broken", POST)), "api_unavailable");
  world.arrived(0, 1);
  api.next(hangUp(), hangUp());
  refused(await call(page, get("/broken")), "api_unavailable");
  world.arrived(0, 2);
});

test("an answer that breaks off rejects where its body is read, as with fetch, and is not asked for again", async () => {
  const { page } = await world.open();
  world.house.api.next(breakOff);
  const result = await page.evaluate(() => attempt(async () => {
    const response = await client.fetch(`${api}/half`);
    return { status: response.status, name: await response.text().catch((error) => error.name) };
  }));
  assert.deepEqual(value(result), { status: 200, name: "TypeError" });
  world.arrived(1, 1);
});

test("an abort while the API says nothing rejects with its reason, and nothing is sent again", async () => {
  const { page } = await world.open();
  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  world.house.api.next(() => arrive());
  const result = page.evaluate(() => {
    globalThis.controller = new AbortController();
    return attempt(() => client.fetch(`${api}/slow`, { signal: controller.signal }));
  });
  await arrived;
  await page.evaluate(() => controller.abort(new RangeError("changed my mind")));
  assert.deepEqual((await result).error, { foreign: "RangeError" });
  world.arrived(1, 1);
});

test("a token that expired on the way is replaced, once", async () => {
  const { page } = await world.open();
  // A session that was refused when it was new would not be replaced.
  const grow = () => page.evaluate(() => {
    for (const clock of [Date, performance]) {
      const now = clock.now.bind(clock);
      clock.now = () => now() + 6000;
    }
  });
  assert.equal(value(await call(page, get("/before"))).status, 200);
  world.arrived(1, 1);
  await grow();
  const { api, issuer, createKey } = world.house;
  // A real token that the real verifier says has expired.
  const { page: other } = await world.open({ key: (await createKey("--session-lifetime", "1")).key });
  value(await call(other, get("/short")));
  const [{ headers: { authorization } }] = api.take();
  const isExpired = async () => (await fetch(`${api.origin}/`, { headers: { ...EXPIRED, authorization } })).headers.get("www-authenticate")?.includes("token_expired");
  while (!(await isExpired()));
  api.take();
  issuer.take();
  const late = (request, response, { pass }) => pass(request, response, { ...request.headers, authorization });
  api.next(late);
  assert.equal(value(await call(page, get("/late"))).status, 200);
  world.arrived(1, 2);
  await grow();
  api.next(late);
  const post = value(await call(page, get("/late", POST)));
  assert.deepEqual([post.status, JSON.parse(post.text).code], [401, "token_expired"]);
  world.arrived(0, 1);
  assert.equal(value(await call(page, get("/after", POST))).status, 200);
  world.arrived(1, 1);
});
/** A proof in form; the token is looked at before it. */
const EXPIRED = {
  "signature-input": `dk=("@method" "@authority" "@path" "@query" "authorization");created=1;expires=2;nonce="${"A".repeat(24)}";keyid="${"A".repeat(43)}";tag="doorkey"`,
  signature: `dk=:${"A".repeat(86)}==:`,
};

test("a busy issuer is asked again when it says so, a broken one at once, and a calm refusal is the page's", async () => {
  const { issuer, site } = world.house;
  for (const [fault, wait] of [[(request, response) => problem(request, response, 503, "store_unavailable", 1), 990],
    [(request, response) => problem(request, response, 429, "rate_limited", 1), 990], [hangUp(), 0]]) {
    const { page } = await world.open();
    issuer.next(fault);
    const both = await Promise.all([call(page, get("/1")), call(page, get("/2", POST))]);
    for (const result of both) assert.equal(value(result).status, 200);
    const mints = issuer.take();
    assert.equal(mints.length, 2);
    assert.ok(since(mints) >= wait, `${since(mints)} ms`);
    assert.equal(world.arrived(0, 2).every(({ headers }) => headers.origin === site.origin), true);
  }
  const { page } = await world.open();
  issuer.next((request, response) => problem(request, response, 503, "store_unavailable", 30));
  assert.equal(refused(await call(page, get("/1")), "store_unavailable").retryAfter, 30);
  refused(await call(page, get("/2")), "store_unavailable");
  world.arrived(1, 0);
});

test("the browser connects to the API while the first session is on its way", async (test) => {
  const { issuer, api } = world.house;
  const context = await launchWindow();
  test.after(() => context.close());
  const { page } = await world.open({ context });
  const connected = api.connection();
  // The issuer answers nothing before that.
  issuer.next((request, response, { pass }) => connected.then(() => pass(request, response)));
  assert.equal(value(await call(page, get("/near"))).status, 200);
  world.arrived(1, 1);
});

test("the rest of the SDK comes in while the key pair is being made", async () => {
  const prelude = () => {
    const { subtle } = crypto;
    const generate = subtle.generateKey.bind(subtle);
    const isHeld = new Promise((resolve) => Object.assign(globalThis, { release: resolve }));
    subtle.generateKey = (...args) => isHeld.then(() => generate(...args));
  };
  const { page } = await world.open({ prelude });
  const cameIn = page.waitForResponse((response) => response.url().endsWith("/rest.js"));
  const calling = call(page, get("/early"));
  await cameIn;
  world.arrived(0, 0);
  await page.evaluate(() => globalThis.release());
  assert.equal(value(await calling).status, 200);
  world.arrived(1, 1);
});

function problem(request, response, status, code, retryAfter) {
  request.resume();
  response.writeHead(status, { "content-type": "application/problem+json", "access-control-allow-origin": request.headers.origin,
    "access-control-expose-headers": "retry-after", "retry-after": String(retryAfter) });
  response.end(JSON.stringify({ type: `urn:doorkey:error:${code}`, title: "Busy", status, detail: "busy", code, hint: "Wait." }));
}

test("a key that is rolled goes on in its grace, and one that is revoked ends", async () => {
  const { api, issuer, createKey, signIn, revoke } = world.house;
  const admin = await signIn();
  const old = await createKey();
  const { page } = await world.open({ key: old.key });
  assert.equal(value(await call(page, get("/1"))).status, 200);
  world.arrived(1, 1);
  const rolled = await admin(`/v1/keys/${old.id}/roll`, { grace: "1h" });
  assert.equal(value(await call(page, get("/2"))).status, 200);
  world.arrived(0, 1);
  const { page: next } = await world.open({ key: rolled.key });
  assert.equal(JSON.parse(value(await call(next, get("/3"))).text).key, rolled.id);
  world.arrived(1, 1);

  for (const [tab, id] of [[page, old.id], [next, rolled.id]]) {
    await revoke(id);
    // The gate hears of it from the issuer; each answer until then is a good one.
    let answer;
    do answer = value(await call(tab, get("/4")));
    while (answer.status === 200);
    assert.deepEqual([answer.status, JSON.parse(answer.text).code], [401, "key_revoked"]);
    api.take();
    assert.equal(issuer.take().length, 0, "another session of this key would be refused as well");
    assert.equal(value(await call(tab, get("/5", POST))).status, 401);
    world.arrived(0, 1);
  }
  const { page: late } = await world.open({ key: old.key });
  const { error } = await call(late, get("/6"));
  refused({ error }, error.code);
  assert.ok(["key_revoked", "key_unknown"].includes(error.code), error.code);
  world.arrived(1, 0);
});

let elsewhere;
before(async () => (elsewhere = await startFront()));
after(() => elsewhere?.stop());

test("a redirect is refused, and nothing is sent to where it leads", async () => {
  const { page } = await world.open();
  for (const status of [301, 302, 303, 307, 308]) {
    for (const [i, init] of [{}, POST].entries()) {
      for (const location of [`${elsewhere.origin}/stolen`, "/same"]) {
        world.house.api.next(redirect(status, location));
        // A browser remembers some of them.
        const path = `/moved/${status}/${i}/${location.length}`;
        assert.equal(refused(await call(page, get(path, init)), "redirect_refused").retryable, false);
      }
    }
  }
  world.arrived(1, 20);
  assert.deepEqual([elsewhere.take(), elsewhere.takePreflights()], [[], 0]);
});
