import { Core } from "../../dist/wasm/doorkey_browser.js";
import { abortable } from "../abort.js";
import {
  API_UNAVAILABLE,
  INVALID_INPUT,
  ISSUER_UNAVAILABLE,
  REDIRECT_REFUSED,
  SDK_UNAVAILABLE,
  type ErrorCode,
} from "../error-code.js";
import type { KeyPair } from "../key-pair.js";
import { clocks, type Minted, type Send } from "../mint.js";
import type { Session } from "../types.js";
import type { Upload } from "../upload.js";
import { DoorkeyError, refusal } from "./error.js";
import { ofBlob, ofRequest, type Payload } from "./payload.js";
import { isTrap, keep } from "./trap.js";
import { toBlob, toProgress } from "./upload.js";

/** What calls need of the part that was there before them. */
export interface Early {
  mint: () => Promise<Minted>;
  send: Send;
  /** Whether `send` is the page's own, which must see every request. */
  hasOwnFetch: boolean;
}

/** Failures of a mint that are the page's own: nothing has reached the issuer, and no wait would help. */
const OWN_FAILURES: ErrorCode[] = ["grant_unavailable", "sdk_unavailable", "invalid_input", "insecure_transport"];

/** The platform's side of calls: what to wait for, and in which order. Every decision is Rust's. */
export class Calls {
  #state: Core | undefined;
  readonly #keyPair: KeyPair;
  readonly #early: Early;
  #minted: Minted | undefined;
  #minting: Promise<Minted> | undefined;
  /** Why the issuer gave no session the last time. */
  #failure: unknown;

  constructor(keyPair: KeyPair, early: Early) {
    this.#keyPair = keyPair;
    this.#early = early;
  }

  /** Takes up the first mint; rejects as it does. */
  begin(first: Promise<Minted>): Promise<Minted> {
    return this.#run(() => this.#renew(first));
  }

  /** `source` is the body that the caller gave, if it did: of a `Request` it cannot be told. */
  fetch(request: Request, source: unknown): Promise<Response> {
    return this.#run(async () => {
      const { signal } = request;
      await abortable(this.#prepare(), signal);
      if (!this.#core.covers(request.url)) return this.#send(request);
      const payload = await (source instanceof Blob ? ofBlob(source, signal, () => {}) : ofRequest(request));
      return this.#call(request, payload, (signed) => this.#send(signed));
    });
  }

  upload(upload: Upload): Promise<Response> {
    return this.#run(async () => {
      const { request, onProgress } = upload;
      const { signal } = request;
      const blob = toBlob(upload);
      const { report, send } = toProgress(blob, onProgress, this.#early.send, !this.#early.hasOwnFetch);
      await abortable(this.#prepare(), signal);
      this.#checkCovers(request.url);
      const payload = await ofBlob(blob, signal, (loaded) => report("hash", loaded));
      return this.#call(request, payload, (signed) => this.#guard(signed, () => send(signed)));
    });
  }

