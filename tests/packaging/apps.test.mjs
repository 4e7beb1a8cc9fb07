// The packed SDK, installed and built as its users do it, in real Chromium and real Firefox against the real verifier.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { build, install, lanes } from "./lib/app.mjs";
import { launchChromium, launchFirefox } from "./lib/browsers.mjs";
import { startDoorkey } from "./lib/doorkey.mjs";
import { refuseWarnings } from "./lib/process.mjs";
import { BUILDS, SCENARIOS } from "./scenarios.mjs";

/** Far longer than anything here takes on a busy machine, so that what hangs is a failure. */
const TIMEOUT = 300_000;

const browsers = new Map();
const apps = new Map();
let doorkey;

describe("the packed SDK", () => {
  before(async () => {
    const starts = [launchChromium, launchFirefox].map(async (launch) => {
      const browser = await launch();
      browsers.set(browser.name, browser);
    });
    starts.push(startDoorkey().then((started) => (doorkey = started)));
    // All of them, so that what did start can be stopped.
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
    const inLane = lanes(2);
    const replacements = { pk_test_YourKey: doorkey.publishableKey, "https://api.example.com": doorkey.api };
    for (const [name, commands] of Object.entries(BUILDS)) {
      const built = inLane(async () => {
        const app = await install(name, { replacements });
        await build(app, commands);
        return app;
      });
      // Who uses the app waits for it, and fails with it.
      built.catch(() => {});
      apps.set(name, built);
    }
  }, { timeout: TIMEOUT });

  after(async () => {
    await Promise.allSettled([...apps.values()]);
    await Promise.allSettled([...browsers.values()].map((browser) => browser.close()));
    await doorkey?.stop();
  });

  for (const { name, app, server, path, html, expected, ignored } of SCENARIOS) {
    describe(name, () => {
      let starting;
      let running;
      before(async () => {
        starting = apps.get(app).then((folder) => server(folder, doorkey));
        running = await starting;
      }, { timeout: TIMEOUT });
      after(async () => {
        // Also where it was there too late.
        const started = await starting?.catch(() => undefined);
        await started?.stop();
        refuseWarnings(name, started?.output?.() ?? "");
      });

      if (html) {
        test("on the server", async () => {
          const page = await (await fetch(running.origin + path)).text();
          assert.ok(page.includes(html), page);
        });
      }

      for (const browser of ["Chromium", "Firefox"]) {
        test(`in ${browser}`, { timeout: TIMEOUT }, async () => {
          const { result, troubles } = await browsers.get(browser).visit(running.origin + path, { ignored });
          const { message, ...rest } = expected;
          if (message) assert.ok(result.message?.includes(message), `the message does not name ${message}: ${result.message}`);
          assert.deepEqual(message ? { ...rest, message: result.message } : rest, result);
          assert.deepEqual(troubles, []);
        });
      }
    });
  }
});
