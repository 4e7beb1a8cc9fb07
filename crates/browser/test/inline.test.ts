import assert from "node:assert/strict";
import { test } from "node:test";
import { DoorkeyError as OtherError } from "@doorkey/browser";
import { createClient, DoorkeyError } from "@doorkey/browser/inline";
import { API, KEY, problem, random, verifyCall, World } from "./world.js";

/** As the default entry's errors, and of this entry's own class. */
const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof DoorkeyError, String(error));
  assert.notEqual(error.constructor, OtherError);
  assert.equal(error.code, expected);
  return true;
};

for (const custody of ["webcrypto", "wasm"] as const) {
  test(`${custody}: the entry of one file does the same and loads nothing`, async () => {
    const world = new World();
    const client = createClient({ publishableKey: KEY, fetch: world.fetch, custody, grant: async () => "grant.number.1" });
    const large = random(100_000);
    assert.equal((await client.fetch(`${API}/a?b`)).status, 200);
    await client.fetch(API, { method: "POST", body: "text" });
    await client.fetch(API, { method: "POST", body: new Blob([large]) });
    const form = new FormData();
    form.append("file", new File([large], "a.png"));
    const phases = new Set<string>();
    await client.upload(API, { body: form, onProgress: ({ phase }) => phases.add(phase) });
    const x = world.mints[0]!.header.jwk.x;
    for (const call of world.calls) verifyCall(call, x);
    assert.deepEqual([...phases], ["hash", "send"]);
    assert.ok(world.calls[2]!.body.equals(large));
    assert.match(await client.signUrl(`${API}/a`), /^https:\/\/api\.example:8443\/a\?dk-token=.*&dk-sig=[\w-]{86}$/);
    assert.equal((await client.session()).custody, custody);
    assert.deepEqual([world.mints.length, world.calls.length, world.mints[0]!.claims.grant], [1, 4, "grant.number.1"]);
  });
}

test("its errors are its own, from TypeScript and from Rust", async () => {
  const world = new World();
  const client = createClient({ publishableKey: KEY, fetch: world.fetch });
  assert.throws(() => createClient({ publishableKey: "sk_live_x" }), code("wrong_key_kind"));
  await assert.rejects(client.signUrl(API, { expiresIn: 301 }), code("invalid_input"));
  await assert.rejects(client.fetch(`${API}/?${"x".repeat(9000)}`), code("malformed_request"));
  await assert.rejects(client.upload("https://other.example/", { body: "x" }), code("invalid_input"));
  world.answer = () => new Response(null, { status: 302, headers: { location: "/" } });
  await assert.rejects(client.fetch(API), code("redirect_refused"));
  world.answer = () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(client.fetch(API, { method: "POST" }), code("api_unavailable"));
  const other = createClient({ publishableKey: KEY, fetch: async () => problem(403, "origin_not_allowed") });
  await assert.rejects(other.session(), code("origin_not_allowed"));
});
