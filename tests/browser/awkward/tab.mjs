// A page in real Chromium, what it says went wrong, and what its calls come to.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before } from "node:test";
import { launch } from "../chromium.mjs";
import { startHouse } from "./house.mjs";

const table = readFileSync(new URL("../../../crates/browser/js/error-code.ts", import.meta.url), "utf8");
const CODES = new Set([...table.matchAll(/^ {2}\| "(\w+)"$/gm)].map(([, code]) => code));
assert.ok(CODES.size > 40);

/** Before any script of the page: how a call ended, in a form that leaves the page. */
const PRELUDE = () => {
  globalThis.attempt = async (call) => {
    try {
      return { value: await call() };
    } catch (error) {
      if (!globalThis.DoorkeyError || !(error instanceof DoorkeyError)) return { error: { foreign: String(error?.name ?? error) } };
      const { code, message, status, retryable, retryAfter } = error;
      return { error: { code, message, status, retryable, retryAfter } };
    }
  };
  /** Status and body of a call. */
  globalThis.get = async (path, init) => {
    const response = await client.fetch(api + path, init);
    return { status: response.status, text: await response.text() };
  };
};

/** Starts the house and a browser for the tests of a file; each test ends with pages that had no trouble. */
export function useHouse() {
  const world = { tabs: [] };
  let isOver = false;
  before(async () => {
    world.house = await startHouse();
    // Else nothing ever comes back out of the back/forward cache.
    world.browser = await launch({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  });
  after(async () => {
    await world.browser?.close();
    await world.house?.stop();
    isOver = true;
  });
  // The runner does not mind a hook that never ends.
  process.on("exit", () => (process.exitCode = isOver ? process.exitCode : 1));
  afterEach(async () => {
    const { issuer, api } = world.house;
    const troubles = world.tabs.flatMap((tab) => tab.troubles);
    await Promise.all(world.tabs.splice(0).map((tab) => tab.context.close()));
    for (const front of [issuer, api]) {
      front.clear();
      front.take();
      front.takePreflights();
    }
    assert.deepEqual(troubles, []);
  });

  /** Opens a page with a client; `prelude` runs in it before all else. */
  world.open = async ({ context, prelude, argument, query = "", key = world.house.publishableKey, expected = [] } = {}) => {
    const { site, api } = world.house;
    const own = context ?? (await world.browser.newContext());
    const page = await own.newPage();
    const troubles = [];
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("console", (message) => {
      const text = message.text();
      // Chromium's own line about a response or a connection; those are what is tested.
      const isKnown = text.startsWith("Failed to load resource: ") || expected.some((part) => text.includes(part));
      if (["error", "warning"].includes(message.type()) && !isKnown) troubles.push(text);
    });
    await page.addInitScript(PRELUDE);
    if (prelude) await page.addInitScript(prelude, argument);
    await page.goto(`${site.origin}/${query}`);
    await page.waitForFunction(() => globalThis.ready);
    await page.evaluate(([publishableKey, origin]) => {
      Object.assign(globalThis, { api: origin, publishableKey, client: createClient({ publishableKey }) });
    }, [key, api.origin]);
    const tab = { page, context: own, troubles };
    world.tabs.push(tab);
    return tab;
  };

  /** Holds the numbers of mints and calls that arrived against what was expected; yields the calls. */
  world.arrived = (mints, calls) => {
    const [minted, called] = [world.house.issuer.take(), world.house.api.take()];
    assert.ok(minted.every(({ method, url }) => method === "POST" && url === "/v1/sessions"), "the issuer gets mints alone");
    assert.deepEqual({ mints: minted.length, calls: called.length }, { mints, calls });
    return called;
  };
  return world;
}

/** The value of a call that ended well. */
export function value(result) {
  assert.equal(result.error, undefined, JSON.stringify(result.error));
  return result.value;
}

/** The error of a call that ended with this code, which stands in the table. */
export function refused(result, code) {
  assert.ok(result.error, `resolved: ${JSON.stringify(result.value)}`);
  assert.equal(result.error.code, code, JSON.stringify(result.error));
  assert.ok(CODES.has(code), `${code} is in the table`);
  return result.error;
}
