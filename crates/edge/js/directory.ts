import { outlivesRequests } from "#platform";
import type { Asked, Checker } from "../dist/doorkey_edge.js";
import type { Ambient, Engine } from "./engine.js";
import { Answer, SILENCE, type Fetch } from "./exchange.js";
import { inTime } from "./in-time.js";

/** For how many milliseconds a request waits for a copy that it can be decided by. */
const PATIENCE = 5000;

/** For how many it waits for the issuer's word on a key that is not known. */
const NEWS = 1500;

/** How long a whole answer may take. That of a million keys takes a while; one that goes on for ever is none. */
const WHOLE = 60_000;

/** A refresh under way. */
interface Flight {
  landed: Promise<void>;
  /** When the issuer was last heard of, or asked. */
  heard: number;
  /** Whether there was a question to ask at all. */
  isAsked: boolean;
}

/**
 * Fetches the issuer's directory, once for however many ask. When that is, and what came of it, Rust says.
 *
 * Nothing happens in between requests: a timer or a stream would keep a process alive, and lives on no platform that stops
 * when it has answered.
 */
export class DirectoryCopy {
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

  /**
   * Sees to it that the copy can be decided by. It waits for one that is too old already, and where nothing outlives a request
   * for one that is going to be.
   */
  async refresh(): Promise<void> {
    const need = this.#need();
    if (need === "soon") {
      if (this.#current()) return;
      const flight = this.#depart();
      if (!outlivesRequests) await this.#wait(flight, this.#ambient.monotonic() + PATIENCE);
    }
    if (need !== "now") return;
    const until = this.#ambient.monotonic() + PATIENCE;
    // One that has failed is no reason to refuse as long as Rust has nothing against another one, and of one that went down
    // with the request that began it nothing more is heard.
    do {
      const flight = this.#current() ?? this.#depart();
      await this.#wait(flight, until);
      if (!flight.isAsked) return;
    } while (this.#ambient.monotonic() < until && this.#need() === "now");
  }

  /**
   * Waits for the issuer's word on a key that was not known at a moment, if that is worth it. Those who come too soon after
   * the last question wait for the next one, which is one for all of them.
   */
  async look(since: number): Promise<void> {
    const until = this.#ambient.monotonic() + NEWS;
    for (;;) {
      for (let flight = this.#current(); flight; flight = this.#current()) {
        if (!(await this.#wait(flight, until))) return;
      }
      const [now, monotonic] = this.#moment();
      const rest = this.#engine.run(() => this.#checker.lookIn(since, now, monotonic));
      if (rest === undefined || monotonic + rest >= until) return;
      if (rest === 0) return void (await this.#wait(this.#depart(), until));
      await new Promise((resolve) => setTimeout(resolve, rest));
    }
  }

  /** What was wrong when the issuer was asked last. */
  get trouble(): string | undefined {
    return this.#engine.run(() => this.#checker.directoryTrouble);
  }

  #need(): string {
    const [now, monotonic] = this.#moment();
    return this.#engine.run(() => this.#checker.directoryNeed(now, monotonic));
  }

  #moment(): [now: number, monotonic: number] {
    return [this.#ambient.now(), this.#ambient.monotonic()];
  }

  /** The refresh under way, unless nothing was heard of it for too long. */
  #current(): Flight | undefined {
    const flight = this.#flight;
    return flight && Math.abs(this.#ambient.monotonic() - flight.heard) < SILENCE ? flight : undefined;
  }

  /** Waits for a refresh until a moment, or until nothing is heard of it; whether it has landed. */
  async #wait(flight: Flight, until: number): Promise<boolean> {
    const landed = flight.landed.then(() => true);
    for (;;) {
      const left = Math.min(until, flight.heard + SILENCE) - this.#ambient.monotonic();
      if (left <= 0) return false;
      const isOver = await inTime(landed, left, () => new Error()).catch(() => false);
      if (isOver) return true;
    }
  }

  #depart(): Flight {
    const flight: Flight = { landed: Promise.resolve(), heard: this.#ambient.monotonic(), isAsked: false };
    this.#flight = flight;
    flight.landed = this.#land(flight).finally(() => {
      if (this.#flight === flight) this.#flight = undefined;
    });
    return flight;
  }

  async #land(flight: Flight): Promise<void> {
    let asked: Asked | undefined;
    try {
      const [now, monotonic] = this.#moment();
      asked = this.#engine.run(() => this.#checker.askDirectory(now, monotonic));
      flight.isAsked = true;
      const { status, document } = await this.#ask(flight, asked);
      const [at, then] = this.#moment();
      const done = asked;
      asked = undefined;
      // Rust frees it, and says by what came whether that was all. Of one that is not the latest it takes no note.
      this.#engine.run(() => {
        if (status === 200) this.#checker.endDirectory(done, at, then);
        else this.#checker.noteRefusal(done, status, document, at, then);
      });
    } catch {
      // What could not be had shows by the age of the copy, and a broken instance to whoever asks it next.
    } finally {
      if (!this.#engine.isBroken) asked?.free();
    }
  }

  /** Asks the issuer; of an answer that is cut off or cannot be read counts that there is none. */
  async #ask(flight: Flight, asked: Asked): Promise<{ status: number; document?: Uint8Array }> {
    const signed = this.#engine.run(() => ({ url: asked.url, headers: asked.headers }));
    try {
      const answer = await Answer.to(signed, this.#fetch);
      flight.heard = this.#ambient.monotonic();
      if (answer.status !== 200) {
        const document = await answer.document(this.#engine.run((glue) => glue.maxProblemLength()));
        return { status: answer.status, ...(document && { document }) };
      }
      await answer.read(WHOLE, (piece) => {
        const [now, monotonic] = this.#moment();
        flight.heard = monotonic;
        this.#engine.run(() => this.#checker.takeLines(asked, piece, now, monotonic));
      });
      return { status: 200 };
    } catch {
      return { status: 0 };
    }
  }
}
