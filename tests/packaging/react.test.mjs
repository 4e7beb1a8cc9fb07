// The hooks of @doorkey/browser/react in React 19 and 18, in real Chromium with the real issuer.

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

const EXPECTED = {
  "two components share one session and one mint": [true, true, 1],
  "a render keeps the client, and its latest functions are called": [1, 1, 1],
  "another custody is another client": ["wasm", "webcrypto", false],
  "an error is told, and refresh asks again": ["loading", "issuer_unavailable", "session"],
  "a view for an error that looks at the session itself leaves the error as it is": 2,
  "what is mounted later has the session at once": [true, 1],
  "a page from a server is taken over as it is": ["<p>loading</p>", [], true],
};

let browser;
let doorkey;
let app;

before(async () => {
  const starts = [launchChromium().then((it) => (browser = it)), startDoorkey().then((it) => (doorkey = it))];
  // All of them, so that what did start can be stopped.
  const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
  const replacements = { pk_test_YourKey: doorkey.publishableKey, "https://api.example.com": doorkey.api };
  app = await install("react-hooks", { replacements });
  await build(app, [["tsc"], ["vite", "build"], ["vite", "build", "--config", "vite.react-18.config.ts"]]);
}, { timeout: TIMEOUT });

after(async () => {
  await browser?.close();
  await doorkey?.stop();
});

for (const [react, dist] of [["19", "dist"], ["18", "dist-18"]]) {
  test(`hooks in React ${react}`, { timeout: TIMEOUT }, async () => {
    const server = await serve(join(app, dist));
    try {
      const page = await browser.visit(`${server.origin}/`);
      assert.deepEqual(page, { result: { react, ...EXPECTED }, troubles: [] });
    } finally {
      await server.stop();
    }
  });
}

test("hooks in Vite's dev server, where StrictMode mounts everything twice", { timeout: TIMEOUT }, async () => {
  const server = await start("vite", ["--port", "0"], { cwd: app, ready: /Local:\s+(http\S+?)\/?$/ });
  try {
    const page = await browser.visit(`${server.match[1]}/`);
    assert.deepEqual(page, { result: { react: "19", ...EXPECTED }, troubles: [] });
  } finally {
    await server.stop();
  }
  refuseWarnings("vite", server.output());
});
