import { inTime } from "./in-time.js";
import type { ReplayStore } from "./types.js";

/**
 * What is needed of a client: `createClient` of `redis` (node-redis) makes one, and `Redis` and `Cluster` of `ioredis` are. A
 * cluster or a sentinel of `redis` is none: its `sendCommand` takes other arguments.
 */
export type RedisClient =
  | { sendCommand(command: string[]): Promise<unknown> }
  | { call(command: string, ...args: string[]): Promise<unknown> };

/** How the store behaves. */
export interface RedisReplayOptions {
  /** What the names of its entries begin with; `dk:edge:` unless given. */
  prefix?: string;
  /** For how many milliseconds to wait for an answer; 1000 unless given. A client may wait for a connection for ever. */
  timeout?: number;
}

/**
 * For how many seconds longer than asked an entry is kept: it goes by Redis's clock, and other verifiers may allow for more
 * skew.
 */
const MARGIN = 120;

/**
 * Memory of accepted requests in Redis 6.2 or newer, or Valkey, for all processes that use the same server.
 *
 * It relies on the server not to lose entries: see the package's README.
 *
 * @example
 * const replay = redisReplayStore(await createClient().connect());
 */
export function redisReplayStore(client: RedisClient, options: RedisReplayOptions = {}): ReplayStore {
  const { prefix = "dk:edge:", timeout = 1000 } = options;
  const send = (name: string, ...args: string[]) =>
    "call" in client ? client.call(name, ...args) : client.sendCommand([name, ...args]);
  return {
    async mark(id, expiresAt) {
      const until = String(Math.ceil(expiresAt) + MARGIN);
      const late = () => new Error(`Redis does not answer within ${timeout} ms`);
      const answer = await inTime(send("SET", prefix + id, "1", "NX", "EXAT", until), timeout, late);
      if (answer === "OK") return true;
      if (answer === null) return false;
      throw new TypeError("Redis answers SET with neither OK nor null");
    },
  };
}
