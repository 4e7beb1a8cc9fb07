import { Buffer } from "node:buffer";
import examine from "../../verifier/src/redis/examine.lua";
import replay from "../../verifier/src/redis/replay.lua";
import { inTime } from "./in-time.js";
import main from "./redis.lua";
import type { ReplayAnswer, ReplayStore, UsedProof } from "./types.js";

/**
 * What is needed of a client: `createClient` and `createClientPool` of `redis` (node-redis) make one, and a `Redis` of
 * `ioredis` is one. A sentinel of `redis` is none: its `sendCommand` takes other arguments. One that changes names
 * (`keyPrefix` of `ioredis`) or answers (`stringNumbers` of `ioredis`, a `typeMapping` of `redis`) is not used.
 */
export type RedisClient =
  | { sendCommand(command: readonly (string | Uint8Array)[]): Promise<unknown> }
  | { call(command: string, ...args: (string | number | Uint8Array)[]): Promise<unknown> };

/** How the store behaves. */
export interface RedisReplayOptions {
  /** For how many milliseconds to wait for an answer; 1000 unless given. A client may wait for a connection for ever. */
  timeout?: number;
  /**
   * The number of the database, the same for all verifiers; 0 unless given. It counts whatever database the client has
   * selected, which does not change that one.
   */
  database?: number;
}

/**
 * How many marks may be under way at once; Redis works through so many in less than half a second. During an outage a
 * client may keep what it is given and send it all at the end, ahead of everything new.
 */
const MOST_UNANSWERED = 10_000;

/** Where the marker is, which says who vouches for the entries; what an entry's name begins with is this and a colon. */
const MARKER = "dk:replay";

/** The rules, which the Rust verifier has, too, and what is made of them here. */
const SCRIPT = examine + replay + main;

/**
 * Memory of accepted requests in Redis 6.2 or newer, or Valkey, for all verifiers that use the same server, those in Rust
 * included. Nothing is accepted twice, though Redis may lose anything at any time, as long as one server takes writes.
 *
 * The argument is in the docs of Rust's `SharedReplay`, and this is what is different here. A client connects anew whenever
 * it likes and says nothing, so that what was learned of a server says nothing of the one that gets the next command. Hence
 * the one script that marks a proof examines the server, too, each time, and compares what it finds with what the caller
 * takes it for. If that is another, it does nothing but tell; the caller then counts all that it has had accepted as
 * accepted elsewhere, and only then asks again and announces itself. An answer of a server that the caller has turned away
 * from since does not count. It costs one round trip more when the server changes, and none otherwise.
 *
 * @throws {@link TypeError} at once for what is no client, and for options that make no sense.
 *
 * @example
 * const replay = redisReplayStore(await createClient().connect());
 */
export function redisReplayStore(client: RedisClient, options: RedisReplayOptions = {}): ReplayStore {
  if (!isClient(client)) throw new TypeError("redisReplayStore takes a client of redis or ioredis");
  const { timeout = 1000, database = 0, ...unknown } = options;
  for (const name in unknown) throw new TypeError(`${name} is no option of redisReplayStore`);
  if (!(Number.isFinite(timeout) && timeout > 0)) throw new TypeError("timeout is a number of milliseconds");
  if (!Number.isSafeInteger(database) || database < 0) throw new TypeError("a database of Redis has a number, from 0 on");
  const script = new Script(client);
  const accepted = new Accepted();
  const ask = async (entry: Uint8Array, created: number, until: number, signal: AbortSignal): Promise<ReplayAnswer> => {
    const keys = [MARKER, entry];
    // Once more for a server that was not known; what changes again at once is not to be relied on.
    for (let asked = 0; asked < 2; asked += 1) {
      let turn = accepted.turn;
      const args = () => {
        turn = accepted.turn;
        return [database, accepted.server, accepted.here, accepted.elsewhere, created, until].map(String);
      };
      const answer = await script.run(keys, args, signal);
      const [word, wait, text] = read(answer);
      if (word === "unfit") throw new Error(`Redis is not to be used: ${text}`);
      if (accepted.turn !== turn) continue;
      if (word !== "unknown") return accepted.note(word, wait, created);
      accepted.turnTo(text);
    }
    throw new Error("Redis is another server than a moment ago");
  };
  let unanswered = 0;
  const mark = async ({ id, created, until }: UsedProof, signal: AbortSignal): Promise<ReplayAnswer> => {
    if (!Number.isFinite(created) || !Number.isFinite(until)) throw new TypeError("a proof's times are numbers of seconds");
    if (unanswered >= MOST_UNANSWERED) throw new Error(`Redis has ${unanswered} proofs to mark that it has not answered`);
    unanswered += 1;
    try {
      return await ask(entryOf(id), Math.floor(created), Math.ceil(until), signal);
    } finally {
      unanswered -= 1;
    }
  };
  return {
    mark(proof) {
      const time = new AbortController();
      const late = () => {
        const error = new Error(`Redis does not answer within ${timeout} ms`);
        time.abort(error);
        return error;
      };
      return inTime(mark(proof, time.signal), timeout, late);
    },
  };
}

