// The whole of it, with the issuer as operators run it.
import assert from "node:assert/strict";
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, request as send, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, mock, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createVerifier, DoorkeyError, type RawRequest, type VerifierOptions } from "@doorkey/verifier";
import { doorkey, type NodeRequest } from "@doorkey/verifier/express";
import { House, type IssuedKey } from "./house.js";
import { API, World } from "./signer.js";

// The bundle of this file stands in dist/test.
const root = fileURLToPath(new URL("../../", import.meta.url));

let house: House;
let credential: string;
/** By how many milliseconds time has passed here and nowhere else. */
let passed = 0;

const real = performance.now.bind(performance);

before(async () => {
  house = await House.open(API);
  credential = await house.credential();
});
after(() => house?.close());

const bearer = ({ key }: IssuedKey, ...more: [string, string][]): RawRequest => ({
  method: "GET",
  target: "/pictures",
  headers: [["host", "api.example.com"], ["authorization", `Bearer ${key}`], ...more],
});

/** A verifier of which one can wait for what it has reported. */
function begin(options: Partial<VerifierOptions> = {}) {
  mock.method(performance, "now", () => real() + passed);
  const taken: (() => void)[] = [];
  let reports = 0;
  const asked: string[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    asked.push(new URL(url).pathname);
    const response = await globalThis.fetch(url, init);
    if (url.endsWith("/v1/usage") && response.status === 204) {
      reports += 1;
      taken.splice(0).forEach((tell) => tell());
    }
    return response;
  };
  const verifier = createVerifier({ issuer: house.issuer, audience: API, credential, fetch, ...options });
  const judge = (request: RawRequest) =>
    verifier.verify(request).then(() => "accepted", (error: unknown) => {
      assert.ok(error instanceof DoorkeyError, String(error));
      return error.code;
    });
  const reported = async (atLeast: number) => {
    while (reports < atLeast) await new Promise<void>((resolve) => taken.push(resolve));
  };
  return { verifier, judge, reported, asked };
}

afterEach(() => mock.restoreAll());

test("a secret key is accepted, revoked, and refused within maxStaleness", { timeout: 60_000 }, async () => {
  const { judge, verifier, asked } = begin({ maxStaleness: 5 });
  const [one, other] = [await house.createKey(), await house.createKey()];
  const principal = await verifier.verify(bearer(one));
  assert.deepEqual([principal.kind, principal.keyId, principal.subject, principal.workspace], ["secret", one.id, one.id, one.workspace]);
  assert.ok(principal.hasScope("pictures:read"));
  await house.post(`/v1/keys/${one.id}/revoke`);
  await house.revokeByHand(other.id);
  passed += 5001;
  assert.deepEqual([await judge(bearer(one)), await judge(bearer(other))], ["key_revoked", "key_revoked"]);
  const late = await house.createKey();
  passed += 1001;
  assert.equal(await judge(bearer(late)), "accepted", "made a moment ago");
  assert.ok(!asked.includes("/.well-known/jwks.json"));
});

test("a session of a publishable key, from its mint to its revocation", { timeout: 60_000 }, async () => {
  const { judge } = begin();
  const key = (await house.createKey({ kind: "publishable", origins: ["https://shop.example"] })) as IssuedKey;
  const world = await World.mint(house.issuer, key.key, API, "https://shop.example");
  // The verifier takes what was signed from the next second on.
  const now = Math.floor(Date.now() / 1000) + 2;
  const from = (origin: string) => async () => {
    const signed = await world.sign(now, "GET", "/pictures");
    return judge({ ...signed, headers: [...signed.headers, ["origin", origin]] });
  };
  const [shop, elsewhere] = [from("https://shop.example"), from("https://elsewhere.example")];
  assert.deepEqual([await shop(), await elsewhere()], ["accepted", "origin_not_allowed"]);
  await house.post(`/v1/keys/${key.id}/revoke`);
  passed += 10_001;
  assert.equal(await shop(), "key_revoked");
});

test("the issuer goes away and comes back", { timeout: 60_000 }, async () => {
  const { judge } = begin();
  const key = await house.createKey();
  assert.equal(await judge(bearer(key)), "accepted");
  await house.stop();
  passed += 9000;
  assert.equal(await judge(bearer(key)), "accepted");
  passed += 1001;
  assert.equal(await judge(bearer(key)), "directory_stale");
  await house.restart();
  passed += 2001;
  assert.equal(await judge(bearer(key)), "accepted");
});

test("the issuer hears of uses and of a key that leaked, each once", { timeout: 60_000 }, async () => {
  const { judge, reported } = begin();
  const [used, leaked] = [await house.createKey(), await house.createKey()];
  for (let i = 0; i < 3; i += 1) assert.equal(await judge(bearer(used)), "accepted");
  assert.equal(await judge(bearer(leaked, ["origin", "https://shop.example"])), "secret_key_in_browser");
  await reported(1);
  passed += 5001;
  assert.equal(await judge(bearer(used)), "accepted");
  await reported(2);
  passed += 5001;
  assert.equal(await judge(bearer(used)), "accepted");
  await reported(3);
  const now = Math.floor(Date.now() / 1000);
  const [shown, marked] = [await house.show(used.id), await house.show(leaked.id)];
  assert.ok(Math.abs((shown.last_used_at ?? 0) - now) < 60 && shown.leaked_at === null, JSON.stringify(shown));
  assert.ok(Math.abs((marked.leaked_at ?? 0) - now) < 60, JSON.stringify(marked));
  assert.equal((await house.usage(used.id)).accepted, 5);
  assert.deepEqual((await house.usage(leaked.id)).refused, { secret_key_in_browser: 1 });
});

