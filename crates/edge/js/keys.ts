import { outlivesRequests } from "#platform";
import type { Checker } from "../dist/doorkey_edge.js";
import { readStream } from "./body.js";
import type { Ambient, Engine } from "./engine.js";
import type { Fetch } from "./exchange.js";
import { inTime } from "./in-time.js";

/** How long one fetch may take, in milliseconds. */
const TIMEOUT = 5000;

/** A fetch under way. */
interface Flight {
  landed: Promise<void>;
  since: number;
}

/** Fetches the issuer's keys, once for however many ask. When that is, Rust says. */
export class Keys {
  readonly #engine: Engine;
  readonly #checker: Checker;
  readonly #ambient: Ambient;
  readonly #fetch: Fetch;
  #flight: Flight | undefined;

  constructor(engine: Engine, checker: Checker, ambient: Ambient, fetch: Fetch) {
    this.#engine = engine;
    this.#checker = checker;
    this.#ambient = ambient;
    this.#fetch = fetch;
  }

  /** Waits until it is known whether the issuer publishes a key; throws unless it does. */
  async find(kid: string): Promise<void> {
    for (let flight = this.#current(); flight; flight = this.#current()) await flight.landed;
    const now = this.#ambient.now();
    if (this.#engine.run(() => this.#checker.shouldAsk(kid, now))) await this.#depart().landed;
    this.#engine.run(() => this.#checker.lookFor(kid));
  }

  /** Fetches keys anew that have grown old, if nobody does. It waits for them where nothing outlives a request. */
  async refresh(): Promise<void> {
    const now = this.#ambient.now();
    const isDue = this.#engine.run(() => this.#checker.areKeysDue(now));
    if (!isDue || this.#current()) return;
    const { landed } = this.#depart();
    if (!outlivesRequests) await landed;
  }

  /** The fetch under way. One that does not end went down with the request that began it. */
  #current(): Flight | undefined {
    const flight = this.#flight;
    return flight && Math.abs(this.#ambient.monotonic() - flight.since) <= TIMEOUT ? flight : undefined;
  }

  #depart(): Flight {
    const flight = { landed: this.#land(), since: this.#ambient.monotonic() };
    this.#flight = flight;
    void flight.landed.finally(() => {
      if (this.#flight === flight) this.#flight = undefined;
    });
    return flight;
  }

  async #land(): Promise<void> {
    const aborting = new AbortController();
    const late = () => {
      aborting.abort();
      return new Error("the issuer's keys did not arrive in time");
    };
    const document = await inTime(this.#download(aborting.signal), TIMEOUT, late).catch(() => undefined);
    try {
      const now = this.#ambient.now();
      this.#engine.run(() => this.#checker.noteKeys(document, now));
    } catch {
      // A broken instance: whoever asks it next hears of it.
    }
  }

  async #download(signal: AbortSignal): Promise<Uint8Array> {
    const url = this.#engine.run(() => this.#checker.jwksUrl);
    const limit = this.#engine.run((glue) => glue.maxJwksLength());
    const response = await this.#fetch(url, { redirect: "manual", signal, headers: { accept: "application/json" } });
    const refuse = (why: string) => new Error(`${url}: ${why}`);
    // A fetch of the caller's may care for no signal.
    if (signal.aborted || response.status !== 200 || !response.body) {
      // A body that nobody reads holds its connection.
      void response.body?.cancel().catch(() => {});
      throw refuse(`answers ${response.status}`);
    }
    let left = limit;
    const take = (bytes: number) => {
      left -= bytes;
      if (left < 0) throw refuse("too_large");
    };
    return readStream(response.body, { within: TIMEOUT, take, refuse });
  }
}