/** JavaScript may give an address for a client, or a promise of one. */
function isClient(client: unknown): client is RedisClient {
  const { call, sendCommand } = (typeof client === "object" && client ? client : {}) as Record<string, unknown>;
  return typeof call === "function" || typeof sendCommand === "function";
}

/** What this store has had accepted: when the latest of the proofs was made, in Unix seconds. */
class Accepted {
  server = "";
  /** How often it was another: the same one after another is not the same, for that has accepted something meanwhile. */
  turn = 0;
  /** On that server. */
  here = 0;
  /** On all before it. */
  elsewhere = 0;

  /** From now on only what `server` accepts counts. */
  turnTo(server: string): void {
    this.elsewhere = Math.max(this.elsewhere, this.here);
    this.here = 0;
    this.server = server;
    this.turn += 1;
  }

  /** What the server's word means. */
  note(word: string, wait: number, created: number): ReplayAnswer {
    switch (word) {
      case "accepted":
        this.here = Math.max(this.here, created);
        return true;
      case "replayed":
        return false;
      case "ahead":
      case "before":
        return { reason: word };
      case "pause":
        return { reason: word, retryAfter: wait };
      case "expired":
        return wait > 0 ? { reason: word, cause: new Error(setBack(wait)) } : { reason: word };
      default:
        throw new TypeError("Redis answers the script with a word that it does not have");
    }
  }
}

const setBack = (seconds: number) =>
  `the clock of Redis was set back by ${seconds} seconds: no proof is accepted until it shows again what it did, or until ` +
  "somebody deletes `dk:replay` there";

/** The name of a proof's entry: thumbprint and nonce, as bytes. A `Buffer`, for the clients take no other array. */
function entryOf(id: string): Uint8Array {
  const [jkt = "", nonce = ""] = id.split(".");
  return Buffer.concat([Buffer.from(`${MARKER}:`), Buffer.from(jkt, "base64url"), Buffer.from(nonce, "base64url")]);
}

function read(answer: unknown): [word: string, wait: number, text: string] {
  const [word, wait, text = ""] = Array.isArray(answer) ? (answer as unknown[]) : [];
  if (typeof word === "string" && typeof wait === "number" && typeof text === "string") return [word, wait, text];
  throw new TypeError("what the client hands on is no answer of the script: does it turn numbers or strings into others?");
}

/** The script, by its digest. What a caller's signal has ended is not sent. */
class Script {
  readonly #client: RedisClient;
  #digest: Promise<string> | undefined;
  /** Comes to an end once the whole of it, which one caller has sent, was answered; the others wait. */
  #whole: Promise<unknown> | undefined;
  #sent = 0;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /**
   * Runs it, and sends the whole of it to a server that has not seen it since it began. `args` are asked for anew each time
   * that something is sent.
   */
  async run(keys: (string | Uint8Array)[], args: () => string[], signal: AbortSignal): Promise<unknown> {
    this.#digest ??= sha1(SCRIPT);
    const digest = await this.#digest;
    const rest = () => [String(keys.length), ...keys, ...args()];
    for (;;) {
      // What is wrong with the one is wrong with all: each sending it anew would be a storm.
      while (this.#whole) await this.#whole;
      signal.throwIfAborted();
      const sent = this.#sent;
      try {
        return await this.#send("EVALSHA", digest, ...rest());
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      }
      signal.throwIfAborted();
      if (!this.#whole && this.#sent === sent) return this.#sendWhole(rest(), signal);
    }
  }

  #sendWhole(rest: (string | Uint8Array)[], signal: AbortSignal): Promise<unknown> {
    const answer = this.#send("EVAL", SCRIPT, ...rest);
    const over = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    this.#sent += 1;
    this.#whole = Promise.race([answer, over]).finally(() => (this.#whole = undefined));
    // Whoever waits hears of it; there may be nobody.
    this.#whole.catch(() => {});
    return answer;
  }

  async #send(name: string, ...args: (string | Uint8Array)[]): Promise<unknown> {
    const client = this.#client;
    return "call" in client ? client.call(name, ...args) : client.sendCommand([name, ...args]);
  }
}

async function sha1(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-1", Buffer.from(text))).toString("hex");
}
