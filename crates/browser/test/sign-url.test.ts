import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { stopClocks } from "./time.js";
import { API, code, isSigned, problem, World } from "./world.js";

/** Verifies a signed URL by DESIGN 4.3, over a base that is built here; yields what it says. */
function verifyUrl(authority: string, target: string) {
  const form = /^([^?#]*)\?(.*?&)??(dk-token=([\w.-]+)&dk-created=(\d+)&dk-expires=(\d+)&dk-nonce=([\w-]{24})&dk-key=([\w-]{43}))&dk-sig=([\w-]{86})$/;
  const [, path, query = "", own, token, created, expires, nonce, key, signature] = form.exec(target) ?? assert.fail(target);
  const parameters = `;created=${created};expires=${expires};nonce="${nonce}";keyid="${key}";tag="doorkey-url"`;
  const base = [
    '"@method": GET',
    `"@authority": ${authority}`,
    `"@path": ${path}`,
    `"@query": ?${query}${own}`,
    `"@signature-params": ("@method" "@authority" "@path" "@query")${parameters}`,
  ].join("\n");
  assert.ok(isSigned(base, Buffer.from(signature!, "base64url"), key!), target);
  return { bare: path + (query && `?${query.slice(0, -1)}`), token, key, created: Number(created), expires: Number(expires), nonce };
}

test("what is signed here has the form of the shared vectors", () => {
  interface Vector { name: string; code: string; request: { target: string; headers: [string, string][] }; bare_target: string }
  const text = readFileSync(new URL("../../../../tests/vectors/signed-urls.json", import.meta.url), "utf8");
  const accepted = (JSON.parse(text) as { vectors: Vector[] }).vectors.filter((vector) => vector.code === "accepted");
  assert.ok(accepted.length > 5);
  let verified = 0;
  for (const { request } of accepted) {
    const host = request.headers.find(([name]) => name === "host")![1];
    // A host in capitals is the same, and what is signed is the audience's.
    verified += Number(verifyUrl(host.toLowerCase().replace(/:443$/, ""), request.target).token !== "");
  }
  assert.equal(verified, accepted.length);
});

for (const custody of ["webcrypto", "wasm"] as const) {
  test(`${custody} signs URLs`, async () => {
    const world = new World();
    const client = world.client({ custody });
    const { host } = new URL(API);
    const nonces = new Set<string>();
    for (const [input, bare] of [
      [`${API}/pictures/1`, "/pictures/1"],
      [`${API}/pictures/1?size=2&x=%26`, "/pictures/1?size=2&x=%26"],
      [API, "/"],
      [`${API}/a?`, "/a"],
      [`${API}/ä b?q='ü'`, "/%C3%A4%20b?q=%27%C3%BC%27"],
      [new URL("/a?b=c=d&&e", API), "/a?b=c=d&&e"],
    ] as const) {
      const before = Math.floor(Date.now() / 1000);
      const signed = await client.signUrl(input);
      assert.ok(signed.startsWith(`${API}/`));
      const said = verifyUrl(host, signed.slice(API.length));
      assert.deepEqual([said.bare, said.token, said.key], [bare, "token.number.1", world.mints[0]!.header.jwk.x]);
      assert.equal(said.expires - said.created, 60);
      assert.ok(said.created >= before - 1 && said.created <= before + 2);
      nonces.add(said.nonce!);
    }
    assert.equal(nonces.size, 6);
    assert.deepEqual([world.mints.length, world.calls.length], [1, 0]);
  });
}

test("a fragment stays, and is not signed", async () => {
  const client = new World().client();
  for (const [input, bare, fragment] of [
    [`${API}/a/../b?c#d`, "/b?c", "#d"],
    [`${API}/report.pdf#page=2&x?y#z`, "/report.pdf", "#page=2&x?y#z"],
    [new URL("/a#ü", API), "/a", "#%C3%BC"],
  ] as const) {
    const signed = await client.signUrl(input);
    assert.equal(verifyUrl(new URL(API).host, signed.slice(API.length, signed.indexOf("#"))).bare, bare);
    assert.equal(signed.slice(signed.indexOf("#")), fragment);
  }
});

test("a URL does not outlive its token", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  const ends = async () => verifyUrl(new URL(API).host, (await client.signUrl(API, { expiresIn: 300 })).slice(API.length)).expires;
  const tokenEnds = (await client.session()).expiresAt.getTime() / 1000;
  assert.equal(await ends(), tokenEnds);
  clocks.pass(25);
  assert.equal(await ends(), tokenEnds);
  assert.equal(world.mints.length, 1);
});

test("ws and wss stay what they are, and go with http and https", async () => {
  const world = new World();
  world.audience = [API, "http://localhost:7701"];
  const client = world.client();
  for (const [origin, authority] of [["wss://api.example:8443", "api.example:8443"], ["ws://localhost:7701", "localhost:7701"]] as const) {
    const signed = await client.signUrl(`${origin}/live?room=1`);
    assert.ok(signed.startsWith(`${origin}/live?room=1&dk-token=`));
    assert.equal(verifyUrl(authority, signed.slice(origin.length)).bare, "/live?room=1");
  }
  await assert.rejects(client.signUrl("ws://api.example:8443/"), code("invalid_input"));
  await assert.rejects(client.signUrl("wss://localhost:7701/"), code("invalid_input"));
});

test("expiresIn is 1 to 300 seconds, without a fraction", async (context) => {
  stopClocks(context);
  const world = new World();
  const client = world.client();
  const lifetime = async (expiresIn: number) => {
    const { created, expires } = verifyUrl(new URL(API).host, (await client.signUrl(API, { expiresIn })).slice(API.length));
    return expires - created;
  };
  for (const seconds of [1, 1.5, 60, 300, 300.9]) assert.equal(await lifetime(seconds), Math.floor(seconds));
  for (const wrong of [0, -1, 301, 0.5, 1e300, NaN, Infinity, -Infinity]) {
    await assert.rejects(client.signUrl(API, { expiresIn: wrong }), code("invalid_input"), String(wrong));
  }
  assert.equal(world.mints.length, 1);
});

test("what cannot be signed says why", async () => {
  const world = new World();
  const client = world.client();
  for (const input of [
    "/relative", "https://", "https://user:password@api.example:8443/", "data:text/plain,x", "https://api.example/",
    `${API}/?dk-token=x`, `${API}/?a&dk-x`, `${API}/${"x".repeat(8000)}`,
  ]) {
    await assert.rejects(client.signUrl(input), code("invalid_input"), input.slice(0, 40));
  }
  await assert.rejects(client.signUrl(`${API}/${"x".repeat(9000)}`), code("malformed_request"));
});

test("a URL that would outlive its session brings another one along", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  const client = world.client();
  const token = async (expiresIn: number) => verifyUrl(new URL(API).host, (await client.signUrl(API, { expiresIn })).slice(API.length)).token;
  assert.equal(await token(300), "token.number.1");
  clocks.pass(20);
  assert.equal(await token(270), "token.number.1", "another one would hardly live longer");
  clocks.pass(220);
  assert.equal(await token(30), "token.number.1");
  assert.equal(await token(61), "token.number.2");
  assert.equal(await token(61), "token.number.2");
  clocks.pass(240);
  world.everyMint = () => problem(503, "store_unavailable");
  assert.equal(await token(61), "token.number.2", "better a short one than none");
  assert.equal(world.mints.length, 3);
  clocks.pass(50);
  await assert.rejects(token(1), code("store_unavailable"));
});

test("sessions that are always too short are not minted for each URL", async (context) => {
  const clocks = stopClocks(context);
  const world = new World();
  world.lifetime = 10;
  const client = world.client();
  for (let i = 0; i < 5; i++) await client.signUrl(API);
  clocks.pass(1);
  await client.signUrl(API, { expiresIn: 300 });
  assert.equal(world.mints.length, 1);
  clocks.pass(2);
  await Promise.all([client.signUrl(API), client.signUrl(API), client.signUrl(API)]);
  assert.equal(world.mints.length, 2);
});
