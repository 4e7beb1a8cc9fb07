import { Core } from "../../dist/wasm/doorkey_browser.js";
import { abortable } from "../abort.js";
import { API_UNAVAILABLE, INVALID_INPUT, ISSUER_UNAVAILABLE, REDIRECT_REFUSED } from "../error-code.js";
import type { KeyPair } from "../key-pair.js";
import { clocks, type Minted, type Send } from "../mint.js";
import type { Session, UploadOptions } from "../types.js";
import { DoorkeyError, refusal } from "./error.js";
import { ofBlob, ofRequest, type Payload } from "./payload.js";
import { toUpload } from "./upload.js";

/** What calls need of the part that was there before them. */
export interface Early {
  mint: () => Promise<Minted>;
  send: Send;
  /** Whether `send` is the page's own, which must see every request. */
  hasOwnFetch: boolean;
}

/** The platform's side of calls: what to wait for, and in which order. Every decision is Rust's. */
export class Calls {
  readonly #core: Core;
  readonly #keyPair: KeyPair;
  readonly #early: Early;
  #minted: Minted | undefined;
  #minting: Promise<Minted> | undefined;
  /** Why the last mint failed. */
  #failure: unknown;

  constructor(first: Promise<Minted>, keyPair: KeyPair, early: Early) {
    this.#core = new Core(keyPair.publicKey);
    this.#keyPair = keyPair;
    this.#early = early;
    void this.#renew(first).catch(() => {});
  }

  /** `source` is the body that the caller gave, if it did: of a `Request` it cannot be told. */
  async fetch(request: Request, source: unknown): Promise<Response> {
    const { signal } = request;
    await abortable(this.#prepare(), signal);
    if (!this.#core.covers(request.url)) return this.#send(request);
    const payload = await (source instanceof Blob ? ofBlob(source, signal, () => {}) : ofRequest(request));
    return this.#call(request, payload, (signed) => this.#send(signed));
  }

  async upload(input: string | URL, options: UploadOptions): Promise<Response> {
    const { request, blob, report, send } = toUpload(input, options, this.#early.send, !this.#early.hasOwnFetch);
    const { signal } = request;
    await abortable(this.#prepare(), signal);
    if (!this.#core.covers(request.url)) throw refusal(INVALID_INPUT, "the session is not for this url");
    const payload = await ofBlob(blob, signal, (loaded) => report("hash", loaded));
    return this.#call(request, payload, (signed) => this.#guard(signed, () => send(signed)));
  }

  async signUrl(url: string, lifetime: number): Promise<string> {
    await this.#prepare();
    // A URL is of no use without its token.
    if (this.#core.covers(url) && !this.#core.outlives(lifetime, ...clocks())) {
      await this.#renew().catch(() => this.#prepare());
    }
    const unsigned = this.#core.prepareUrl(url, lifetime, performance.now());
    return unsigned.finish(await this.#keyPair.sign(unsigned.base()));
  }

  async session(): Promise<Session> {
    const { session_id: id, key_id: keyId, scopes, audience, expires_at } = await this.#prepare();
    const { custody } = this.#keyPair;
    return { id, keyId, scopes: [...scopes], audience: [...audience], expiresAt: new Date(expires_at * 1000), custody };
  }

  /** Signs and sends, and does so once more where that is safe and may help. */
  async #call(request: Request, payload: Payload | undefined, send: Send): Promise<Response> {
    const { signal } = request;
    const attempt = async () => {
      await abortable(this.#prepare(), signal);
      const response = await send(await this.#sign(request, payload));
      if (isRedirect(response)) {
        throw refusal(REDIRECT_REFUSED, "the API answers with a redirect, which no signature covers");
      }
      return response;
    };
    const mayRepeat = Core.isRepeatable(request.method, request.headers);
    let response: Response;
    try {
      response = await attempt();
    } catch (error) {
      const isNetwork = error instanceof DoorkeyError && error.code === API_UNAVAILABLE.code;
      if (!isNetwork || !mayRepeat || globalThis.navigator?.onLine === false) throw error;
      return attempt();
    }
    const wait = Core.retryIn(response.status, codeOf(response), response.headers.get("retry-after") ?? undefined);
    if (wait === undefined || !mayRepeat) return response;
    void response.body?.cancel().catch(() => {});
    await abortable(pass(wait), signal);
    return attempt();
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

  /** Turns what can go wrong on the way into what the caller is told, and takes note of what is refused. */
  async #guard(request: Request, send: () => Promise<Response>): Promise<Response> {
    let response: Response;
    try {
      response = await send();
    } catch (cause) {
      if (request.signal.aborted) throw request.signal.reason;
      throw refusal(API_UNAVAILABLE, "the API cannot be reached, or does not allow this page's origin", cause);
    }
    const code = codeOf(response);
    if (response.status === 401 && code) this.#core.refuse(request.headers.get("authorization") ?? "", code);
    return response;
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

  /** A mint that fails is tried again once, where a server or the network may do better. */
  async #mint(first = this.#early.mint()): Promise<Minted> {
    try {
      return this.#begin(await first.catch((error: unknown) => this.#mintAgain(error)));
    } catch (error) {
      this.#failure = error;
      this.#core.failMint(error instanceof DoorkeyError ? error.retryAfter : undefined, ...clocks());
      globalThis.addEventListener?.("online", this.#goOnline, { once: true });
      throw error;
    }
  }

  async #mintAgain(error: unknown): Promise<Minted> {
    if (!(error instanceof DoorkeyError) || globalThis.navigator?.onLine === false) throw error;
    const isNetwork = error.code === ISSUER_UNAVAILABLE.code && error.cause instanceof TypeError;
    const wait = Core.retryIn(isNetwork ? 0 : error.status, error.code, error.retryAfter?.toString());
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

/** The code of a refusal, as the header of a 401 tells it. */
const codeOf = (response: Response) => /^Doorkey error="(\w+)"/.exec(response.headers.get("www-authenticate") ?? "")?.[1];
