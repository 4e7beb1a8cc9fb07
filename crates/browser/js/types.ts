import type { DoorkeyError } from "./error.js";

/**
 * Where the private key of a session lives.
 *
 * - `"webcrypto"`: a non-extractable WebCrypto key; not even this page can read it.
 * - `"wasm"`: the memory of a WebAssembly module, for browsers whose WebCrypto has no Ed25519.
 * - `"auto"`: the first where the browser has it, else the second.
 */
export type Custody = "auto" | "webcrypto" | "wasm";

/** What `createClient` needs to know. */
export interface ClientOptions {
  /** The publishable key, `pk_live_…` or `pk_test_…`; it also says where the issuer is. */
  publishableKey: string;
  /**
   * Asks your own backend for a grant, a statement that it signs with its secret key: who the end user is, or what this
   * page may do at most. It is called for each session, every few minutes, and a grant is good for one.
   *
   * What it throws is the `cause` of a `DoorkeyError` with the code `grant_unavailable`. That is also what calls reject
   * with if it yields no compact JWS of at most 4096 bytes, or nothing in 30 seconds. It must not call the client that
   * asks for it, which waits for the grant.
   */
  grant?: () => Promise<string>;
  /** Where the private key lives; `"auto"` unless given. */
  custody?: Custody;
  /**
   * Sends mints and calls instead of `globalThis.fetch`; called with one argument, a complete `Request`.
   */
  fetch?: (request: Request) => Promise<Response>;
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

/** How far an upload has come, in bytes of its body. */
export interface UploadProgress {
  /** The body is hashed first, then sent. */
  phase: "hash" | "send";
  /** How many bytes are done in this phase; begins anew where an upload is sent a second time. */
  loaded: number;
  /** How many bytes there are. */
  total: number;
}

/** What {@link Client.upload} sends, and how; read at the call, so that what is changed afterwards changes nothing. */
export interface UploadOptions {
  /** The body; a `Blob`, a `File` and the files of a `FormData` are read piece by piece and never held whole. */
  body: Blob | FormData | URLSearchParams | ArrayBuffer | ArrayBufferView<ArrayBuffer> | string;
  /** `"POST"` unless given. */
  method?: string;
  /** Headers of your own; a `Blob` brings its type along. */
  headers?: HeadersInit;
  /** Ends the upload; it then rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Hears how far it has come; where there is no `XMLHttpRequest`, in a service worker, of the sending only the end.
   * What it throws is the page's own error and does not end the upload.
   *
   * `XMLHttpRequest` cannot be told all that `fetch` can: at the page's own origin cookies go along, and a redirect is
   * refused only after the browser has followed it. A 307 or 308 has it send the body with `Signature`,
   * `Signature-Input`, `Content-Digest` and the headers of your own to the second place; at the same origin with the
   * token, at another one without it, and only if a preflight allows that. The call then rejects with
   * `redirect_refused`, as it does where a service worker answers from another URL. Without `onProgress` no redirect is
   * followed.
   */
  onProgress?: (progress: UploadProgress) => void;
}

/** What {@link Client.signUrl} makes. */
export interface SignUrlOptions {
  /**
   * For how many seconds the URL is good: 1 to 300, and 60 unless given; a fraction is dropped. Where the session's
   * token ends before and no longer one is to be had, the URL ends with the token.
   */
  expiresIn?: number;
}

/** Calls an API in the name of a publishable key. The methods need no `this`: hand them on as they are. */
export interface Client {
  /**
   * `window.fetch`, with a session token and a signature on every request to the session's audience.
   *
   * Takes the same arguments, resolves with any response, 4xx and 5xx included, and rejects with the signal's reason on
   * abort. Requests to other origins go out as they are, without credentials; they wait for a session, too, since only
   * that says which origins are the audience, and are never tried again. A signed request follows no redirect and sends
   * no cookies. A `Blob` or a `File` is hashed piece by piece; any other body is read into memory first.
   *
   * A request whose method is safe, or that has an `Idempotency-Key`, is sent once more, signed anew: if the network
   * broke off, if its token was refused as expired after its first five seconds, and if a 429 or 503 says that five
   * seconds will do. No other request is ever sent twice, and none three times.
   *
   * Rejects with a {@link DoorkeyError}: `api_unavailable` where `fetch` throws a `TypeError`, `redirect_refused`, and
   * where there is no session to be had what the issuer says.
   *
   * @example
   * const response = await client.fetch("https://api.example.com/pictures", { method: "POST", body: file });
   */
  fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

  /**
   * Sends a body that may be large, and tells how far it has come.
   *
   * Hashes it first, then signs. A signature holds for a minute: a verifier refuses with `window_invalid` what has not
   * wholly arrived by then, and in the half more that it allows for clocks.
   *
   * @example
   * await client.upload("https://api.example.com/pictures", { body: file, onProgress: ({ loaded }) => draw(loaded) });
   */
  upload: (input: string | URL, options: UploadOptions) => Promise<Response>;

  /**
   * Signs a URL of the API for what cannot set headers: `<img>`, `EventSource`, `WebSocket`, a download.
   *
   * The URL is good for `GET`, for a minute unless said otherwise, and once: an `EventSource` that connects again needs
   * another. Anyone who sees it can use it in that time. `ws:` and `wss:` URLs stay what they are, and a fragment stays,
   * unsigned: it is never sent.
   *
   * @example
   * image.src = await client.signUrl("https://api.example.com/pictures/1");
   */
  signUrl: (input: string | URL, options?: SignUrlOptions) => Promise<string>;

  /**
   * The current session; mints one if there is none.
   *
   * Rejects with a {@link DoorkeyError} when the issuer refuses or cannot be reached.
   */
  session: () => Promise<Session>;
}
