import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { after, before, describe, test, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Redis, type RedisOptions } from "ioredis";
import { createClient, createClientPool, RESP_TYPES } from "redis";
import { createVerifier, DoorkeyError, type ReplayAnswer, type ReplayStore } from "@doorkey/verifier";
import { redisReplayStore, type RedisClient } from "@doorkey/verifier/redis";
import { freePort, RedisServer, Relay } from "./redis-server.js";
import { API, base64url, ISSUER, World } from "./signer.js";

/** As slow as a machine under load makes it. */
const PATIENT = { timeout: 60_000 };
/** How far a proof may be made ahead of the server's clock, in seconds. */
const MAX_AHEAD = 5;

const seconds = () => Math.floor(Date.now() / 1000);

let shared: RedisServer;

before(async () => {
  shared = await RedisServer.start();
});
after(() => shared?.close());

type Open = (context: TestContext, path: string) => Promise<RedisClient>;

async function openNode(context: TestContext, path: string, database = 0) {
  const client = createClient({ socket: { path, tls: false }, database });
  client.on("error", () => {});
  context.after(() => client.destroy());
  return client.connect();
}

async function openPool(context: TestContext, path: string) {
  const client = createClientPool({ socket: { path, tls: false } });
  client.on("error", () => {});
  context.after(() => client.destroy());
  await client.connect();
  return client;
}

type IoOptions = Pick<RedisOptions, "db" | "username" | "password" | "keyPrefix" | "stringNumbers" | "maxRetriesPerRequest">;

async function openIo(context: TestContext, path: string, more: IoOptions = {}): Promise<Redis> {
  const client = new Redis(path, more);
  client.on("error", () => {});
  context.after(() => client.disconnect());
  return client;
}

const CLIENTS: [string, Open][] = [
  ["redis", openNode],
  ["ioredis", openIo],
];

/** A server of a test's own, which has not lost anything for long. */
async function begin(context: TestContext, ...settings: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...settings);
  context.after(() => server.close());
  await vouch(server);
  return server;
}

/** Has whoever is first announce the server, and spares the test the pause. */
async function vouch(server: RedisServer): Promise<void> {
  const client = new Redis(server.path);
  const answer = await redisReplayStore(client, PATIENT).mark(proof());
  assert.deepEqual(answer, { reason: "pause", retryAfter: (answer as { retryAfter?: number }).retryAfter });
  await server.ask("HSET", "dk:replay", "since", "0");
  client.disconnect();
}

/** A proof that nobody has made before. */
function proof(created = seconds(), until = created + 90) {
  const random = (length: number) => base64url(crypto.getRandomValues(new Uint8Array(length)));
  return { id: `${random(32)}.${random(18)}`, created, until };
}

/** Makes proofs until one is accepted, and waits as long as it is told each time. */
async function untilAccepted(store: ReplayStore): Promise<void> {
  for (;;) {
    const answer = await store.mark(proof()).catch(() => false);
    if (answer === true) return;
    const { reason, retryAfter = 0 } = answer as Partial<Exclude<ReplayAnswer, boolean>>;
    assert.ok(answer === false || reason === "pause" || reason === "before", String(reason));
    await wait(retryAfter * 1000);
  }
}

const failed = (error: unknown) => (error instanceof DoorkeyError ? error.code : String(error));

