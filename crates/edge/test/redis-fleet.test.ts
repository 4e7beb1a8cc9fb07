// A verifier in Rust, as operators run it, and one of this package on one Redis.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request as send, type IncomingMessage } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Redis } from "ioredis";
import { createVerifier, DoorkeyError, type Verifier } from "@doorkey/verifier";
import { redisReplayStore } from "@doorkey/verifier/redis";
import { House } from "./house.js";
import { RedisServer } from "./redis-server.js";
import { API, World, type SignedRequest } from "./signer.js";

const ORIGIN = "https://shop.example";
const REQUESTS = 300;
/** The number of the one in Redis that both use. */
const DATABASE = 1;

interface Outcome {
  code: string;
  detail: string;
  retryAfter: number | undefined;
}

let house: House;
let server: RedisServer;
let client: Redis;
let gate: string;
let node: Verifier;
let world: World;
const agent = new Agent({ keepAlive: true, maxSockets: 20 });

before(async () => {
  [house, server] = await Promise.all([House.open(API), RedisServer.start("databases 16")]);
  const credentials = [await house.credential(), await house.credential()] as const;
  gate = await house.gate(credentials[0], "--redis", `unix://${server.path}?db=${DATABASE}`);
  client = new Redis(server.path);
  client.on("error", () => {});
  const replay = redisReplayStore(client, { timeout: 60_000, database: DATABASE });
  node = createVerifier({ issuer: house.issuer, audience: API, credential: credentials[1], replay });
  const key = await house.createKey({ kind: "publishable", origins: [ORIGIN] });
  world = await World.mint(house.issuer, key.key, API, ORIGIN);
});

after(async () => {
  agent.destroy();
  client?.disconnect();
  await Promise.all([house?.close(), server?.close()]);
});

/** `count` requests that are made now, or as much later as clocks may be ahead. */
const sign = (count: number, ahead = 0): Promise<SignedRequest[]> => {
  const now = Math.floor(Date.now() / 1000) + ahead;
  return Promise.all(Array.from({ length: count }, (_, i) => world.sign(now, "GET", `/pictures/${i}`)));
};

async function inNode(signed: SignedRequest): Promise<Outcome> {
  const headers: SignedRequest["headers"] = [...signed.headers, ["origin", ORIGIN]];
  const refused = await node.verify({ ...signed, headers }).then(() => undefined, (error: unknown) => error);
  if (refused === undefined) return { code: "accepted", detail: "", retryAfter: undefined };
  assert.ok(refused instanceof DoorkeyError, String(refused));
  return { code: refused.code, detail: refused.message, retryAfter: refused.retryAfter };
}

async function atGate(signed: SignedRequest): Promise<Outcome> {
  const [host, port] = gate.split(":");
  const of = { method: signed.method, uri: signed.target, host: new URL(API).host, proto: "https", for: "192.0.2.1" };
  const forwarded = Object.entries(of).map(([name, value]) => [`x-forwarded-${name}`, value]);
  const headers = Object.fromEntries([...signed.headers, ["origin", ORIGIN], ...forwarded]) as Record<string, string>;
  const asking = send({ host, port, path: "/auth", headers, agent }).end();
  const [response] = (await once(asking, "response")) as [IncomingMessage];
  let text = "";
  for await (const piece of response) text += String(piece);
  if (response.statusCode === 200) return { code: "accepted", detail: "", retryAfter: undefined };
  const { code, detail } = JSON.parse(text) as Outcome;
  const retryAfter = response.headers["retry-after"];
  return { code, detail, retryAfter: retryAfter === undefined ? undefined : Number(retryAfter) };
}

/**
 * Shows each request to both at once, few at a time. One accepts it, never both; none only if the gate has given up waiting
 * for Redis, as it does after half a second, and that is a slow machine's exception.
 */
