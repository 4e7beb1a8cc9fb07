import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createClient, DoorkeyError } from "@doorkey/browser";
import { World } from "./world.js";

interface KeyStrings {
  accepted: { name: string; text: string; kind: "pk" | "sk"; issuer?: string }[];
  refused: { name: string; text: string; kind: "pk" | "sk"; code: string }[];
}

interface Signing {
  seed: string;
  created: number;
  stream: string;
  counter: number;
  proofs: {
    name: string;
    method: string;
    url: string;
    authorization: string;
    content_type?: string;
    body?: string;
    content_digest?: string;
    signature_input: string;
    signature: string;
  }[];
}

function read<T>(name: string): T {
  // The bundle of this file stands in dist/test.
  return JSON.parse(readFileSync(new URL(`../../../../tests/vectors/${name}.json`, import.meta.url), "utf8")) as T;
}

test("key strings are read as the vectors say", async () => {
  const { accepted, refused } = read<KeyStrings>("key-strings");
  for (const { name, text, issuer } of accepted.filter(({ kind }) => kind === "pk")) {
    const asked: string[] = [];
    const fetch = async (request: Request): Promise<Response> => {
      asked.push(request.url);
      throw new RangeError("no issuer");
    };
    await assert.rejects(createClient({ publishableKey: text, fetch }).session(), { code: "issuer_unavailable" }, name);
    assert.deepEqual(asked, [`${issuer}/v1/sessions`], name);
  }
  for (const { name, text, code } of refused.filter(({ kind }) => kind === "pk")) {
    const open = async () => createClient({ publishableKey: text }).session();
    await assert.rejects(open, (error) => error instanceof DoorkeyError && error.code === code, name);
  }
});

test("secret keys throw at once, as the vectors have them", () => {
  for (const { name, text } of read<KeyStrings>("key-strings").accepted.filter(({ kind }) => kind === "sk")) {
    assert.throws(() => createClient({ publishableKey: text }), { code: "wrong_key_kind" }, name);
  }
});

test("with the vectors' randomness and time, signatures are the vectors' to the byte", async (context) => {
  const { seed, created, stream, counter, proofs } = read<Signing>("signing");
  context.mock.method(Date, "now", () => created * 1000);
  context.mock.method(performance, "now", () => 0);
  for (const proof of proofs) {
    // The key and the nonces' stream are drawn by WebAssembly, into its memory; what makes a mint unique is not.
    const random = context.mock.method(crypto, "getRandomValues", (bytes: Uint8Array) => {
      const isOurs = bytes.byteLength === bytes.buffer.byteLength;
      bytes.set(Buffer.from(isOurs ? "00".repeat(12) : bytes.length === 32 ? seed : stream, "hex"));
      return bytes;
    });
    const world = new World();
    world.audience = [new URL(proof.url).origin];
    const client = world.client({ custody: "wasm" });
    const token = proof.authorization.replace("Doorkey ", "");
    world.nextMint = () => Response.json({ ...world.session(), token }, { status: 201 });
    for (let i = 0; i < counter; i++) await client.fetch(proof.url);
    const headers = proof.content_type === undefined ? {} : { "content-type": proof.content_type };
    await client.fetch(proof.url, { method: proof.method, headers, body: proof.body ?? null });
    random.mock.restore();

    const { request } = world.calls.at(-1)!;
    assert.equal(request.headers.get("signature-input"), proof.signature_input, proof.name);
    assert.equal(request.headers.get("signature"), proof.signature, proof.name);
    assert.equal(request.headers.get("content-digest"), proof.content_digest ?? null, proof.name);
  }
});
