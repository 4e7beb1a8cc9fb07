// A Redis of a test's own, which can go away and come back: the one that the tests of Rust have.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

// The bundle of this file stands in dist/test.
const script = fileURLToPath(new URL("../../../../tests/servers/src/redis.sh", import.meta.url));

type Guardian = ChildProcess & { stdin: Writable; stdout: Readable };

/** A server that its guardian ends, and removes the folder of, once nobody holds its stdin any more. */
export class RedisServer {
  private constructor(
    private readonly guardian: Guardian,
    private readonly answers: AsyncIterator<string>,
    private readonly folder: string,
  ) {}

  /** A server without data, with further lines in its `redis.conf`; it saves nothing unless it is told to. */
  static async start(...settings: string[]): Promise<RedisServer> {
    const stdio = ["pipe", "pipe", "inherit"] as ["pipe", "pipe", "inherit"];
    // In a group of its own: what ends the test by its group does not end this with it.
    const guardian = spawn("sh", [script, ...settings], { stdio, detached: true }) as Guardian;
    const answers = createInterface(guardian.stdout)[Symbol.asyncIterator]();
    const first = await answers.next();
    if (first.done) throw new Error("redis-server does not start");
    return new RedisServer(guardian, answers, first.value);
  }

  /** Where it is: on a socket that only this account reaches. */
  get path(): string {
    return join(this.folder, "socket");
  }

  /** Starts it again with what it had saved; resolves once it has read that. */
  start(): Promise<void> {
    return this.#order("start");
  }

  /** Ends it at once: what it has not saved is lost. */
  kill(): Promise<void> {
    return this.#order("stop");
  }

  /** Removes what it had saved. */
  forget(): Promise<void> {
    return this.#order("empty");
  }

  /** Runs a command, as whoever operates the server does. */
  async ask(...command: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("redis-cli", ["-s", this.path, "-e", ...command]);
    return stdout.trim();
  }

  async close(): Promise<void> {
    const ended = once(this.guardian, "exit");
    this.guardian.stdin.end();
    await ended;
  }

  async #order(order: string): Promise<void> {
    this.guardian.stdin.write(`${order}\n`);
    const { value } = await this.answers.next();
    if (value !== `${order}: done`) throw new Error(`redis.sh says ${String(value)} to ${order}`);
  }
}

/** A port that was free a moment ago: Redis takes no port 0, and replicas no socket. */
export async function freePort(): Promise<string> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return String(port);
}

/** An address that leads to one server, and then to another. */
export class Relay {
  readonly #open = new Set<Socket>();
  #target = "";

  private constructor(
    private readonly folder: string,
    private readonly listener: Server,
  ) {}

  static async to(server: RedisServer): Promise<Relay> {
    const folder = await mkdtemp(join(tmpdir(), "doorkey-edge-"));
    const listener = createServer();
    const relay = new Relay(folder, listener);
    relay.turnTo(server);
    listener.on("connection", (near) => {
      const far = connect(relay.#target);
      for (const socket of [near, far]) {
        relay.#open.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => [near, far].forEach((one) => (relay.#open.delete(one), one.destroy())));
      }
      near.pipe(far).pipe(near);
    });
    listener.listen(relay.path);
    await once(listener, "listening");
    return relay;
  }

  get path(): string {
    return join(this.folder, "socket");
  }

  /** Breaks off what leads elsewhere. */
  turnTo(server: RedisServer): void {
    this.#target = server.path;
    this.#open.forEach((socket) => socket.destroy());
  }

  async close(): Promise<void> {
    this.#open.forEach((socket) => socket.destroy());
    this.listener.close();
    await rm(this.folder, { recursive: true });
  }
}
