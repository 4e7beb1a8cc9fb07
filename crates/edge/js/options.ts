import { engine } from "./engine.js";
import type { DoorkeyError } from "./error.js";
import type { VerifierOptions } from "./types.js";

/** What an option has to be, in words, and whether a value is that. */
type Form = readonly [words: string, fits: (value: unknown) => boolean];

const isFunction = (value: unknown) => typeof value === "function";
const has = (method: string) => (value: unknown) => isFunction((value as Record<string, unknown> | null | undefined)?.[method]);

/** Those of a verifier that Rust never gets to see. */
const OF_A_VERIFIER: Readonly<Record<string, Form>> = {
  replay: ["a store with a method mark, as redisReplayStore makes one", has("mark")],
  clock: ["a function that returns milliseconds, as Date.now does", isFunction],
  random: ["a function that fills an array with random bytes", isFunction],
  fetch: ["a function that is called as globalThis.fetch is", isFunction],
};

const OF_A_MIDDLEWARE: Readonly<Record<string, Form>> = {
  cors: ["true or false", (value) => typeof value === "boolean"],
  onRefused: ["a function that takes a DoorkeyError", isFunction],
};

/** Of the directory, which nobody has without a credential: then nothing grows old, and no key is limited to networks. */
const OF_A_DIRECTORY = ["maxStaleness", "trustedProxies"];

/** The options of a verifier; throws `invalid_input` where those that are no rules for Rust make no sense. */
export function readOptions(options: unknown): Partial<VerifierOptions> {
  // JavaScript may leave them out: Rust says what is missing then.
  const given: Partial<VerifierOptions> = asObject(options ?? {});
  check(given, OF_A_VERIFIER);
  if ("credential" in given) {
    const { credential } = given as { credential?: unknown };
    // Without one a verifier goes on, and takes what was revoked: a variable that is not set must not lead there.
    if (credential == null || credential === "") throw invalid("credential: there is none; is its variable set?");
    if (typeof credential !== "string") throw invalid("credential: a string");
    return given;
  }
  const vain = OF_A_DIRECTORY.find((name) => valueOf(given, name) != null);
  if (vain !== undefined) throw invalid(`${vain}: it does nothing without credential, with which a verifier follows the issuer`);
  return given;
}

/** Throws `invalid_input` for what a middleware would stumble over with each request, or never look at. */
export function checkMiddleware(verifier: unknown, options: unknown): void {
  if (!has("verify")(verifier)) throw invalid("verifier: doorkey takes what createVerifier returns");
  const given = asObject(options);
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(OF_A_MIDDLEWARE, name));
  if (unknown !== undefined) throw invalid(`${unknown}: there is no such option`);
  check(given, OF_A_MIDDLEWARE);
}

/**
 * Options for Rust, which refuses those that it does not know, with a value or without. What JSON would drop or turn into
 * `null`, and so into an option that was not given, it gets as a text, and refuses for that; and so what JSON cannot hold.
 */
export function toJson(options: object): string {
  const entries = Object.entries(options).map(([name, value]) => [name, isJson(value) ? (value ?? null) : "no JSON"]);
  return JSON.stringify(Object.fromEntries(entries), keep);
}

function keep(_: string, value: unknown): unknown {
  const isLost = typeof value === "number" ? !Number.isFinite(value) : ["bigint", "function", "symbol"].includes(typeof value);
  return isLost ? String(value) : value;
}

/** A client of Redis, as whatever option, goes round in circles. */
function isJson(value: unknown): boolean {
  try {
    JSON.stringify(value, keep);
    return true;
  } catch {
    return false;
  }
}

function asObject(options: unknown): object {
  if (typeof options !== "object" || options === null) throw invalid("the options: an object");
  return options;
}

/** What is `null` was not given, as in Rust. */
function check(options: object, forms: Readonly<Record<string, Form>>): void {
  for (const [name, [words, fits]] of Object.entries(forms)) {
    const value = valueOf(options, name);
    if (value != null && !fits(value)) throw invalid(`${name}: ${words}`);
  }
}

function valueOf(options: object, name: string): unknown {
  return (options as Record<string, unknown>)[name];
}

function invalid(detail: string): DoorkeyError {
  return engine().refusal("invalid_input", detail);
}
