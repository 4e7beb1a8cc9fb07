import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, type ClientOptions, type SignUrlOptions, type UploadOptions } from "@doorkey/browser";
import { createClient as inline } from "@doorkey/browser/inline";
import { createFetch } from "@doorkey/browser/fetch";
import { API, code, KEY, World } from "./world.js";

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

test("an option that is nothing it can be is refused when the client is made", () => {
  for (const [options, said] of [
    [KEY, "createClient takes options: { publishableKey }"],
    [{ publishableKey: KEY, custody: "WASM" }, "custody is auto, webcrypto or wasm"],
    [{ publishableKey: KEY, custody: null }, "custody is auto, webcrypto or wasm"],
    [{ publishableKey: KEY, custody: "wasm " }, "custody is auto, webcrypto or wasm"],
    [{ publishableKey: KEY, grant: "a.b.c" }, "grant and fetch are functions"],
    [{ publishableKey: KEY, fetch: 1 }, "grant and fetch are functions"],
  ] as [unknown, string][]) {
    const isSaid = (error: Error) => code("invalid_input")(error) && error.message === said;
    for (const create of [createClient, inline]) assert.throws(() => create(options as ClientOptions), isSaid, said);
  }
});

test("so are those of single calls, before anything is sent", async () => {
  const world = new World();
  const client = world.client();
  const named = (name: string) => (error: Error) => code("invalid_input")(error) && error.message.startsWith(`${name} is no option of `);
  await assert.rejects(client.signUrl(API, { expires: 5 } as SignUrlOptions), named("expires"));
  await assert.rejects(client.upload(API, { body: "x", onprogress: () => {} } as UploadOptions), named("onprogress"));
  await assert.rejects(client.upload(API, { file: "x" } as unknown as UploadOptions), named("file"));
  await assert.rejects(client.upload(API, { body: 5 } as unknown as UploadOptions), /body is no body of an upload/);
  assert.deepEqual([world.mints.length, world.calls.length], [0, 0]);
});

test("every option that there is is taken, and none that JavaScript leaves out has another error than before", () => {
  createClient({ publishableKey: KEY, grant: async () => "a.b.c", custody: "auto", fetch: async () => new Response() });
  for (const options of [undefined, null, {}]) {
    assert.throws(() => createClient(options as unknown as ClientOptions), code("malformed_key"));
  }
});
