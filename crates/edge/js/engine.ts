import { bind } from "#glue";
import { loadModule } from "#platform";
import type { Refused } from "../dist/doorkey_edge.js";
import { VERIFIER_UNAVAILABLE, type ErrorCode } from "./error-code.js";
import { DoorkeyError, type Report } from "./error.js";

type Glue = ReturnType<typeof bind>;

/** Fills an array with random bytes. */
export type Random = (bytes: Uint8Array<ArrayBuffer>) => unknown;

/** @internal What the platform provides. */
export interface Ambient {
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds by a clock that nobody sets. */
  monotonic: () => number;
  random: Random;
}

/** @internal The platform's own. */
export const ambient: Ambient = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: (bytes) => crypto.getRandomValues(bytes),
};

/** @internal `length` random bytes. It calls what the caller has given, and so stands outside of {@link Engine.run}. */
export function draw({ random }: Ambient, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  random(bytes);
  return bytes;
}

let compiled: WebAssembly.Module | undefined;

/**
 * @internal One instance of the WebAssembly module, which is thrown away once anything in it went wrong: after a panic its
 * memory is in no known state, and nothing that it says counts any more.
 */
export class Engine {
  readonly #glue: Glue;
  readonly #ambient: Ambient;
  #failure: { cause: unknown } | undefined;

  /** Throws `verifier_unavailable` where the module cannot be loaded. */
  constructor(ambient: Ambient) {
    this.#ambient = ambient;
    try {
      compiled ??= loadModule();
      this.#glue = bind();
      this.#glue.initSync({ module: compiled });
    } catch (cause) {
      throw unavailable(ambient, "the verifier's WebAssembly module cannot be loaded", cause);
    }
  }

  /** Whether it must not be asked any more. */
  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * Has Rust do something: what it refuses is thrown as a {@link DoorkeyError}, and so is its failure. Nothing of the caller's
   * is called in here, so that whatever else is thrown is the instance's.
   */
  run<T>(work: (glue: Glue) => T): T {
    if (this.#failure) throw this.#fail(this.#failure.cause);
    try {
      return work(this.#glue);
    } catch (error) {
      if (error instanceof this.#glue.Refused) throw this.#read(error);
      // The glue cannot hand over what has another type than it should: Rust has not begun yet. A trap is no TypeError.
      if (error instanceof TypeError) throw this.refusal("invalid_input", "an argument is of the wrong type", error);
      throw this.#fail(error);
    }
  }

  /** The error for something that is found in here. */
  refusal(code: ErrorCode, detail: string, cause?: unknown): DoorkeyError {
    return this.refusalBy((glue) => glue.refuse(code, detail), cause);
  }

  /** The same, in Rust's words. */
  refusalBy(refuse: (glue: Glue) => Refused, cause?: unknown): DoorkeyError {
    try {
      return this.run((glue) => this.#read(refuse(glue), cause));
    } catch (failure) {
      return failure as DoorkeyError;
    }
  }

  #read(refused: Refused, cause?: unknown): DoorkeyError {
    // At a worker's global scope there is no randomness, and what the caller has given may throw: the refusal counts.
    const random = attempt(() => draw(this.#ambient, 12), new Uint8Array(12));
    const now = attempt(this.#ambient.now, 0);
    try {
      const json = refused.toJson(random, now);
      refused.free();
      return new DoorkeyError(JSON.parse(json) as Report, cause);
    } catch (failure) {
      return this.#fail(failure);
    }
  }

  #fail(cause: unknown): DoorkeyError {
    this.#failure ??= { cause };
    return unavailable(this.#ambient, "the verifier has failed; the next request gets another instance", cause);
  }
}

let common: Engine | undefined;

/** @internal The instance for what needs no verifier. */
export function engine(): Engine {
  if (!common || common.isBroken) common = new Engine(ambient);
  return common;
}

/** The one refusal that must do without Rust. */
function unavailable({ now }: Ambient, detail: string, cause: unknown): DoorkeyError {
  const { code, status, title, hint } = VERIFIER_UNAVAILABLE;
  const id = attempt(() => crypto.randomUUID(), "00000000-0000-0000-0000-000000000000");
  const request_id = `req_${id.replaceAll("-", "").slice(0, 16)}`;
  const server_time = Math.floor(attempt(now, 0)) / 1000;
  const problem = { type: `urn:doorkey:error:${code}`, title, status, detail, code, hint, request_id, server_time };
  const headers: [string, string][] = [
    ["content-type", "application/problem+json"],
    ["cache-control", "no-store"],
    ["x-request-id", request_id],
    ["retry-after", "1"],
  ];
  const body = JSON.stringify(problem);
  return new DoorkeyError({ code, status, hint, message: detail, request_id, retry_after: 1, headers, body }, cause);
}

function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}
