import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { createVerifier, DoorkeyError, type ReplayStore } from "@doorkey/verifier";
import { redisReplayStore } from "@doorkey/verifier/redis";
import { API, ISSUER, World } from "./signer.js";

let folder: string;
let server: ChildProcess;
let port: number;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "doorkey-edge-"));
  // Redis takes no port 0: this one was free a moment ago.
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  port = (probe.address() as AddressInfo).port;
  probe.close();
  await once(probe, "close");
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
  server = spawn("redis-server", options, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const piece of server.stdout ?? []) {
    if (String(piece).includes("Ready to accept connections")) break;
  }
  server.stdout?.resume();
});

after(async () => {
  if (server.exitCode === null && server.signalCode === null) {
    server.kill();
    await once(server, "exit");
  }
  await rm(folder, { recursive: true });
});

const failed = (error: unknown) => (error instanceof DoorkeyError ? error.code : String(error));

/** Two verifiers, as of two processes, that share nothing but the stores. */
async function race(stores: [ReplayStore, ReplayStore]): Promise<Record<string, number>> {
  const now = Math.floor(Date.now() / 1000);
  const world = await World.begin(now);
  const verifiers = stores.map((replay) => createVerifier({ issuer: ISSUER, audience: API, fetch: world.fetch, replay }));
  const signed = await Promise.all(Array.from({ length: 1000 }, (_, i) => world.sign(now, "GET", `/${i}`)));
  const counts: Record<string, number> = {};
  const count = (outcome: string) => (counts[outcome] = (counts[outcome] ?? 0) + 1);
  const judge = async (request: (typeof signed)[number]) => {
    const outcomes = await Promise.all(verifiers.map((verifier) => verifier.verify(request).then(() => "accepted", failed)));
    count(outcomes.sort().join(" "));
  };
  await Promise.all(signed.map(judge));
  return counts;
}

test("of each of a thousand requests at two verifiers, exactly one is accepted; without Redis none", async () => {
  const node = [createClient({ url: `redis://127.0.0.1:${port}` }), createClient({ url: `redis://127.0.0.1:${port}` })] as const;
  const io = [new Redis(port, "127.0.0.1"), new Redis(port, "127.0.0.1")] as const;
  [...node, ...io].forEach((client) => client.on("error", () => {}));
  try {
    await Promise.all(node.map((client) => client.connect()));
    const patient = { timeout: 60_000 };
    const ofNode = node.map((client) => redisReplayStore(client, patient)) as [ReplayStore, ReplayStore];
    const ofIo = io.map((client) => redisReplayStore(client, patient)) as [ReplayStore, ReplayStore];
    for (const stores of [ofNode, ofIo, [ofNode[0], ofIo[0]] as [ReplayStore, ReplayStore]]) {
      assert.deepEqual(await race(stores), { "accepted replayed": 1000 });
    }
    const life = await io[0].call("PTTL", (await io[0].keys("dk:edge:*"))[0] ?? "");
    assert.ok(Number(life) > 120_000 && Number(life) <= 215_000, `an entry lives for ${String(life)} ms`);

    server.kill();
    await once(server, "exit");
    const hasty = { timeout: 100 };
    const away = [redisReplayStore(node[0], hasty), redisReplayStore(io[0], hasty)] as [ReplayStore, ReplayStore];
    const outcome = "replay_store_unavailable replay_store_unavailable";
    assert.deepEqual(await race(away), { [outcome]: 1000 });
  } finally {
    node.forEach((client) => client.destroy());
    io.forEach((client) => client.disconnect());
  }
});

test("an odd answer is no answer", async () => {
  for (const answer of ["QUEUED", 1, undefined]) {
    const store = redisReplayStore({ sendCommand: async () => answer });
    await assert.rejects(store.mark("id", 1), TypeError);
  }
});
