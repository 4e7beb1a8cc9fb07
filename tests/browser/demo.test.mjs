// The demo in real Chromium: what a customer does, then what an attacker does, with the key in WebCrypto and in wasm.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { deflateSync } from "node:zlib";
import { crc32 } from "../vectors/generate/primitives.mjs";
import { launch, open } from "./chromium.mjs";
import { startDemo } from "./demo.mjs";

const ATTACKS = {
  "attack-replay": ["replayed", "401"],
  "attack-body": ["digest_mismatch", "401"],
  "attack-query": ["signature_invalid", "401"],
  "attack-path": ["signature_invalid", "401"],
  "attack-token": ["key_mismatch", "401"],
  "attack-origin": ["origin_not_allowed", "403"],
  "attack-expired": ["token_expired", "401"],
  "attack-secret": ["wrong_key_kind", "401"],
  "attack-secret-sent": ["secret_key_in_browser", "403"],
};

/** A grey PNG, made by hand so that no picture needs to be stored here. */
function png(width, height) {
  const chunk = (type, data) => {
    const content = Buffer.concat([Buffer.from(type), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    return Buffer.concat([length, content, crc32(content)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const rows = Buffer.alloc((width + 1) * height, 0x80);
  for (let row = 0; row < height; row += 1) rows[row * (width + 1)] = 0;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

let demo;
let browser;
before(async () => {
  [demo, browser] = await Promise.all([startDemo(), launch()]);
});
after(async () => {
  await browser?.close();
  const { code, freed } = await demo.stop();
  assert.equal(code, 0);
  assert.deepEqual(freed, [true, true, true]);
  assert.equal(existsSync(demo.data), false, "the demo's data folder is left behind");
});

for (const custody of ["webcrypto", "wasm"]) {
  describe(`custody ${custody}`, () => {
    let page;
    let troubles;
    let close;
    before(async () => ({ page, troubles, close } = await open(browser, `${demo.page}/?custody=${custody}`)));
    after(async () => {
      await close();
      assert.deepEqual(troubles, []);
    });

    test("the key lives where it was asked for", async () => {
      await page.locator(`[data-testid=custody][data-custody=${custody}]`).waitFor();
    });

    test("an uploaded picture is listed with its digest", async () => {
      const picture = png(40 + custody.length, 30);
      const digest = createHash("sha256").update(picture).digest("hex");
      await page.getByTestId("upload-input").setInputFiles({ name: "grey.png", mimeType: "image/png", buffer: picture });
      const row = page.locator(`[data-testid=picture-row][data-sha256="${digest}"]`);
      await row.waitFor();
      assert.match(await row.innerText(), new RegExp(`${40 + custody.length}\\s*×\\s*30`));
    });

    test("every call of the page was accepted", async () => {
      const statuses = await page.getByTestId("call").evaluateAll((calls) => calls.map((call) => call.dataset.status));
      assert.ok(statuses.length >= 3, `mint, list and upload: ${statuses}`);
      assert.ok(statuses.every((status) => ["200", "201"].includes(status)), statuses.join());
    });

    for (const [id, [code, status]] of Object.entries(ATTACKS)) {
      test(`${id} is refused with ${code}`, async () => {
        await page.getByTestId(id).click();
        const result = page.locator(`[data-testid=${id}-result][data-code]`);
        await result.waitFor();
        assert.deepEqual([await result.getAttribute("data-code"), await result.getAttribute("data-status")], [code, status]);
      });
    }
  });
}
