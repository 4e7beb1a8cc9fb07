// The world around a client: an issuer, an API that verifies, and the platform.
import assert from "node:assert/strict";
import { createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { after } from "node:test";
import { createClient, DoorkeyError, type Client, type ClientOptions } from "@doorkey/browser";

// Whatever the SDK starts has somebody who hears of its end; the runner itself only warns of what comes late.
const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));
after(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
});

export const ISSUER = "http://localhost:7700";
export const API = "https://api.example:8443";
export const KEY = publishableKey("localhost:7700");

/** A key string by the book (DESIGN 3), written a second time: the SDK must read what others write. */
export function publishableKey(issuer: string, prefix = "pk_test_"): string {
  const body = Buffer.concat([Buffer.of(1), Buffer.alloc(16, 7), Buffer.from(issuer)]);
  let crc = ~0;
  for (const byte of Buffer.concat([Buffer.from(prefix), body])) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(~crc >>> 0);
  let rest = BigInt(`0x${Buffer.concat([body, sum]).toString("hex")}`);
  let text = "";
  for (; rest > 0n; rest /= 58n) {
    text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[Number(rest % 58n)] + text;
  }
  return prefix + text;
}

export interface Mint {
  request: Request;
  header: { jwk: { x: string } };
  claims: { publishable_key: string; aud: string; iat: number; jti: string; grant?: string };
}

export interface Call {
  request: Request;
  body: Buffer;
}

/** Answers mints and calls as `fetch` does, and remembers them. */
export class World {
  readonly mints: Mint[] = [];
  readonly calls: Call[] = [];
  /** Seconds that a token lives. */
  lifetime = 300;
  /** The issuer's clock against this machine's, in milliseconds. */
  offset = 0;
  audience = [API];
  /** Answers the next mint instead of the issuer; rejects as a network does if it throws. */
  nextMint: (() => Response | Promise<Response>) | undefined;
  /** Answers every mint, where nothing answers the next. */
  everyMint: (() => Response | Promise<Response>) | undefined;
  answer: (call: Call) => Response | Promise<Response> = () => new Response("ok");

  client(options: Partial<ClientOptions> = {}): Client {
    return createClient({ publishableKey: KEY, fetch: this.fetch, ...options });
  }

  readonly fetch = async (...args: [Request]): Promise<Response> => {
    const [request] = args;
    assert.ok(args.length === 1 && request instanceof Request, "one argument, a Request");
    request.signal.throwIfAborted();
    const url = new URL(request.url);
    if (url.origin === ISSUER && url.pathname === "/v1/sessions") return this.#mint(request);
    const call = { request: request.clone(), body: Buffer.from(await request.arrayBuffer()) };
    this.calls.push(call);
    return this.answer(call);
  };

  now(): number {
    return Date.now() + this.offset;
  }

  async #mint(request: Request): Promise<Response> {
    const body = await request.clone().text();
    const [header, payload, signature] = body.split(".") as [string, string, string];
    const mint: Mint = { request, header: decode(header), claims: decode(payload) };
    assert.ok(isSigned(`${header}.${payload}`, Buffer.from(signature, "base64url"), mint.header.jwk.x));
    this.mints.push(mint);
    const next = this.nextMint;
    this.nextMint = undefined;
    if (next) return next();
    if (this.everyMint) return this.everyMint();
    return Response.json(this.session(), { status: 201 });
  }

  session() {
    const number = this.mints.length;
    return {
      token: `token.number.${number}`,
      expires_at: Math.floor(this.now() / 1000) + this.lifetime,
      server_time: this.now() / 1000,
      session_id: `ses_${number}`,
      key_id: "key_1",
      scopes: ["pictures:read"],
      audience: this.audience,
    };
  }
}

function decode<T>(part: string): T {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as T;
}

export function isSigned(message: string, signature: Buffer, x: string): boolean {
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return verify(null, Buffer.from(message), key, signature);
}

/** Verifies a call by DESIGN 4.3, over a base that is built here, line by line; yields the proof's parameters. */
export function verifyCall({ request, body }: Call, x: string) {
  const url = new URL(request.url);
  const header = (name: string) => request.headers.get(name);
  const input = header("signature-input")?.replace(/^dk=/, "") ?? "";
  const hasBody = body.length > 0;
  const lines = [
    `"@method": ${request.method}`,
    `"@authority": ${url.host}`,
    `"@path": ${url.pathname}`,
    `"@query": ${url.search || "?"}`,
    `"authorization": ${header("authorization")}`,
  ];
  if (hasBody) {
    const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
    assert.equal(header("content-digest"), digest);
    lines.push(`"content-type": ${header("content-type")}`, `"content-digest": ${digest}`);
  } else {
    assert.equal(header("content-digest"), null);
  }
  lines.push(`"@signature-params": ${input}`);
  const names = lines.slice(0, -1).map((line) => line.split(": ")[0]);
  assert.ok(input.startsWith(`(${names.join(" ")});`), input);

  const signature = /^dk=:(.+):$/.exec(header("signature") ?? "")?.[1] ?? "";
  assert.ok(isSigned(lines.join("\n"), Buffer.from(signature, "base64"), x), "the signature verifies");

  const parameter = (name: string) => new RegExp(`;${name}="?([^;"]+)`).exec(input)?.[1] ?? "";
  assert.equal(parameter("keyid"), x);
  assert.equal(parameter("tag"), "doorkey");
  assert.equal(Buffer.from(parameter("nonce"), "base64url").length, 18);
  assert.equal(request.redirect, "manual");
  assert.equal(request.credentials, "omit");
  const [created, expires] = [Number(parameter("created")), Number(parameter("expires"))];
  assert.equal(expires - created, 60);
  return { created, nonce: parameter("nonce"), token: header("authorization") };
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const body = { type: `urn:doorkey:error:${code}`, title: "T", status, detail: "d", code, hint: "h", request_id: "req_1" };
  return Response.json(body, { status, headers: { "content-type": "application/problem+json", ...headers } });
}

/** Holds an error against the code that it must have. */
export const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof DoorkeyError, String(error));
  assert.equal(error.code, expected);
  assert.notEqual(error.hint, "");
  return true;
};

export const random = (bytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(bytes));

/** How the platform readies a WebAssembly module. */
export const platform = {
  compiled: 0,
  failing: false,
  /** What it waits for. */
  held: Promise.resolve(),
};

const { compile } = WebAssembly;
WebAssembly.compile = async (bytes) => {
  // Node has a module of its own for HTTP.
  if (Buffer.isBuffer(bytes)) return compile(bytes);
  platform.compiled += 1;
  await platform.held;
  if (platform.failing) throw new WebAssembly.CompileError("no");
  return compile(bytes);
};

globalThis.fetch = () => assert.fail("the SDK fetches nothing but by the client's own function");
