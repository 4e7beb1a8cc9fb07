// A Redis of a test's own, which can go away and come back.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export class RedisServer {
  #child: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    private readonly settings: string[],
  ) {}

  /** A server without data; `settings` are further arguments of `redis-server`. */
  static async start(...settings: string[]): Promise<RedisServer> {
    const server = new RedisServer(await mkdtemp(join(tmpdir(), "doorkey-edge-")), settings);
    try {
      await server.start();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** Where it is: on a socket that only this account reaches. */
  get path(): string {
    return join(this.folder, "socket");
  }

  /** Starts it again with what it had saved; resolves once it has read that. */
  async start(): Promise<void> {
    const options = ["--port", "0", "--unixsocket", this.path, "--unixsocketperm", "700", "--save", "", "--dir", this.folder];
    const child = spawn("redis-server", [...options, ...this.settings], { stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    await once(child, "spawn");
    let log = "";
    const ready = new Promise<void>((resolve, reject) => {
      child.stdout.on("data", (piece: Buffer) => {
        log += piece.toString();
        if (log.includes(`eady to accept connections`)) resolve();
      });
      child.once("exit", () => reject(new Error(`redis-server ended:\n${log}`)));
    });
    await ready;
  }

  /** What it has not saved is lost. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
    await rm(this.path, { force: true });
  }

  async forget(): Promise<void> {
    await rm(join(this.folder, "dump.rdb"), { force: true });
  }

  /** Runs a command, as whoever operates the server does. */
  async ask(...command: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("redis-cli", ["-s", this.path, "-e", ...command]);
    return stdout.trim();
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true });
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
