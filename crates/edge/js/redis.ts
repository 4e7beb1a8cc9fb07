import { Buffer } from "node:buffer";
import examine from "../../verifier/src/redis/examine.lua";
import replay from "../../verifier/src/redis/replay.lua";
import { inTime } from "./in-time.js";
import main from "./redis.lua";
import type { ReplayAnswer, ReplayStore, UsedProof } from "./types.js";

/**
 * What is needed of a client: `createClient` of `redis` (node-redis) makes one, and a `Redis` of `ioredis` is one. A pool or
 * a sentinel of `redis` is none: its `sendCommand` takes other arguments.
 */
export type RedisClient =
  | { sendCommand(command: readonly (string | Uint8Array)[]): Promise<unknown> }
  | { call(command: string, ...args: (string | number | Uint8Array)[]): Promise<unknown> };

/** How the store behaves. */
export interface RedisReplayOptions {
  /** For how many milliseconds to wait for an answer; 1000 unless given. A client may wait for a connection for ever. */
  timeout?: number;
}

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
 * @example
 * const replay = redisReplayStore(await createClient().connect());
 */
export function redisReplayStore(client: RedisClient, options: RedisReplayOptions = {}): ReplayStore {
  const { timeout = 1000 } = options;
  const invoke = scriptOf(client);
  const accepted = new Accepted();
  const mark = async ({ id, created, until }: UsedProof): Promise<ReplayAnswer> => {
    const proof = [String(Math.floor(created)), String(Math.ceil(until))];
    const keys = [MARKER, entryOf(id)];
    // Once more for a server that was not known; what changes again at once is not to be relied on.
    for (let asked = 0; asked < 2; asked += 1) {
      const { server } = accepted;
      const answer = await invoke(keys, [server, String(accepted.here), String(accepted.elsewhere), ...proof]);
      const [word, wait, text] = read(answer);
      if (word === "unfit") throw new Error(`Redis is not to be used: ${text}`);
      if (accepted.server !== server) continue;
      if (word !== "unknown") return accepted.note(word, wait, created);
      accepted.turnTo(text);
    }
    throw new Error("Redis is another server than a moment ago");
  };
  const late = () => new Error(`Redis does not answer within ${timeout} ms`);
  return { mark: (proof) => inTime(mark(proof), timeout, late) };
}

/** What this store has had accepted: when the latest of the proofs was made, in Unix seconds. */
class Accepted {
  server = "";
  /** On that server. */
  here = 0;
  /** On all before it. */
  elsewhere = 0;

  /** From now on only what `server` accepts counts. */
  turnTo(server: string): void {
    this.elsewhere = Math.max(this.elsewhere, this.here);
    this.here = 0;
    this.server = server;
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

/** The name of a proof's entry: thumbprint and nonce, as bytes. */
function entryOf(id: string): Uint8Array {
  const [jkt = "", nonce = ""] = id.split(".");
  return Buffer.concat([Buffer.from(`${MARKER}:`), Buffer.from(jkt, "base64url"), Buffer.from(nonce, "base64url")]);
}

function read(answer: unknown): [word: string, wait: number, text: string] {
  const [word, wait, text = ""] = Array.isArray(answer) ? (answer as unknown[]) : [];
  if (typeof word === "string" && typeof wait === "number" && typeof text === "string") return [word, wait, text];
  throw new TypeError("Redis does not answer the script as it does");
}

/** Runs the script by its digest, and sends the whole of it to a server that has not seen it since it began. */
function scriptOf(client: RedisClient) {
  const send = (name: string, ...args: (string | Uint8Array)[]) =>
    "call" in client ? client.call(name, ...args) : client.sendCommand([name, ...args]);
  let digest: Promise<string> | undefined;
  return async (keys: (string | Uint8Array)[], args: string[]): Promise<unknown> => {
    digest ??= sha1(SCRIPT);
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await send("EVALSHA", await digest, ...rest);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return send("EVAL", SCRIPT, ...rest);
    }
  };
}

async function sha1(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-1", Buffer.from(text))).toString("hex");
}
