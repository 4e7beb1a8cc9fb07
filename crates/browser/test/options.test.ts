import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, type ClientOptions } from "@doorkey/browser";
import { createClient as inline } from "@doorkey/browser/inline";
import { createFetch } from "@doorkey/browser/fetch";
import { code, KEY } from "./world.js";

test("an option that there is not is refused by its name, whichever entry is asked", () => {
  for (const [name, options] of [
    ["publishablekey", { publishablekey: KEY }],
    ["Grant", { publishableKey: KEY, Grant: async () => "a.b.c" }],
    ["key", { publishableKey: KEY, custody: "wasm", key: undefined }],
  ] as [string, unknown][]) {
    for (const create of [createClient, inline, createFetch]) {
      const isNamed = (error: Error) => error.message === `${name} is no option of createClient`;
      assert.throws(() => create(options as ClientOptions), (error: Error) => code("invalid_input")(error) && isNamed(error), name);
    }
  }
});

test("every option that there is is taken, and none that JavaScript leaves out has another error than before", () => {
  createClient({ publishableKey: KEY, grant: async () => "a.b.c", custody: "auto", fetch: async () => new Response() });
  for (const options of [undefined, null, {}]) {
    assert.throws(() => createClient(options as unknown as ClientOptions), code("malformed_key"));
  }
});
