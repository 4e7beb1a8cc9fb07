import assert from "node:assert/strict";
import { test } from "node:test";
import { API, KEY, platform, World } from "./world.js";

// As a bundler resolves the package. The bundle of this file stands in dist/test.
const { createClient, DoorkeyError } = (await import(new URL("../bundled.js", import.meta.url).href)) as typeof import("@doorkey/browser");

for (const custody of ["webcrypto", "wasm"] as const) {
  test(`where nobody copied the file, the module is a script: ${custody}`, async () => {
    const world = new World();
    const client = createClient({ publishableKey: KEY, fetch: world.fetch, custody });
    assert.equal((await client.fetch(API)).status, 200);
    assert.equal((await client.session()).custody, custody);
    assert.equal(platform.loads, 0);
  });
}

test("an error is one, whichever entry has made it", async () => {
  const { createClient: another, DoorkeyError: Other } = await import("@doorkey/browser");
  assert.notEqual(DoorkeyError, Other);
  const errorOf = (create: typeof createClient) => {
    try {
      return create({ publishableKey: "sk_live_x" });
    } catch (error) {
      return error;
    }
  };
  for (const error of [errorOf(createClient), errorOf(another)]) {
    assert.ok(error instanceof DoorkeyError && error instanceof Other && error instanceof Error);
  }
  class Own extends DoorkeyError {}
  assert.ok(new Own("conflict", "", 409, "") instanceof Own && !(errorOf(createClient) instanceof Own));
  for (const other of [new Error("no"), new TypeError("no"), null, undefined, {}, "DoorkeyError"]) {
    assert.ok(!(other instanceof DoorkeyError));
  }
});
