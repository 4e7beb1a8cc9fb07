// A verifier with a credential and its issuer, both on clocks that go on when a test says so.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock } from "node:test";
import { createVerifier, DoorkeyError, type RawRequest, type VerifierOptions } from "@doorkey/verifier";
import secretKeys from "../../../tests/vectors/secret-keys.json";
import { CREDENTIAL, FakeIssuer, type DirectoryKey } from "./fake-issuer.js";
import { API, ISSUER, World } from "./signer.js";

export const NOW = 1_760_000_000;

const [known] = secretKeys.keys;
assert.ok(known);
/** The secret key of the vectors, as the directory has it. */
export const KEY: DirectoryKey = { id: known.key_id, public_key: known.x };

/** The headers of a vector. */
export const sent = (name: string): [string, string][] =>
  secretKeys.vectors.find((vector) => vector.name === name)?.request.headers as [string, string][];

export const BEARER: RawRequest = { method: "GET", target: "/pictures?limit=10", headers: sent("as a bearer") };
/** Of a key that nobody has. */
export const STRANGER: RawRequest = { ...BEARER, headers: sent("a bearer of an id that nobody has") };

/** Both clocks, in milliseconds. */
export const time = { wall: 0, monotonic: 0 };

export function pass(millis: number): void {
  time.wall += millis;
  time.monotonic += millis;
}

beforeEach(() => {
  Object.assign(time, { wall: NOW * 1000, monotonic: 5_000_000 });
  mock.method(performance, "now", () => time.monotonic);
});
afterEach(() => mock.restoreAll());

/** A verifier that follows an issuer with one key, unless others are given. */
export async function begin(options: Partial<VerifierOptions> = {}, ...keys: DirectoryKey[]) {
  const world = await World.begin(NOW);
  const issuer = new FakeIssuer(JSON.parse(world.jwks), ...(keys.length ? keys : [KEY]));
  const clock = () => time.wall;
  const verifier = createVerifier({ issuer: ISSUER, audience: API, credential: CREDENTIAL, fetch: issuer.fetch, clock, ...options });
  const judge = (request: RawRequest) => verifier.verify(request).then(() => "accepted", codeOf);
  return { world, issuer, verifier, judge };
}

function codeOf(error: unknown): string {
  assert.ok(error instanceof DoorkeyError, String(error));
  return error.code;
}

/** A promise and what settles it. */
export function gate<T = void>() {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { open, opened };
}

/** Lets everything go on that waits for nothing but other promises. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