/** Two verifiers, as of two processes, that share nothing but the stores. */
async function race(stores: [ReplayStore, ReplayStore]): Promise<Record<string, number>> {
  const now = seconds();
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

test("two verifiers accept each of a thousand requests once, and without Redis none", { timeout: 120_000 }, async (context) => {
  const server = await begin(context);
  const open = async (client: Open) => redisReplayStore(await client(context, server.path), PATIENT);
  const [node, io] = [[await open(openNode), await open(openPool)], [await open(openIo), await open(openIo)]] as const;
  for (const stores of [[...node], [...io], [node[0], io[0]]] as [ReplayStore, ReplayStore][]) {
    assert.deepEqual(await race(stores), { "accepted replayed": 1000 });
  }
  await server.kill();
  const hasty = async (client: Open) => redisReplayStore(await client(context, server.path), { timeout: 100 });
  const away = [redisReplayStore(await openIo(context, server.path), { timeout: 100 }), await hasty(openIo)] as const;
  const outcome = "replay_store_unavailable replay_store_unavailable";
  assert.deepEqual(await race([...away]), { [outcome]: 1000 });
});

test("an entry stands where every verifier looks, and outlives any other's skew", async (context) => {
  const server = await begin(context);
  const store = redisReplayStore(await openNode(context, server.path), PATIENT);
  const one = proof();
  await server.ask("HSET", "dk:replay", "latest", "0");
  assert.equal(await store.mark(one), true);
  const client = new Redis(server.path);
  context.after(() => client.disconnect());
  assert.ok(Number(await client.hget("dk:replay", "latest")) >= one.created, "a clock that is set back is noticed");
  const [jkt = "", nonce = ""] = one.id.split(".");
  const name = Buffer.concat([Buffer.from("dk:replay:"), Buffer.from(jkt, "base64url"), Buffer.from(nonce, "base64url")]);
  assert.equal(name.length, 10 + 32 + 18);
  assert.equal(await client.expiretime(name), one.until + 120);
  assert.equal(await client.dbsize(), 2, "the marker and the entry");
});

// Each has servers of its own, and most of what they do is to wait.
describe("with either client", { concurrency: true }, () => {
  for (const [name, open] of CLIENTS) {
    test(`proofs outside the window of the store are refused (${name})`, async (context) => {
      const server = await begin(context);
      const store = redisReplayStore(await open(context, server.path), PATIENT);
      const now = seconds();
      assert.deepEqual(await store.mark(proof(now + 60)), { reason: "ahead" });
      assert.deepEqual(await store.mark(proof(now - 100, now - 1)), { reason: "expired" });
      await server.ask("HSET", "dk:replay", "since", String(now));
      assert.deepEqual(await store.mark(proof(now - 1)), { reason: "before" });
      assert.equal(await store.mark(proof(now)), true);
      await server.ask("HSET", "dk:replay", "latest", String(now + 10_000));
      const answer = (await store.mark(proof())) as { reason: string; cause: Error };
      assert.equal(answer.reason, "expired");
      const [, back] = /^the clock of Redis was set back by (\d+) seconds: /.exec(answer.cause.message) ?? [];
      assert.ok(Number(back) > 9_000 && Number(back) <= 10_000, answer.cause.message);
    });

    test(`what is no server to rely on is not used (${name})`, async (context) => {
      const server = await begin(context);
      const store = redisReplayStore(await open(context, server.path), PATIENT);
      const one = proof();
      assert.equal(await store.mark(one), true);
      const unfit = (message: string) => ({ message: `Redis is not to be used: ${message}` });
      await server.ask("CONFIG", "SET", "maxmemory", "64mb");
      assert.equal(await store.mark(proof()), true);
      for (const policy of ["allkeys-lru", "volatile-ttl"]) {
        await server.ask("CONFIG", "SET", "maxmemory-policy", policy);
        await assert.rejects(store.mark(proof()), unfit("its maxmemory-policy is not noeviction"));
      }
      await server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction");
      assert.equal(await store.mark(proof()), true);
      assert.equal(await store.mark(one), false);
      // One that takes writes, too.
      await server.ask("CONFIG", "SET", "replica-read-only", "no");
      await server.ask("REPLICAOF", "127.0.0.1", "1");
      await assert.rejects(store.mark(proof()), unfit("it is a replica"));
      const cluster = await RedisServer.start("cluster-enabled yes", `cluster-port ${await freePort()}`, "bind 127.0.0.1");
      context.after(() => cluster.close());
      const part = redisReplayStore(await open(context, cluster.path), PATIENT);
      await assert.rejects(part.mark(proof()), /CROSSSLOT|CLUSTERDOWN|cluster/);
    });

    test(`what a loss of memory may have taken is not accepted again (${name})`, { timeout: 120_000 }, async (context) => {
      const empty = lose(context, open, "started empty", async (server) => {
        await server.kill();
        await server.forget();
        await server.start();
      });
      const restored = lose(context, open, "restored from an old file", async (server) => {
        await server.kill();
        await server.start();
      });
      const flushed = lose(context, open, "emptied", (server) => server.ask("FLUSHALL"));
      const deleted = lose(context, open, "the marker was deleted", (server) => server.ask("DEL", "dk:replay"));
      await Promise.all([empty, restored, flushed, deleted]);
    });

    test(`a failover to a replica that lags costs a pause alone (${name})`, { timeout: 120_000 }, async (context) => {
      const port = await freePort();
      const primary = await RedisServer.start(`port ${port}`, "bind 127.0.0.1");
      context.after(() => primary.close());
      const replica = await RedisServer.start(`replicaof 127.0.0.1 ${port}`);
      context.after(() => replica.close());
      // A server begins a new history with its first replica.
      assert.equal(await primary.ask("WAIT", "1", "0"), "1");
      await vouch(primary);
      const relay = await Relay.to(primary);
      context.after(() => relay.close());
      const store = redisReplayStore(await open(context, relay.path), PATIENT);
      const early = proof();
      assert.equal(await store.mark(early), true);
      const operator = new Redis(primary.path);
      context.after(() => operator.disconnect());
      // WAIT is for what its own connection wrote, and replicas take writes in order.
      await operator.hset("dk:replay", "since", 0);
      assert.equal(await operator.wait(1, 0), 1);
      await replica.ask("REPLICAOF", "NO", "ONE");
      const lost = [proof(), proof(seconds() + MAX_AHEAD)];
      for (const one of lost) assert.equal(await store.mark(one), true);
      assert.equal(await replica.ask("DBSIZE"), "2", "the marker, and one of three");
      relay.turnTo(replica);
      await refuses(store, [early, ...lost], "failed over");
      await untilAccepted(store);
      for (const one of lost) assert.deepEqual(await store.mark(one), { reason: "before" });
    });
  }
});

/** Has proofs accepted, takes them out of the server's memory, and shows them again and again. */
async function lose(context: TestContext, open: Open, loss: string, how: (server: RedisServer) => Promise<unknown>) {
  const server = await begin(context);
  const [one, other] = [await open(context, server.path), await open(context, server.path)].map((client) =>
    redisReplayStore(client, PATIENT),
  ) as [ReplayStore, ReplayStore];
  const saved = proof();
  assert.equal(await one.mark(saved), true);
  await server.ask("SAVE");
  // The ones that are ahead of the clock are what a careless marker would let through.
  const ahead = seconds() + MAX_AHEAD;
  const proofs = [proof(), proof(ahead - 1), proof(ahead)];
  for (const each of proofs) assert.equal(await other.mark(each), true, loss);
  await how(server);
  // This one has not lived through the loss: nothing but the marker tells it.
  const again = redisReplayStore(await open(context, server.path), PATIENT);
  for (const store of [again, one, again]) await refuses(store, [saved, ...proofs], loss);
  await Promise.all([untilAccepted(again), untilAccepted(one)]);
  for (const store of [one, again]) {
    for (const each of proofs) assert.deepEqual(await store.mark(each), { reason: "before" }, loss);
  }
}

/** Nothing of what may have been accepted is, whatever the client does meanwhile. */
async function refuses(store: ReplayStore, proofs: ReturnType<typeof proof>[], why: string): Promise<void> {
  for (const one of proofs) isRefused(await store.mark(one).catch(() => ({ reason: "pause" })), why);
}

/** For as long as the pause lasts, and for good. */
function isRefused(answer: unknown, why: string): void {
  const { reason = "" } = answer as { reason?: string };
  assert.ok(["pause", "before"].includes(reason), `${why}: ${JSON.stringify(answer)}`);
}

/** A client of one server and then of another, which may keep an answer back. */
class Switch extends EventEmitter {
  held: Promise<void> = Promise.resolve();
  readonly sent: string[] = [];

  constructor(public target: RedisClient) {
    super();
  }

  async call(command: string, ...args: (string | number | Uint8Array)[]): Promise<unknown> {
    const { target, held } = this;
    this.sent.push(command);
    try {
      return await (target as Redis).call(command, ...(args as string[]));
    } finally {
      this.emit("answer");
      await held;
    }
  }
}

test("an answer of a server that was left does not count", async (context) => {
  const [first, second] = [await begin(context), await begin(context)];
  const [one, two] = [await openIo(context, first.path), await openIo(context, second.path)];
  const client = new Switch(one);
  const store = redisReplayStore(client, PATIENT);
  assert.equal(await store.mark(proof()), true);
  let release: () => void = () => {};
  client.held = new Promise((resolve) => (release = resolve));
  const late = proof();
  const answered = once(client, "answer");
  const answer = store.mark(late);
  await answered;
  client.held = Promise.resolve();
  // The other one vouches for itself only for what is made from now on.
  client.target = two;
  await second.ask("DEL", "dk:replay");
  isRefused(await store.mark(proof()), "by the one that vouches anew");
  release();
  isRefused(await answer, "after its server was left");
  assert.equal(await redisReplayStore(one, PATIENT).mark(late), false, "the first had taken it");
});

test("what was accepted elsewhere counts at a server whose clock is behind", async (context) => {
  const [first, second] = [await begin(context), await begin(context)];
  const [one, two] = [await openIo(context, first.path), await openIo(context, second.path)];
  const client = new Switch(one);
  const store = redisReplayStore(client, PATIENT);
  const accepted = proof(seconds() + 3);
  assert.equal(await store.mark(accepted), true);
  client.target = two;
  // The second one had not lost anything for long, by its own clock.
  isRefused(await store.mark(proof(accepted.created)), "as old as what was accepted elsewhere");
  assert.equal(await second.ask("HGET", "dk:replay", "since"), String(accepted.created + 1));
  const stranger = redisReplayStore(two, PATIENT);
  isRefused(await stranger.mark(accepted), "at a store that has heard of it from Redis alone");
});

test("the database is the store's, whatever its client has selected", async (context) => {
  const server = await begin(context, "databases 16");
  const wandering = await openIo(context, server.path);
  const clients = [await openIo(context, server.path, { db: 1 }), await openNode(context, server.path, 2), wandering];
  const stores = clients.map((client) => redisReplayStore(client, PATIENT));
  const one = proof();
  const answers: unknown[] = [];
  for (const [i, store] of stores.entries()) {
    await wandering.select(i + 3);
    answers.push(await store.mark(one));
  }
  assert.deepEqual(answers, [true, false, false]);
  assert.match(String(await wandering.client("INFO")), / db=5 /);
  assert.deepEqual((await server.ask("INFO", "keyspace")).match(/^db\d+:keys=\d+/gm), ["db0:keys=2"]);

  const third = redisReplayStore(wandering, { ...PATIENT, database: 3 });
  assert.deepEqual(Object.keys((await third.mark(one)) as object), ["reason", "retryAfter"]);
  await server.ask("-n", "3", "HSET", "dk:replay", "since", "0");
  assert.equal(await third.mark(one), true);
  assert.equal(await redisReplayStore(await openNode(context, server.path), { ...PATIENT, database: 3 }).mark(one), false);
  await assert.rejects(redisReplayStore(wandering, { ...PATIENT, database: 99 }).mark(one), /out of range/);
  for (const database of [-1, 1.5, NaN]) assert.throws(() => redisReplayStore(wandering, { database }), TypeError);
});

test("an account needs the commands that the README names, and without SELECT takes nothing", async (context) => {
  const server = await begin(context, "databases 16");
  const commands = ["eval", "evalsha", "info", "select", "time", "hmget", "hset", "set"];
  await server.ask("ACL", "SETUSER", "app", "on", ">secret", "~dk:*", ...commands.map((name) => `+${name}`));
  const account = { username: "app", password: "secret" };
  const store = redisReplayStore(await openIo(context, server.path, { ...account, db: 1 }), PATIENT);
  await server.ask("DEL", "dk:replay");
  isRefused(await store.mark(proof()), "by an account that can announce the server");
  await server.ask("HSET", "dk:replay", "since", "0");
  assert.equal(await store.mark(proof()), true);
  await server.ask("ACL", "SETUSER", "app", "-select");
  // That one is refused its database, and says nothing.
  const silent = redisReplayStore(await openIo(context, server.path, { ...account, db: 1 }), PATIENT);
  await assert.rejects(silent.mark(proof()), /can't run this command|NOPERM/);
});

/** How often the server was given a command since it began. */
async function calls(server: RedisServer, name: string): Promise<number> {
  const said = await server.ask("INFO", "commandstats");
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(said)?.[1] ?? 0);
}

test("a server gets the script once, and after that its digest", async (context) => {
  const server = await begin(context);
  const client = new Switch(await openIo(context, server.path));
  const store = redisReplayStore(client, PATIENT);
  assert.equal(await store.mark(proof()), true);
  await server.ask("SCRIPT", "FLUSH");
  const before = await calls(server, "eval");
  client.sent.length = 0;
  const answers = await Promise.all(Array.from({ length: 100 }, () => store.mark(proof())));
  assert.deepEqual(answers, Array.from({ length: 100 }, () => true));
  assert.equal((await calls(server, "eval")) - before, 1);
  // All find that it is not there, and all but the one once more that it is.
  assert.equal(client.sent.filter((name) => name === "EVALSHA").length, 100 + 99);
  assert.equal(await store.mark(proof()), true);
  assert.equal(client.sent.length, 100 + 1 + 99 + 1);
});

test("what is wrong with the script of one is not tried by all", async (context) => {
  const server = await begin(context);
  await server.ask("ACL", "SETUSER", "app", "on", ">secret", "~dk:*", "+evalsha", "+info");
  const client = new Switch(await openIo(context, server.path, { username: "app", password: "secret" }));
  const store = redisReplayStore(client, PATIENT);
  await server.ask("SCRIPT", "FLUSH");
  const marks = await Promise.allSettled(Array.from({ length: 100 }, () => store.mark(proof())));
  for (const mark of marks) assert.ok(mark.status === "rejected" && /^NOPERM/.test((mark.reason as Error).message));
  assert.equal(client.sent.length, 100 + 1);
});

test("nothing is sent for a caller that was refused", async (context) => {
  const server = await begin(context);
  const client = new Switch(await openIo(context, server.path));
  await server.ask("SCRIPT", "FLUSH");
  let release: () => void = () => {};
  client.held = new Promise((resolve) => (release = resolve));
  await assert.rejects(redisReplayStore(client, { timeout: 100 }).mark(proof()), /does not answer within 100 ms/);
  release();
  await new Promise(setImmediate);
  assert.deepEqual(client.sent, ["EVALSHA"]);
});

test("an outage leaves no flood behind", { timeout: 120_000 }, async (context) => {
  const server = await begin(context);
  const client = new Switch(await openIo(context, server.path, { maxRetriesPerRequest: null }));
  const store = redisReplayStore(client, { timeout: 1000 });
  assert.equal(await store.mark(proof()), true);
  await server.kill();
  client.sent.length = 0;
  const refusals = { "Redis does not answer within 1000 ms": 10_000, "Redis has 10000 proofs to mark that it has not answered": 2000 };
  const counts: Record<string, number> = {};
  const count = ({ message }: Error) => (counts[message] = (counts[message] ?? 0) + 1);
  await Promise.all(Array.from({ length: 12_000 }, () => store.mark(proof()).then(() => assert.fail(), count)));
  assert.deepEqual(counts, refusals);
  assert.equal(client.sent.length, 10_000);
  await server.start();
  await untilAccepted(store);
  assert.equal(await calls(server, "eval"), 1);
  assert.equal(client.sent.filter((name) => name === "EVAL").length, 1);
});

test("what is no time is refused, by the store and by the script", async (context) => {
  const server = await begin(context);
  const client = await openIo(context, server.path);
  const store = redisReplayStore(client, PATIENT);
  const one = proof();
  for (const wrong of [NaN, Infinity, "abc", String(one.created), undefined] as number[]) {
    await assert.rejects(store.mark({ ...one, created: wrong }), TypeError);
    await assert.rejects(store.mark({ ...one, until: wrong }), TypeError);
  }
  // A verifier that has none gives none.
  const without = (time: number): RedisClient => ({
    call: (name, ...args) => client.call(name, ...args.map((arg) => (arg === String(time) ? "nan" : (arg as string)))),
  });
  assert.deepEqual(await redisReplayStore(without(one.created), PATIENT).mark(one), { reason: "ahead" });
  assert.deepEqual(await redisReplayStore(without(one.until), PATIENT).mark(one), { reason: "expired" });
  assert.equal(await store.mark(one), true);
});

test("a client that changes names or answers is not used", async (context) => {
  const prefixed = await openIo(context, shared.path, { keyPrefix: "app:" });
  await assert.rejects(redisReplayStore(prefixed, PATIENT).mark(proof()), /puts a prefix before names/);
  const node = await openNode(context, shared.path);
  const changing: RedisClient[] = [
    await openIo(context, shared.path, { stringNumbers: true }),
    node.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }),
  ];
  for (const client of changing) {
    await assert.rejects(redisReplayStore(client, PATIENT).mark(proof()), /turn numbers or strings into others/);
  }
});

test("an odd answer is no answer", async () => {
  for (const answer of ["QUEUED", 1, undefined, null, [], ["accepted"], ["", 0], ["accepted", "0"], ["unknown", 0, 7]]) {
    const store = redisReplayStore({ sendCommand: async () => answer });
    await assert.rejects(store.mark(proof()), (error) => error instanceof TypeError || /another server/.test(String(error)));
  }
});

test("what is no client, and options that make no sense, are refused at once", () => {
  const client = { sendCommand: async () => null };
  const make = redisReplayStore as (client: unknown, options?: unknown) => ReplayStore;
  for (const none of [undefined, null, {}, "redis://:secret@localhost", Promise.resolve(client), () => client]) {
    assert.throws(() => make(none), { name: "TypeError", message: "redisReplayStore takes a client of redis or ioredis" });
  }
  for (const options of [{ timeout: 0 }, { timeout: "1s" }, { timeout: NaN }, { database: -1 }, { database: 1.5 }, { prefix: "x" }]) {
    assert.throws(() => make(client, options), TypeError, JSON.stringify(options));
  }
  make(client, { timeout: 5, database: 1 });
  make({ call: async () => null });
});
