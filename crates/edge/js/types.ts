import type { DoorkeyError } from "./error.js";
import type { Principal } from "./principal.js";

/** What {@link createVerifier} needs to know. */
export interface VerifierOptions {
  /** The issuer's origin, `https://keys.example.com`; plain http for loopback hosts alone. */
  issuer: string;
  /** The public origin of this API, or all of them; which one a request is for, its host chooses among these. */
  audience: string | readonly string[];
  /**
   * The verifier's credential, `vk_…`, a secret: `doorkey verifiers add` prints it. With it the verifier follows the issuer's
   * directory: it takes secret keys, keeps what restricts each key, refuses what was revoked, and reports what keys are used for.
   *
   * Where it is given as `undefined`, from a variable that is not set, `createVerifier` throws.
   */
  credential?: string | undefined;
  /**
   * For how many seconds the verifier goes by the same copy of the directory, and so by when at the latest it refuses a key that
   * was revoked; 10 unless given, 1 to 3600. With `credential` alone.
   */
  maxStaleness?: number;
  /**
   * The addresses and networks of the proxies in front, whose `X-Forwarded-For` is believed: `["10.0.0.0/8"]`. Nobody's is
   * unless given. With `credential` alone.
   */
  trustedProxies?: readonly string[];
  /** How far clocks may be apart, in seconds; 30 unless given, at most 60. */
  skew?: number;
  /** Takes keys of one environment alone. */
  environment?: "live" | "test";
  /** Takes keys of one workspace alone: the ids `org_…` and `wsp_…`. */
  workspace?: { organization: string; workspace: string };
  /** The most bytes of a body; 10 MiB unless given. A body is held in memory while its request is verified. */
  maxBodyBytes?: number;
  /**
   * The most bytes of all bodies that are read at once, more are refused with `rate_limited`; 256 MiB unless given, 32 MiB in
   * workerd. The bodies of `Request`s take twice as much, for they stay readable.
   */
  maxBodiesBytes?: number;
  /**
   * How many accepted requests are remembered at once, more are refused with `replay_capacity`; 4,000,000 unless given, which
   * are some 240 MB, and 100,000 in workerd.
   */
  replayCapacity?: number;
  /** Memory of accepted requests that several processes share. Without it each process knows of its own alone. */
  replay?: ReplayStore;
  /** Milliseconds since the epoch; `Date.now` unless given. */
  clock?: () => number;
  /** Fills an array with random bytes; `crypto.getRandomValues` unless given. */
  random?: (bytes: Uint8Array<ArrayBuffer>) => unknown;
  /** Asks the issuer instead of `globalThis.fetch`: for its keys or its directory, and to report usage. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/**
 * Remembers accepted requests for several verifiers. `redisReplayStore` makes one; this is what another must keep to, or a
 * request can be accepted twice:
 *
 * 1. Of all calls with the same `id`, by whichever process, at most one resolves with `true`: look and entry are one step, as
 *    an insert under a unique key is. It does so once the entry has outlived whatever may happen to the store, such as
 *    a failover to a replica.
 * 2. An entry stays for two minutes beyond `until`, by the store's own clock: other verifiers may allow for a minute more of
 *    skew, and clocks are not equal. A store whose clock may be further off compares `until` with its own, refuses with
 *    `expired` what has passed, and has entries go by that clock.
 * 3. A store that may have lost entries refuses with `before` what was made before the loss, or in the seconds after it that
 *    a signer's clock may be ahead, until no such proof holds any more; for 7 minutes it may simply reject.
 */
export interface ReplayStore {
  /**
   * Remembers a proof; resolves with `true` for the first call with its id, anywhere, and with `false` for all others.
   *
   * The verifier refuses with `replay_store_unavailable` when this rejects, or resolves with anything that it should not.
   * What it rejects with is the error's `cause`.
   */
  mark(proof: UsedProof): Promise<ReplayAnswer>;
}

/** A proof that is used up by its request. */
export interface UsedProof {
  /** What tells it from all others: 68 characters, the key's thumbprint and the nonce in base64url and a dot in between. */
  id: string;
  /** When it was made, by its signer's clock, in Unix seconds. */
  created: number;
  /** Until when this verifier would take it, its skew included, in Unix seconds. */
  until: number;
}

/** Whether a proof is new, or why nobody can say. */
export type ReplayAnswer = boolean | ReplayRefusal;

/** Why a store takes a proof neither for a new one nor for one that was used. */
export interface ReplayRefusal {
  /**
   * With `window_invalid` is refused what was made too far `ahead` of the store's clock, has `expired` by it, or was made
   * `before` the store can vouch; with `replay_store_unavailable` what comes in a `pause`, in which it can vouch for nothing.
   */
  reason: "ahead" | "expired" | "before" | "pause";
  /** How long the pause lasts, in seconds. */
  retryAfter?: number;
  /** What only the operator should know: it becomes the error's `cause`. */
  cause?: unknown;
}

/** A request as it came over the wire, for servers that do not have the Fetch standard's. */
export interface RawRequest {
  /** The method, `req.method`. */
  method: string;
  /** The raw path and query, before any router has looked at it: `req.url`. */
  target: string;
  /** All headers, in order, none of them joined. */
  headers: readonly (readonly [name: string, value: string])[];
  /**
   * The body; nothing for none, and then `headers` must not announce one. A function is called once all that can be known
   * without the body is in order, and says with {@link Bounds.take} how much has come.
   */
  body?: Uint8Array | ((bounds: Bounds) => Promise<Uint8Array>);
  /** The host and port that the client named; that of the `Host` header or of HTTP/2's `:authority` unless given. */
  authority?: string;
  /** The IP address at the other end of the connection, `req.socket.remoteAddress`: see {@link Connection.peer}. */
  peer?: string | undefined;
}

/** What a request's connection is known by. */
export interface Connection {
  /**
   * The IP address at its other end. Without one a key that is limited to networks is refused (`ip_not_allowed`). It must be
   * the connection's own, and not what a header says, unless something in front has set that header for every request.
   */
  peer?: string | undefined;
}

/** What a body has to keep to. */
export interface Bounds {
  /** The most bytes. */
  limit: number;
  /**
   * For how many milliseconds the verifier waits for the whole of it at most. It waits for 60 seconds, and for one more for
   * each 8 KiB that {@link take} has told it of.
   */
  within: number;
  /**
   * Whether the body is part of what was signed. That of a request which shows a secret key is not: nothing is compared, and
   * what is left unread here somebody else may read.
   */
  isCovered: boolean;
  /** Takes note of bytes that have come; throws what to reject with when there are more than there may be. */
  take(bytes: number): void;
  /** The error to reject with. */
  refuse(why: "too_large" | "too_late" | "cut_off", cause?: unknown): Error;
}

/** Checks requests. */
export interface Verifier {
  /**
   * Resolves with who calls, once the request is accepted: each is accepted once.
   *
   * The body of a `Request` stays readable; it must not have been read before.
   *
   * Rejects with a {@link DoorkeyError}, whose `toResponse()` is the response to send.
   */
  verify(request: Request | RawRequest, connection?: Connection): Promise<Principal>;
}

/** How a middleware behaves. */
export interface MiddlewareOptions {
  /** Answers preflights and lets pages of all origins read responses, as their sessions allow; `true` unless given. */
  cors?: boolean;
  /**
   * Hears of each request that is refused, to log it; nothing is logged by itself. Why the issuer's directory could not be had,
   * for one, stands in `error.cause`: that is for nobody but you.
   */
  onRefused?: (error: DoorkeyError) => void;
}