async function race(requests: SignedRequest[]): Promise<void> {
  let accepted = 0;
  const judge = async (signed: SignedRequest) => {
    const outcomes = await Promise.all([atGate(signed), inNode(signed)]);
    const [one, other] = outcomes.map(({ code }) => code).sort() as [string, string];
    if (one === "accepted") accepted += 1;
    const said = `${one}, ${other}`;
    const tooSlow = ["accepted, replay_store_unavailable", "replay_store_unavailable, replayed"];
    const gateGaveUp = outcomes[0].code === "replay_store_unavailable" && tooSlow.includes(said);
    assert.ok(said === "accepted, replayed" || gateGaveUp, said);
  };
  const { length } = requests;
  while (requests.length > 0) await Promise.all(requests.splice(0, 20).map(judge));
  assert.ok(accepted > length / 2, `${accepted} of ${length}`);
}

/** Asks one with new requests until it accepts one, waiting as long as it says each time. */
async function untilAccepted(judge: typeof inNode): Promise<void> {
  for (;;) {
    const [signed] = (await sign(1)) as [SignedRequest];
    const { code, retryAfter = 0 } = await judge(signed);
    if (code === "accepted") return;
    assert.ok(["replay_store_unavailable", "window_invalid"].includes(code), code);
    await wait(retryAfter * 1000);
  }
}

test("each request is accepted by exactly one, before and after Redis has lost its memory", { timeout: 120_000 }, async () => {
  // Who comes first announces the server, and both have the same pause.
  const [first, second] = (await sign(2)) as [SignedRequest, SignedRequest];
  for (const { code, detail, retryAfter = 0 } of await Promise.all([inNode(first), atGate(second)])) {
    assert.equal(code, "replay_store_unavailable");
    assert.equal(detail, "the replay store has lost its memory and takes nothing that it may have known");
    assert.ok(retryAfter >= 1 && retryAfter <= 6, String(retryAfter));
  }
  await untilAccepted(inNode);
  await untilAccepted(atGate);
  await race(await sign(REQUESTS));

  const accepted = (await Promise.all([sign(4), sign(4, 5)])).flat();
  for (const [i, signed] of accepted.entries()) {
    const [one, other] = i % 2 ? ([inNode, atGate] as const) : ([atGate, inNode] as const);
    assert.deepEqual([(await one(signed)).code, await other(signed)], [
      "accepted",
      { code: "replayed", detail: "this signature was used before", retryAfter: undefined },
    ]);
  }
  await server.kill();
  await server.start();
  const refused = await Promise.all(accepted.flatMap((signed) => [atGate(signed), inNode(signed)]));
  const refusals = ["replay_store_unavailable", "window_invalid", "replayed"];
  for (const { code } of refused) assert.ok(refusals.includes(code), code);
  await untilAccepted(atGate);
  await untilAccepted(inNode);
  await race(await sign(REQUESTS));
  // Each verifier knows by itself what it was shown before: another one of this package knows of Redis alone.
  const replay = redisReplayStore(client, { timeout: 60_000, database: DATABASE });
  node = createVerifier({ issuer: house.issuer, audience: API, credential: await house.credential(), replay });
  for (const signed of accepted) {
    assert.deepEqual(await inNode(signed), {
      code: "window_invalid",
      detail: "the signature is older than replay protection remembers",
      retryAfter: undefined,
    });
  }
});

test("both say the same of what is ahead, and of what has expired", { timeout: 120_000 }, async () => {
  await untilAccepted(atGate);
  await untilAccepted(inNode);
  const ahead = (await sign(2, 20)) as [SignedRequest, SignedRequest];
  const one = await inNode(ahead[0]);
  const outside = (detail: string) => ({ code: "window_invalid", detail, retryAfter: undefined });
  assert.deepEqual(one, outside("the signature is ahead of the replay store's clock"));
  assert.deepEqual(await atGate(ahead[1]), one);
  await server.ask("-n", String(DATABASE), "HSET", "dk:replay", "latest", String(Math.floor(Date.now() / 1000) + 10_000));
  const expired = (await sign(2)) as [SignedRequest, SignedRequest];
  const other = await inNode(expired[0]);
  assert.deepEqual(other, outside("the signature has expired by the replay store's clock"));
  assert.deepEqual(await atGate(expired[1]), other);
});
