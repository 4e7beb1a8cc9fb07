// The issuer as operators run it: `doorkey serve` on a folder of its own, which can go away and come back.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

// The bundle of this file stands in dist/test.
const root = fileURLToPath(new URL("../../../../", import.meta.url));
const program = join(resolve(root, process.env["DOORKEY_TARGET"] ?? process.env["CARGO_TARGET_DIR"] ?? "target"), "debug/doorkey");

// The caller's own Doorkey is none of the tests' business.
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("DOORKEY_"))),
  DOORKEY_LOG: "error",
};

const PASSWORD = "correct horse battery staple";
const SETTINGS = `
[[scopes]]
name = "pictures:read"
description = "See pictures"
browser = true
`;

export interface IssuedKey {
  id: string;
  key: string;
  workspace: string;
  last_used_at: number | null;
  leaked_at: number | null;
}

export class House {
  #child: ChildProcess | undefined;
  readonly #gates: ChildProcess[] = [];
  #cookie = "";
  issuer = "";
  publishableKey = "";
  workspace = "";

  private constructor(
    private readonly data: string,
    private readonly audience: string,
  ) {}

  /** Starts an issuer for an API, with one admin who has signed in. */
  static async open(audience: string): Promise<House> {
    const house = new House(await mkdtemp(join(tmpdir(), "doorkey-edge-")), audience);
    try {
      await writeFile(join(house.data, "doorkey.toml"), SETTINGS);
      const ready = await house.#serve("127.0.0.1:0");
      house.issuer = ready["issuer"] ?? "";
      house.publishableKey = ready["publishable_key"] ?? "";
      await house.#setUp(ready["setup_url"] ?? "");
      return house;
    } catch (error) {
      await house.close();
      throw error;
    }
  }

  async #serve(listen: string): Promise<Record<string, string>> {
    const child = this.#begin(["serve", "--listen", listen]);
    this.#child = child;
    return ready(child);
  }

  #begin(args: string[], more: Record<string, string> = {}) {
    const all = [...args, "--json", "--audience", this.audience, "--data", this.data];
    return spawn(program, all, { env: { ...environment, ...more }, stdio: ["ignore", "pipe", "inherit"] });
  }

  async #setUp(link: string): Promise<void> {
    const [, token] = link.split("#token=");
    const admin = { token, email: "ada@example.com", name: "Ada", password: PASSWORD };
    const answer = await this.#send("POST", "/v1/setup", admin);
    this.#cookie = answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    await this.post("/v1/sign-ins/confirm", { password: PASSWORD });
    this.workspace = (await this.#print("keys", "create", "--test", "--secret", "--json")).workspace;
  }

  async #send(method: string, path: string, body?: object): Promise<Response> {
    const headers = { "content-type": "application/json", cookie: this.#cookie };
    const answer = await fetch(this.issuer + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer;
  }

  async #run(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(program, [...args, "--data", this.data], { env: environment });
    return stdout.trim();
  }

  async #print(...args: string[]): Promise<IssuedKey> {
    return JSON.parse(await this.#run(...args)) as IssuedKey;
  }

  /** Posts to the REST API as the admin. */
  async post(path: string, body: object = {}): Promise<unknown> {
    const text = await (await this.#send("POST", path, body)).text();
    return text && (JSON.parse(text) as unknown);
  }

  /** A key of the workspace, a secret one unless told; `key` is the whole of it. */
  async createKey(more: object = {}): Promise<IssuedKey> {
    const wanted = { workspace: this.workspace, kind: "secret", environment: "live", scopes: ["pictures:read"], ...more };
    const { secret, ...created } = (await this.post("/v1/keys", wanted)) as IssuedKey & { secret: string | null };
    return { ...created, key: secret ?? created.key };
  }

  /** What the issuer knows of a key. */
  async show(id: string): Promise<IssuedKey> {
    return (await (await this.#send("GET", `/v1/keys/${id}`)).json()) as IssuedKey;
  }

  /** What a key was used for, as verifiers have reported. */
  async usage(id: string): Promise<{ accepted: number; refused: Record<string, number> }> {
    const { totals } = (await (await this.#send("GET", `/v1/keys/${id}/usage`)).json()) as { totals: never };
    return totals;
  }

  /** A new verifier's credential. */
  async credential(): Promise<string> {
    return this.#run("verifiers", "add", "Pictures API");
  }

  /** Starts a gate, which a front server asks, with a credential and further arguments; the address that it listens on. */
  async gate(credential: string, ...more: string[]): Promise<string> {
    const args = ["gate", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", ...more];
    const child = this.#begin(args, { DOORKEY_VERIFIER: credential });
    this.#gates.push(child);
    return (await ready(child))["address"] ?? "";
  }

  async revokeByHand(id: string): Promise<void> {
    await this.#run("keys", "revoke", id);
  }

  /** The issuer goes away, without a word. */
  async stop(): Promise<void> {
    if (this.#child) await kill(this.#child);
  }

  /** It comes back, where it was. */
  async restart(): Promise<void> {
    await this.#serve(`127.0.0.1:${new URL(this.issuer).port}`);
  }

  async close(): Promise<void> {
    await Promise.all([this.stop(), ...this.#gates.map(kill)]);
    await rm(this.data, { recursive: true });
  }
}

/** What a command says once it is ready. */
async function ready(child: ChildProcess & { stdout: Readable }): Promise<Record<string, string>> {
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`doorkey ended with ${code}`)));
  const [line] = (await Promise.race([once(createInterface(child.stdout), "line"), ended])) as [string];
  ended.catch(() => {});
  return JSON.parse(line) as Record<string, string>;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}
