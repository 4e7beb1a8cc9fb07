// Clocks that are wrong, tabs that slept, tabs side by side, networks that come and go.

import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, useHouse, value } from "./awkward/tab.mjs";

const world = useHouse();
const DAY = 86_400_000;

/** Clocks that a test sets: `shift.wall` and `shift.monotonic`, in milliseconds, are added to the real ones. */
const CLOCKS = (wall) => {
  const shift = { wall, monotonic: 0 };
  const RealDate = Date;
  const monotonic = performance.now.bind(performance);
  globalThis.shift = shift;
  globalThis.Date = class extends RealDate {
    constructor(...args) {
      super(...(args.length > 0 ? args : [RealDate.now() + shift.wall]));
    }
    static now() {
      return RealDate.now() + shift.wall;
    }
  };
  performance.now = () => monotonic() + shift.monotonic;
};

const threeCalls = () =>
  attempt(async () => {
    const url = await client.signUrl(`${api}/by-url`);
    return [(await get("/get")).status, (await get("/post", { method: "POST", body: "x" })).status, (await fetch(url)).status];
  });

for (const days of [-3, 3]) {
  test(`a clock that is ${days} days off does not matter`, async () => {
    const { page } = await world.open({ prelude: CLOCKS, argument: days * DAY });
    assert.ok(Math.abs((await page.evaluate(() => Date.now())) - Date.now() - days * DAY) < 5000);
    assert.deepEqual(value(await page.evaluate(threeCalls)), [200, 200, 200]);
    world.arrived(1, 3);
  });
}

for (const [name, monotonic] of [["stood still", 0], ["went on", 3_600_000]]) {
  test(`a tab that slept for an hour, while its monotonic clock ${name}, mints once and goes on`, async () => {
    const { page } = await world.open({ prelude: CLOCKS, argument: 0 });
    assert.equal(value(await page.evaluate(() => attempt(() => get("/before")))).status, 200);
    world.arrived(1, 1);
    await page.evaluate((passed) => {
      shift.wall += 3_600_000;
      shift.monotonic += passed;
    }, monotonic);
    const results = value(await page.evaluate(() => attempt(() => Promise.all([get("/1"), get("/2", { method: "POST", body: "x" }), get("/3")]))));
    assert.deepEqual(results.map(({ status }) => status), [200, 200, 200]);
    world.arrived(1, 3);
  });
}

test("a clock that somebody sets back by a day mints once and goes on", async () => {
  const { page } = await world.open({ prelude: CLOCKS, argument: 0 });
  await page.evaluate(threeCalls);
  world.arrived(1, 3);
  await page.evaluate(() => (shift.wall -= 86_400_000));
  assert.deepEqual(value(await page.evaluate(threeCalls)), [200, 200, 200]);
  world.arrived(1, 3);
});

test("a page out of the back/forward cache goes on with its session", async () => {
  const { page } = await world.open();
  await page.evaluate(() => attempt(() => get("/before")));
  world.arrived(1, 1);
  await page.goto(`${world.house.site.origin}/other`);
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => globalThis.persisted !== undefined);
  assert.equal(await page.evaluate(() => globalThis.persisted), true, "the page was restored, not loaded again");
  assert.deepEqual(value(await page.evaluate(threeCalls)), [200, 200, 200]);
  world.arrived(0, 3);
});

test("two tabs have two sessions and do not disturb each other", async () => {
  const first = await world.open();
  const second = await world.open({ context: first.context });
  const ten = () => attempt(() => Promise.all(Array.from({ length: 10 }, (_, i) => get(`/${i}`, i % 2 ? { method: "POST", body: "x" } : {}))));
  const results = await Promise.all([first, second].map(({ page }) => page.evaluate(ten)));
  for (const result of results) assert.deepEqual(value(result).map(({ status }) => status), Array(10).fill(200));
  const ids = await Promise.all([first, second].map(({ page }) => page.evaluate(async () => (await client.session()).id)));
  assert.notEqual(ids[0], ids[1]);
  const calls = world.arrived(2, 20);
  const nonces = calls.map(({ headers }) => /nonce="([^"]+)"/.exec(headers["signature-input"])[1]);
  assert.equal(new Set(nonces).size, 20);
});

test("a page that goes offline says so, and goes on when it is back", async () => {
  const { page, context } = await world.open();
  await page.evaluate(() => attempt(() => get("/before")));
  world.arrived(1, 1);
  await context.setOffline(true);
  for (const init of [{}, { method: "POST", body: "x" }]) {
    const { retryable } = refused(await page.evaluate((init) => attempt(() => get("/offline", init)), init), "api_unavailable");
    assert.equal(retryable, true);
  }
  refused(await page.evaluate(() => attempt(() => client.upload(`${api}/a`, { body: "x", onProgress: () => {} }))), "api_unavailable");
  await context.setOffline(false);
  assert.equal(value(await page.evaluate(() => attempt(() => get("/after")))).status, 200);
  world.arrived(0, 1);
});

test("a session that ends offline is minted anew as soon as the network is back", async () => {
  const { page, context } = await world.open({ prelude: CLOCKS, argument: 0 });
  await page.evaluate(() => attempt(() => get("/before")));
  world.arrived(1, 1);
  await context.setOffline(true);
  await page.evaluate(() => (shift.wall += 3_600_000));
  for (let times = 0; times < 3; times += 1) {
    refused(await page.evaluate(() => attempt(() => get("/offline"))), "issuer_unavailable");
  }
  await page.evaluate(() => {
    globalThis.online = new Promise((resolve) => addEventListener("online", resolve));
  });
  await context.setOffline(false);
  await page.evaluate(() => globalThis.online);
  assert.equal(value(await page.evaluate(() => attempt(() => get("/after")))).status, 200);
  world.arrived(1, 1);
});

test("a page whose first call was made offline works when the network is back", async () => {
  const { page, context } = await world.open();
  await context.setOffline(true);
  const { error } = await page.evaluate(() => attempt(() => get("/offline")));
  assert.ok(["sdk_unavailable", "issuer_unavailable"].includes(error.code), JSON.stringify(error));
  await page.evaluate(() => {
    globalThis.online = new Promise((resolve) => addEventListener("online", resolve));
  });
  await context.setOffline(false);
  await page.evaluate(() => globalThis.online);
  assert.equal(value(await page.evaluate(() => attempt(() => get("/after")))).status, 200);
  world.arrived(1, 1);
});
