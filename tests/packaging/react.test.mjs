// @doorkey/browser/react in React 19 and 18, built by Vite with @doorkey/browser/vite and by Next.js, in real Chromium.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, install } from "./lib/app.mjs";
import { launchChromium } from "./lib/browsers.mjs";
import { startDoorkey } from "./lib/doorkey.mjs";
import { refuseWarnings, start } from "./lib/process.mjs";
import { serve } from "./lib/serve.mjs";

/** Far longer than anything here takes, so that what hangs is a failure. */
const TIMEOUT = 300_000;

let browser;
let doorkey;
let app;
let nextApp;

const installed = (name) =>
  install(name, { replacements: { pk_test_YourKey: doorkey.publishableKey, "https://api.example.com": doorkey.api } });

before(async () => {
  const starts = [launchChromium().then((it) => (browser = it)), startDoorkey().then((it) => (doorkey = it))];
  // All of them, so that what did start can be stopped.
  const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
  app = await installed("react");
  nextApp = await installed("next-react");
  await Promise.all([
    build(app, [["tsc"], ["vite", "build"], ["vite", "build", "--config", "vite.react-18.config.ts"]]),
    build(nextApp, [["next", "build"]]),
  ]);
}, { timeout: TIMEOUT });

after(async () => {
  await browser?.close();
  await doorkey?.stop();
});

for (const [react, dist] of [["19", "dist"], ["18", "dist-18"]]) {
  test(`React ${react}`, { timeout: TIMEOUT }, async () => {
    const server = await serve(join(app, dist));
    try {
      const page = await browser.visit(`${server.origin}/`);
      assert.deepEqual(page, { result: { listed: 200, stored: 201, mints: 1 }, troubles: [] });
      const hooks = await browser.visit(`${server.origin}/hooks.html`);
      assert.deepEqual(hooks, {
        result: {
          react,
          "two components share one session and one mint": [true, true, 1],
          "a render keeps the client, and its latest functions are called": [1, 1, 1],
          "another custody is another client": ["wasm", "webcrypto", false],
          "an error is told, and refresh asks again": ["loading", "issuer_unavailable", "session"],
          "what is mounted later has the session at once": [true, 1],
          "a page from a server is taken over as it is": ["<p>loading</p>", [], true],
        },
        troubles: [],
      });
    } finally {
      await server.stop();
    }
  });
}

test("StrictMode of Vite's dev server mints once", { timeout: TIMEOUT }, async () => {
  const server = await start("vite", ["--port", "0"], { cwd: app, ready: /Local:\s+(http\S+?)\/?$/ });
  try {
    const page = await browser.visit(`${server.match[1]}/`);
    assert.deepEqual(page, { result: { listed: 200, stored: 201, mints: 1 }, troubles: [] });
    // Only here does StrictMode mount everything twice.
    const { result, troubles } = await browser.visit(`${server.match[1]}/hooks.html`);
    assert.deepEqual(result["two components share one session and one mint"], [true, true, 1]);
    assert.deepEqual(result["what is mounted later has the session at once"], [true, 1]);
    assert.deepEqual(troubles, []);
  } finally {
    await server.stop();
  }
  refuseWarnings("vite", server.output());
});

test("Next.js: the provider stands in a layout, which is a server component", { timeout: TIMEOUT }, async () => {
  const server = await start("next", ["start", "--port", "0"], { cwd: nextApp, ready: /Local:\s+(http\S+?)\/?$/ });
  try {
    const html = await (await fetch(`${server.match[1]}/`)).text();
    assert.ok(html.includes("<p>Loading</p>"), "the server renders what is loading");
    const page = await browser.visit(`${server.match[1]}/`);
    assert.deepEqual(page, { result: { listed: 200, stored: 201, mints: 1 }, troubles: [] });
  } finally {
    await server.stop();
  }
  refuseWarnings("next", server.output());
});
