import type { Checker } from "../dist/doorkey_edge.js";
import { readStream } from "./body.js";
import type { Ambient, Engine } from "./engine.js";

/** How long one fetch may take, in milliseconds. */
const TIMEOUT = 5000;

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A fetch under way. */
interface Flight {
  landed: Promise<void>;
  since: number;
}

/** Fetches the issuer's keys, once for however many ask. When that is, Rust says. */
export class Keys {
  readonly #engine: Engine;
  readonly #checker: Checker;
  readonly #now: Ambient["now"];
  readonly #fetch: Fetch;
  #flight: Flight | undefined;

  constructor(engine: Engine, checker: Checker, now: Ambient["now"], fetch: Fetch) {
    this.#engine = engine;
    this.#checker = checker;
    this.#now = now;
    this.#fetch = fetch;
  }

  /** Waits until it is known whether the issuer publishes a key; throws unless it does. */
  async find(kid: string): Promise<void> {
    for (let flight = this.#current(); flight; flight = this.#current()) await flight.landed;
    if (this.#engine.run(() => this.#checker.shouldAsk(kid, this.#now()))) await this.#depart().landed;
    this.#engine.run(() => this.#checker.lookFor(kid));
  }

  /** Fetches keys anew that have grown old, if nobody does. */
  async refresh(): Promise<void> {
    const isDue = this.#engine.run(() => this.#checker.areKeysDue(this.#now()));
    if (isDue && !this.#current()) await this.#depart().landed;
  }

  /** The fetch under way. One that does not end went down with the request that began it. */
  #current(): Flight | undefined {
    const flight = this.#flight;
    return flight && Math.abs(performance.now() - flight.since) <= TIMEOUT ? flight : undefined;
  }

  #depart(): Flight {
    const flight = { landed: this.#land(), since: performance.now() };
    this.#flight = flight;
    void flight.landed.finally(() => {
      if (this.#flight === flight) this.#flight = undefined;
    });
    return flight;
  }

  async #land(): Promise<void> {
    const document = await this.#download().catch(() => undefined);
    try {
      this.#engine.run(() => this.#checker.noteKeys(document, this.#now()));
    } catch {
      // A broken instance: whoever asks it next hears of it.
    }
  }

  async #download(): Promise<Uint8Array> {
    const url = this.#engine.run(() => this.#checker.jwksUrl);
    const limit = this.#engine.run((glue) => glue.maxJwksLength());
    const signal = AbortSignal.timeout(TIMEOUT);
    const response = await this.#fetch(url, { redirect: "manual", signal, headers: { accept: "application/json" } });
    if (response.status !== 200 || !response.body) throw new TypeError(`${url} answers ${response.status}`);
    const refuse = (why: string) => new TypeError(`${url}: ${why}`);
    return readStream(response.body, { limit, within: TIMEOUT, refuse });
  }
}
