import type { Checker, UsageReport } from "../dist/doorkey_edge.js";
import { draw, type Ambient, type Engine } from "./engine.js";
import { Answer, SILENCE, type Fetch } from "./exchange.js";

/** Tells the issuer what keys were used for. What there is to tell, and how often, Rust says. */
export class Usage {
  readonly #engine: Engine;
  readonly #checker: Checker;
  readonly #ambient: Ambient;
  readonly #fetch: Fetch;
  /** When the report under way began. */
  #since: number | undefined;

  constructor(engine: Engine, checker: Checker, ambient: Ambient, fetch: Fetch) {
    this.#engine = engine;
    this.#checker = checker;
    this.#ambient = ambient;
    this.#fetch = fetch;
  }

  /** Sends what is due, if it is; one report at a time, as they are numbered. It never rejects. */
  async tell(): Promise<void> {
    const since = this.#ambient.monotonic();
    // One of a request that is gone has gone with it.
    if (this.#since !== undefined && Math.abs(since - this.#since) <= 2 * SILENCE) return;
    let report: UsageReport | undefined;
    try {
      const now = this.#ambient.now();
      report = this.#engine.run(() => this.#checker.nextReport(now, since));
      if (!report) return;
      this.#since = since;
      const sent = report;
      const signed = this.#engine.run(() => ({ url: sent.url, headers: sent.headers, body: sent.body }));
      const { status, document } = await this.#send(signed);
      const [random, at] = [draw(this.#ambient, 12), this.#ambient.now()];
      report = undefined;
      // Rust frees it.
      this.#engine.run(() => this.#checker.noteReport(sent, status, document, random, at));
    } catch {
      // A broken instance: what it has counted is lost with it.
    } finally {
      if (this.#since === since) this.#since = undefined;
      if (!this.#engine.isBroken) report?.free();
    }
  }

  async #send(signed: { url: string; headers: string; body: Uint8Array }): Promise<{ status: number; document?: Uint8Array }> {
    try {
      const answer = await Answer.to(signed, this.#fetch);
      const document = await answer.document(this.#engine.run((glue) => glue.maxProblemLength()));
      return { status: answer.status, ...(document && { document }) };
    } catch {
      return { status: 0 };
    }
  }
}
