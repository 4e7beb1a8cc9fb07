import { abortable } from "./abort.js";
import { INVALID_INPUT, MALFORMED_KEY, WRONG_KEY_KIND } from "./error-code.js";
import { refusal } from "./error.js";
import { parseKeyString } from "./key-string.js";
import { makeKeyPair, type KeyPair } from "./key-pair.js";
import { begin, type Loader } from "./load.js";
import { mint, type Minted, type Send } from "./mint.js";
import type { Calls } from "./rest/calls.js";
import type { Client, ClientOptions, Session, SignUrlOptions, UploadOptions } from "./types.js";
import { onlyKnown, toUpload } from "./upload.js";

/** What is there before the rest of the SDK: the key pair and the first mint, which leave while the rest is on its way. */
export class PageClient implements Client {
  readonly #options: ClientOptions;
  readonly #issuer: string;
  readonly #loader: Loader;
  /** Until the first mint waits for somebody else. */
  readonly #waiting: Promise<void>;
  #onWait = () => {};
  #keyPair: Promise<KeyPair> | undefined;
  #first: Promise<Minted> | undefined;
  #calls: Promise<Calls> | undefined;
  #made: Calls | undefined;
  #link: Element | undefined;

  constructor(options: ClientOptions, loader: Loader) {
    const text = read(() => checkOptions(options));
    if (typeof text !== "string") {
      throw refusal(MALFORMED_KEY, "publishableKey is no text: is the variable that it comes from set in this build?");
    }
    if (/^([^_]*_)?[sv]k_/.test(text)) throw refusal(WRONG_KEY_KIND, "a secret stands where a publishable key belongs");
    const key = parseKeyString(text);
    if (key?.issuer === undefined) throw refusal(MALFORMED_KEY, "this is no publishable key");
    this.#options = { ...options };
    this.#issuer = key.issuer;
    this.#loader = loader;
    this.#waiting = new Promise((resolve) => (this.#onWait = resolve));
  }

  fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = read(() => new Request(input, init));
    const { signal } = request;
    signal.throwIfAborted();
    const calls = await abortable(this.#begin(request.url), signal);
    return calls.fetch(request, init?.body ?? undefined);
  };

  upload = async (input: string | URL, options: UploadOptions): Promise<Response> => {
    const upload = read(() => toUpload(input, options));
    const { signal } = upload.request;
    signal.throwIfAborted();
    const calls = await abortable(this.#begin(upload.request.url), signal);
    return calls.upload(upload);
  };

  signUrl = async (input: string | URL, options?: SignUrlOptions): Promise<string> => {
    const { expiresIn = 60, ...unknown } = options ?? {};
    const { url } = read(() => {
      onlyKnown(unknown, "signUrl");
      return new Request(input);
    });
    return (await this.#begin()).signUrl(url, expiresIn);
  };

  session = async (): Promise<Session> => (await this.#begin()).session();

  /**
   * The rest of the SDK, on its way since the first call; rejects as the first mint does for all who waited for it.
   * Where a request waits for it, the browser gets ready for `url` meanwhile.
   */
  #begin(url?: string): Promise<Calls> {
    this.#calls ??= this.#makeCalls().catch((error: unknown) => {
      this.#calls = undefined;
      throw error;
    });
    if (url && !this.#made) void this.#waiting.then(() => (this.#link ??= connect(url)));
    return this.#calls;
  }

  async #makeCalls(): Promise<Calls> {
    if (this.#made) return this.#made;
    const first = (this.#first ??= this.#mint());
    let failure: unknown;
    // It is for whoever takes this one up, and the next attempt is another.
    const failed = first.catch((error: unknown) => {
      failure = error;
      this.#first = undefined;
    });
    // It comes in while the key pair is made, and is compiled once the mint is on its way.
    const rest = this.#loader.rest();
    rest.catch(() => {});
    await Promise.race([this.#waiting, failed]);
    const { Calls } = await begin(rest).catch(async (error: unknown) => {
      // Without a network neither comes, and the mint's failure says so.
      if (globalThis.navigator?.onLine === false) await failed;
      throw failure ?? error;
    });
    this.#made = new Calls(await this.#key(), {
      mint: () => this.#mint(),
      send: this.#send,
      hasOwnFetch: this.#options.fetch !== undefined,
    });
    await this.#made.begin(first);
    return this.#made;
  }

  async #mint(): Promise<Minted> {
    const { publishableKey, grant } = this.#options;
    const [issuer, onWait] = [this.#issuer, this.#onWait];
    return mint({ publishableKey, issuer, grant, onWait }, await this.#key(), this.#send);
  }

  #key(): Promise<KeyPair> {
    const { custody = "auto" } = this.#options;
    this.#keyPair ??= makeKeyPair(custody, () => begin(this.#loader.curve()), this.#onWait).catch((error: unknown) => {
      this.#keyPair = undefined;
      throw error;
    });
    return this.#keyPair;
  }

  readonly #send: Send = (request) => (this.#options.fetch ?? globalThis.fetch)(request);
}

/** Has a page's browser connect to where a request will go: that takes as long as the mint, and needs nothing of it. */
function connect(url: string): Element | undefined {
  const link = globalThis.document?.createElement("link");
  if (!link) return undefined;
  Object.assign(link, { rel: "preconnect", crossOrigin: "", href: new URL(url).origin });
  document.head?.append(link);
  return link;
}

/** JavaScript may leave options out, misspell them, and give them as anything; yields what stands for the key. */
function checkOptions(options: ClientOptions | undefined): unknown {
  if (typeof options === "string") throw new TypeError("createClient takes options: { publishableKey }");
  const { publishableKey, custody = "auto", grant, fetch, ...unknown } = (options ?? {}) as Partial<ClientOptions>;
  onlyKnown(unknown, "createClient");
  if (!/^(auto|webcrypto|wasm)$/.test(custody)) throw new TypeError("custody is auto, webcrypto or wasm");
  if ([grant, fetch].some((one) => one && typeof one !== "function")) throw new TypeError("grant and fetch are functions");
  return publishableKey;
}

/** Arguments as a browser reads them. */
function read<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw refusal(INVALID_INPUT, cause instanceof Error ? cause.message : "this is no request", cause);
  }
}