  signUrl(url: string, lifetime: number): Promise<string> {
    return this.#run(async () => {
      await this.#prepare();
      this.#checkCovers(url);
      // A URL is of no use without its token.
      if (!this.#core.outlives(lifetime, ...clocks())) {
        await this.#renew().catch(() => this.#prepare());
      }
      const unsigned = this.#core.prepareUrl(url, lifetime, performance.now());
      return unsigned.finish(await this.#keyPair.sign(unsigned.base()));
    });
  }

  async session(): Promise<Session> {
    const { session_id: id, key_id: keyId, scopes, audience, expires_at } = await this.#run(() => this.#prepare());
    const { custody } = this.#keyPair;
    return { id, keyId, scopes: [...scopes], audience: [...audience], expiresAt: new Date(expires_at * 1000), custody };
  }

  /** Does a call's work; where WebAssembly itself fails in it, later calls go on with another state. */
  async #run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (!isTrap(cause)) throw cause;
      keep(this.#state, cause);
      this.#state = undefined;
      throw refusal(SDK_UNAVAILABLE, "the SDK's WebAssembly module has failed", cause);
    }
  }

  /** Rust's half of the client; one that is made late goes on with the session. */
  get #core(): Core {
    if (this.#state) return this.#state;
    this.#state = new Core(this.#keyPair.publicKey);
    if (this.#minted) this.#begin(this.#minted);
    return this.#state;
  }

  #checkCovers(url: string): void {
    if (this.#core.covers(url)) return;
    const audience = this.#minted?.audience.join(", ");
    throw refusal(INVALID_INPUT, `the issuer's audiences are ${audience}, and ${new URL(url).origin} is none of them`);
  }

  /** Signs and sends, and does so once more where that is safe and may help. */
  async #call(request: Request, payload: Payload | undefined, send: Send): Promise<Response> {
    const { signal } = request;
    const attempt = async () => {
      await abortable(this.#prepare(), signal);
      const signed = await this.#sign(request, payload);
      const response = await send(signed);
      if (isRedirect(response)) {
        throw refusal(REDIRECT_REFUSED, "the API answers with a redirect, which no signature covers");
      }
      return { response, wait: this.#retryIn(response, signed) };
    };
    const mayRepeat = Core.isRepeatable(request.method, request.headers);
    let first: Awaited<ReturnType<typeof attempt>>;
    try {
      first = await attempt();
    } catch (error) {
      const isNetwork = error instanceof DoorkeyError && error.code === API_UNAVAILABLE.code;
      if (!isNetwork || !mayRepeat || globalThis.navigator?.onLine === false) throw error;
      return (await attempt()).response;
    }
    const { response, wait } = first;
    if (wait === undefined || !mayRepeat) return response;
    void response.body?.cancel().catch(() => {});
    await abortable(pass(wait), signal);
    return (await attempt()).response;
  }

  /** Takes note of what is refused; after how many milliseconds the same call may do better, if ever. */
  #retryIn(response: Response, signed: Request): number | undefined {
    const { status, headers } = response;
    if (status !== 401) return Core.retryIn(status, headers.get("retry-after") ?? undefined);
    const authorization = signed.headers.get("authorization") ?? "";
    return this.#core.refuse(authorization, codeOf(response), performance.now()) ? 0 : undefined;
  }

  /** Builds the request that is sent: what the caller asked for, from what was hashed, with its signature. */
  async #sign(request: Request, payload: Payload | undefined): Promise<Request> {
    const headers = new Headers(request.headers);
    const { hashed, isDigest } = payload ?? { hashed: new Uint8Array(), isDigest: false };
    const base = this.#core.prepare(request.method, request.url, headers, hashed, isDigest, performance.now());
    Core.attach(headers, await this.#keyPair.sign(base));
    return new Request(request, {
      headers,
      // Also where a caller's body turned out to be empty: its stream is used up.
      ...(payload && { body: payload.body }),
      // A signature holds for one URL, and nobody but the server it was made for may see it.
      redirect: "manual",
      credentials: "omit",
      // In other modes a request cannot carry the headers.
      mode: request.mode === "same-origin" ? "same-origin" : "cors",
      // An init resets these two.
      referrer: request.referrer,
      referrerPolicy: request.referrerPolicy,
    });
  }

  #send(request: Request): Promise<Response> {
    return this.#guard(request, () => this.#early.send(request));
  }

  /** Turns what can go wrong on the way into what the caller is told. */
  async #guard(request: Request, send: () => Promise<Response>): Promise<Response> {
    try {
      return await send();
    } catch (cause) {
      if (request.signal.aborted) throw request.signal.reason;
      throw refusal(API_UNAVAILABLE, "the API cannot be reached, or does not allow this page's origin", cause);
    }
  }

  /** Yields a session that is in use; waits for a mint only if there is none. */
  #prepare(): Promise<Minted> {
    if (!this.#minted || !this.#core.isUsable(...clocks())) return this.#renew();
    // Nobody waits for a renewal ahead of time, and its failure shows when the session is over.
    if (this.#core.isRenewalDue(...clocks())) void this.#renew().catch(() => {});
    return Promise.resolve(this.#minted);
  }

  /** Gets another session, once for all who wait; rejects with the last failure if it is too soon for another try. */
  #renew(first?: Promise<Minted>): Promise<Minted> {
    if (!this.#minting && !this.#core.mayMint(...clocks())) return Promise.reject(this.#failure);
    this.#minting ??= this.#mint(first).finally(() => (this.#minting = undefined));
    return this.#minting;
  }

  /**
   * A mint that fails is tried again once, where a server or the network may do better; then others wait, if it was the
   * issuer that failed.
   */
  async #mint(first = this.#early.mint()): Promise<Minted> {
    try {
      return this.#begin(await first.catch((error: unknown) => this.#mintAgain(error)));
    } catch (error) {
      if (error instanceof DoorkeyError && !OWN_FAILURES.includes(error.code)) {
        this.#failure = error;
        this.#core.failMint(error.retryAfter, ...clocks());
        globalThis.addEventListener?.("online", this.#goOnline, { once: true });
      }
      throw error;
    }
  }

  async #mintAgain(error: unknown): Promise<Minted> {
    if (!(error instanceof DoorkeyError) || globalThis.navigator?.onLine === false) throw error;
    const isNetwork = error.code === ISSUER_UNAVAILABLE.code && error.cause instanceof TypeError;
    const wait = Core.retryIn(isNetwork ? 0 : error.status, error.retryAfter?.toString());
    if (wait === undefined) throw error;
    await pass(wait);
    return this.#early.mint();
  }

  /** One function, so that it is listened for once, however many mints have failed. */
  readonly #goOnline = () => this.#core.goOnline();

  #begin(minted: Minted): Minted {
    const { token, audience, expires_at, server_time } = minted;
    this.#core.beginSession(token, audience.join(" "), expires_at, server_time, ...minted.clocks);
    return (this.#minted = minted);
  }
}

/** What a browser hides, what it followed against our will, and what Node shows as it is. */
const isRedirect = ({ type, redirected, status }: Response) =>
  type === "opaqueredirect" || redirected || [301, 302, 303, 307, 308].includes(status);

/** Waits so many milliseconds. */
const pass = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The code of a refusal, as the header of a 401 tells it, be it behind the challenge of another scheme; else nothing. */
const codeOf = ({ headers }: Response) =>
  /(?:^|, *)Doorkey error="(\w+)"/.exec(headers.get("www-authenticate") ?? "")?.[1] ?? "";
