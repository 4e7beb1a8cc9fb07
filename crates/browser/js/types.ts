/**
 * Where the private key of a session lives.
 *
 * - `"webcrypto"`: a non-extractable WebCrypto key; not even this page can read it.
 * - `"wasm"`: the memory of the WebAssembly module, for browsers whose WebCrypto has no Ed25519.
 * - `"auto"`: the first where the browser has it, else the second.
 */
export type Custody = "auto" | "webcrypto" | "wasm";

/** What {@link createClient} needs to know. */
export interface ClientOptions {
  /** The publishable key, `pk_live_…` or `pk_test_…`; it also says where the issuer is. */
  publishableKey: string;
  /** Where the private key lives; `"auto"` unless given. */
  custody?: Custody;
  /**
   * Sends mints and calls instead of `globalThis.fetch`; called with one argument, a complete `Request`.
   */
  fetch?: typeof globalThis.fetch;
}

/** What the issuer granted to this page for the next minutes. */
export interface Session {
  /** The session's id, `ses_…`. */
  id: string;
  /** The id of the publishable key, `key_…`. */
  keyId: string;
  /** What the session may do, `resource:action`. */
  scopes: string[];
  /** The origins whose requests are signed. */
  audience: string[];
  /** When the session ends, by the issuer's clock; it is renewed before. */
  expiresAt: Date;
  /** Where its private key lives. */
  custody: "webcrypto" | "wasm";
}

/** Calls an API in the name of a publishable key. */
export interface Client {
  /**
   * `window.fetch`, with a session token and a signature on every request to the session's audience.
   *
   * Takes the same arguments, resolves with any response, 4xx and 5xx included, and rejects with a `TypeError` where
   * `fetch` does and with the signal's reason on abort. Requests to other origins go out as they are, without
   * credentials. A signed request follows no redirect and sends no cookies; its body is read into memory first.
   *
   * Rejects with a {@link DoorkeyError} when there is no session to be had.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

  /**
   * The current session; mints one if there is none.
   *
   * Rejects with a {@link DoorkeyError} when the issuer refuses or cannot be reached.
   */
  session(): Promise<Session>;
}
