import type { Core } from "../dist/doorkey_browser.js";
import { abortable } from "./abort.js";
import { clocks } from "./clocks.js";
import { makeSigner, type Signer } from "./custody.js";
import { load } from "./load.js";
import { mint } from "./mint.js";
import { signRequest } from "./sign.js";
import type { Client, ClientOptions, Session } from "./types.js";

/** What exists once a session was minted. */
interface Ready {
  core: Core;
  signer: Signer;
  session: Session;
}

/** The platform's side of a client: what to wait for, and in which order. Every decision is Rust's. */
export class SessionClient implements Client {
  readonly #options: ClientOptions;
  #keys: Promise<Omit<Ready, "session">> | undefined;
  #ready: Ready | undefined;
  #minting: Promise<Ready> | undefined;

  constructor(options: ClientOptions) {
    this.#options = { ...options };
  }

  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const { signal } = request;
    signal.throwIfAborted();
    const { core, signer } = await abortable(this.#prepare(), signal);
    if (!core.covers(request.url)) return this.#send(request);

    const body = await abortable(request.arrayBuffer(), signal);
    await abortable(this.#prepare(), signal);
    const signed = await signRequest(core, signer, request, new Uint8Array(body));
    const response = await this.#send(signed);
    const [, code] = /^Doorkey error="(\w+)"/.exec(response.headers.get("www-authenticate") ?? "") ?? [];
    if (response.status === 401 && code) core.refuse(signed.headers.get("authorization") ?? "", code);
    return response;
  }

  async session(): Promise<Session> {
    const { session } = await this.#prepare();
    return { ...session, scopes: [...session.scopes], audience: [...session.audience] };
  }

  /** Yields a session that is in use; waits for a mint only if there is none. */
  async #prepare(): Promise<Ready> {
    const ready = this.#ready;
    if (!ready?.core.isUsable(...clocks())) return this.#mint();
    if (ready.core.isRenewalDue(...clocks())) void this.#mint();
    return ready;
  }

  /** Mints, once for all who wait; a failure is theirs, and the next call tries again. */
  #mint(): Promise<Ready> {
    this.#minting ??= this.#mintNow().finally(() => (this.#minting = undefined));
    // A renewal ahead of time has nobody who waits, and its failure shows when the session is over.
    this.#minting.catch(() => {});
    return this.#minting;
  }

  async #mintNow(): Promise<Ready> {
    this.#keys ??= this.#makeKeys();
    this.#keys.catch(() => (this.#keys = undefined));
    const keys = await this.#keys;
    const session = await mint(keys.core, keys.signer, this.#send);
    return (this.#ready = { ...keys, session });
  }

  async #makeKeys(): Promise<Omit<Ready, "session">> {
    const RustCore = await load();
    const core = new RustCore(this.#options.publishableKey);
    return { core, signer: await makeSigner(core, this.#options.custody ?? "auto") };
  }

  readonly #send: typeof fetch = (request) => {
    const send = this.#options.fetch ?? globalThis.fetch;
    return send(request);
  };
}
