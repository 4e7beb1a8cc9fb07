import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { bytesOf } from "../js/module-text.js";
import { toText } from "../scripts/module-text.mjs";
import { random } from "./world.js";

const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);

test("what is written as text is read as it was", async () => {
  const module = await readFile(new URL("../wasm/doorkey_browser_bg.wasm", import.meta.url));
  const skewed = Uint8Array.from({ length: 10_000 }, () => 255 - Math.min(...[1, 2, 3, 4, 5].map(() => randomInt(256))));
  for (const bytes of [module, all, Uint8Array.from(all, (byte) => 255 - byte), new Uint8Array(), new Uint8Array(1), new Uint8Array(999).fill(255), random(50_000), skewed]) {
    assert.deepEqual([...bytesOf(toText(bytes))], [...bytes]);
  }
});

test("the text means nothing to a script, to HTML or to a minifier", () => {
  for (const bytes of [all, random(50_000)]) assert.match(toText(bytes), /^[ !#%&()*+,\-./0-9:;=>?@A-Z[\]^_a-z{|}~]*$/);
});
