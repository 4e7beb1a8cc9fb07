import { outlivesRequests } from "#platform";
import { readPieces, readStream } from "./body.js";
import { inTime } from "./in-time.js";
import type { VerifierOptions } from "./types.js";

/**
 * For how many milliseconds the issuer may be silent; natively it is the same. Where a refresh can be lost with its request it
 * is half of what a request waits: who has waited for a lost one has as long for another.
 */
export const SILENCE = outlivesRequests ? 5000 : 2500;

/** Sends a request; the platform's own or the caller's. */
export type Fetch = NonNullable<VerifierOptions["fetch"]>;

/** A request to the issuer, as Rust has signed it: its headers are names and values in turn, each on a line of its own. */
export interface Signed {
  readonly url: string;
  readonly headers: string;
  readonly body?: Uint8Array;
}

/** The issuer's answer, as far as its head. */
export class Answer {
  private constructor(
    readonly status: number,
    private readonly stream: ReadableStream<Uint8Array> | null,
  ) {}

  /** Sends a request and waits for the head of its answer. Rejects unless one comes in time. */
  static async to(signed: Signed, fetch: Fetch): Promise<Answer> {
    const lines = signed.headers.split("\n");
    const headers: [string, string][] = [];
    for (let i = 0; i + 1 < lines.length; i += 2) headers.push([lines[i] ?? "", lines[i + 1] ?? ""]);
    const aborting = new AbortController();
    const { signal } = aborting;
    const init: RequestInit = { redirect: "manual", signal, headers };
    if (signed.body) Object.assign(init, { method: "POST", body: signed.body });
    const answering = fetch(signed.url, init);
    // A fetch of the caller's may care for no signal: what it comes to later would hold its connection.
    const late = () => {
      aborting.abort();
      void answering.then(({ body }) => body?.cancel()).catch(() => {});
      return new Error("the issuer does not answer");
    };
    const { status, body } = await inTime(answering, SILENCE, late);
    return new Answer(status, body);
  }

  /** Hands on the pieces of what follows, for so many milliseconds at most. Rejects unless it comes to its end. */
  async read(within: number, take: (piece: Uint8Array) => void): Promise<void> {
    const refuse = (why: string, cause?: unknown) => new Error(`the issuer's answer: ${why}`, { cause });
    if (this.stream) await readPieces(this.stream, { within, pause: SILENCE, take, refuse });
  }

  /** The document that follows, unless it has more than so many bytes. */
  async document(most: number): Promise<Uint8Array | undefined> {
    if (!this.stream) return undefined;
    let left = most;
    const refuse = (why: string) => new Error(why);
    const take = (bytes: number) => {
      left -= bytes;
      if (left < 0) throw refuse("too_large");
    };
    return readStream(this.stream, { within: SILENCE, take, refuse }).catch(() => undefined);
  }
}