test("a clock that is wrong by minutes is put right by the issuer's within one request", { timeout: 60_000 }, async () => {
  const key = await house.createKey();
  const { judge } = begin({ clock: () => Date.now() + 600_000 });
  assert.equal(await judge(bearer(key)), "accepted");
});

test("limits and networks that an admin has set", { timeout: 60_000 }, async () => {
  const { verifier, judge } = begin();
  const limited = await house.createKey({ rate_limit: { requests: 2, period: 86_400 } });
  const outcomes = [await judge(bearer(limited)), await judge(bearer(limited)), await judge(bearer(limited))];
  assert.deepEqual(outcomes, ["accepted", "accepted", "rate_limited"]);
  const error = (await verifier.verify(bearer(limited)).catch((error: unknown) => error)) as DoorkeyError;
  const { status, headers } = error.toResponse();
  assert.equal(status, 429);
  assert.equal(headers.get("ratelimit-policy"), '"key";q=2;w=86400');
  assert.match(headers.get("ratelimit") ?? "", /^"key";r=0;t=\d+$/);
  assert.equal(headers.get("retry-after"), String(error.retryAfter));
  const office = await house.createKey({ cidrs: ["192.0.2.0/24"] });
  passed += 1001;
  assert.equal(await judge({ ...bearer(office), peer: "192.0.2.1" }), "accepted");
  assert.equal(await judge({ ...bearer(office), peer: "198.51.100.1" }), "ip_not_allowed");
  assert.equal(await judge(bearer(office)), "ip_not_allowed");
});

test("Express's middleware says who has connected, and leaves a handler the body", { timeout: 60_000 }, async () => {
  const [here, elsewhere] = [await house.createKey({ cidrs: ["127.0.0.1/32"] }), await house.createKey({ cidrs: ["192.0.2.0/24"] })];
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { verifier } = begin({ audience: origin, maxBodyBytes: 1000 });
    server.on("request", (request, response) =>
      doorkey(verifier)(request, response, async () => {
        let length = 0;
        for await (const piece of request as AsyncIterable<Buffer>) length += piece.length;
        response.end(`${(request as NodeRequest).principal?.kind} ${request.headers.authorization} ${length}`);
      }),
    );
    const ask = async ({ key }: IssuedKey, body = "") => {
      const headers = { authorization: `Bearer ${key}`, "x-forwarded-for": "192.0.2.1" };
      const response = await fetch(origin, { method: "POST", headers, body });
      return response.ok ? response.text() : ((await response.json()) as { code: string }).code;
    };
    assert.deepEqual([await ask(here), await ask(elsewhere)], ["secret undefined 0", "ip_not_allowed"]);
    assert.equal(await ask(here, "x".repeat(300_000)), "secret undefined 300000", "more than the verifier would read");
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("a process that has followed ends by itself", { timeout: 60_000 }, async () => {
  const key = await house.createKey();
  const entry = join(root, "dist/node/index.js");
  const script = `
    import { createVerifier } from ${JSON.stringify(entry)};
    const { ISSUER, API, CREDENTIAL, KEY } = process.env;
    const verifier = createVerifier({ issuer: ISSUER, audience: API, credential: CREDENTIAL });
    const headers = [["host", new URL(API).host], ["authorization", "Bearer " + KEY]];
    const { kind } = await verifier.verify({ method: "GET", target: "/", headers });
    process.stdout.write(kind);`;
  const env = { ...process.env, ISSUER: house.issuer, API, CREDENTIAL: credential, KEY: key.key };
  const began = Date.now();
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  let said = "";
  child.stdout.on("data", (piece: Buffer) => (said += piece.toString()));
  const [code] = (await ended) as [number];
  assert.deepEqual([code, said], [0, "secret"]);
  assert.ok(Date.now() - began < 30_000);
});

test("the README's example runs", { timeout: 60_000 }, async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [, example = ""] = /^```ts\n([^]*?)^```$/m.exec(readme.slice(readme.indexOf("## Secret keys and revocation"))) ?? [];
  assert.ok(example.includes("DOORKEY_VERIFIER"));
  const path = join(root, "dist/test/example.mjs");
  const listening = 'app.listen(0, "127.0.0.1", function () { process.send(this.address().port); });';
  await writeFile(path, example.replace("https://keys.example.com", house.issuer).replace("app.listen(3000);", listening));
  const env = { ...process.env, DOORKEY_VERIFIER: credential };
  const child = fork(path, { env, execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = once(child, "exit");
  try {
    const [port] = (await Promise.race([once(child, "message"), ended])) as [number];
    const key = await house.createKey();
    const ask = async (headers: Record<string, string>) => {
      const request = send({ port, host: "127.0.0.1", path: "/pictures", headers: { host: new URL(API).host, ...headers } }).end();
      const [response] = (await once(request, "response")) as [IncomingMessage];
      let text = "";
      for await (const piece of response) text += String(piece);
      return JSON.parse(text) as Record<string, unknown>;
    };
    assert.deepEqual(await ask({ authorization: `Bearer ${key.key}` }), { kind: "secret", caller: key.id });
    assert.equal((await ask({}))["code"], "credential_missing");
  } finally {
    child.kill();
    await ended;
  }
});
