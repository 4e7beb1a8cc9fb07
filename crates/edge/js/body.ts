import type { Bounds } from "./types.js";

/** The pieces as one. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (first && pieces.length === 1) return first;
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** For how many milliseconds a body may pause; natively it is the same. */
const PAUSE = 15_000;

/** @internal For how many milliseconds the whole of a body may be on its way at most; natively it is the same. */
export const WHOLE = 900_000;

/** For how many of them it may be however little comes, and how many bytes give it another one: 8 KiB a second. */
const START = 60_000;
const BYTES_A_MILLI = 8.192;

/** Gives up on a body that is on its way for longer than what has come of it allows. */
export class Allowance {
  #timer: ReturnType<typeof setTimeout>;
  #bytes = 0;

  constructor(
    private readonly within: number,
    private readonly giveUp: () => void,
  ) {
    const first = Math.min(START, within);
    this.#timer = setTimeout(() => this.#look(first), first);
  }

  /** So many bytes more have come. */
  come(bytes: number): void {
    this.#bytes += bytes;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Looks whether it may go on, after so many milliseconds; a timer for each piece would be one for nothing. */
  #look(after: number): void {
    const most = Math.min(this.within, START + Math.floor(this.#bytes / BYTES_A_MILLI));
    // Nor does what is no number let it go on.
    if (!(most > after)) return this.giveUp();
    this.#timer = setTimeout(() => this.#look(most), most - after);
  }
}

/** Gives up on a body that takes longer than it may, or pauses for too long. */
export class Pace {
  readonly #whole: Allowance;
  #pause: ReturnType<typeof setTimeout>;

  constructor(
    within: number,
    private readonly giveUp: () => void,
    private readonly longest = PAUSE,
  ) {
    this.#whole = new Allowance(within, giveUp);
    this.#pause = setTimeout(giveUp, longest);
  }

  /** A piece of so many bytes has come. */
  goOn(bytes: number): void {
    this.#whole.come(bytes);
    clearTimeout(this.#pause);
    this.#pause = setTimeout(this.giveUp, this.longest);
  }

  stop(): void {
    this.#whole.stop();
    clearTimeout(this.#pause);
  }
}

/** What one body takes of the memory that a verifier has for all of them, until it is released. */
export class Held {
  #bytes = 0;
  #room: { left: number } | undefined;

  constructor(room: { left: number }) {
    this.#room = room;
  }

  /** Takes note that the body has so many bytes by now; whether there is room for them. */
  reaches(bytes: number): boolean {
    const more = Math.max(0, bytes - this.#bytes);
    if (!this.#room || more > this.#room.left) return false;
    this.#room.left -= more;
    this.#bytes += more;
    return true;
  }

  /** Gives the memory back; from now on there is no room for anything. */
  release(): void {
    if (this.#room) this.#room.left += this.#bytes;
    this.#room = undefined;
  }
}

/** What a stream has to keep to, and what is done with its pieces: whatever is thrown there ends it. */
interface Pieces extends Pick<Bounds, "within" | "refuse"> {
  /** For how many milliseconds it may pause. */
  pause?: number;
  take(piece: Uint8Array): void;
}

/** Hands on the pieces of a stream, within bounds. */
export async function readPieces(stream: ReadableStream<Uint8Array>, { within, pause, take, refuse }: Pieces): Promise<void> {
  const reader = stream.getReader();
  // Nobody waits for the rest: whether giving up succeeds is all the same.
  const giveUp = () => void reader.cancel().catch(() => {});
  let isLate = false;
  const onLate = () => {
    isLate = true;
    giveUp();
  };
  const pace = new Pace(within, onLate, pause);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw refuse(isLate ? "too_late" : "cut_off", cause);
      });
      if (isLate) throw refuse("too_late");
      if (done) return;
      pace.goOn(value.length);
      take(value);
    }
  } catch (error) {
    giveUp();
    throw error;
  } finally {
    pace.stop();
  }
}

/** Reads a stream, within bounds. */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  { within, take, refuse }: Pick<Bounds, "within" | "take" | "refuse">,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const keep = (piece: Uint8Array) => {
    take(piece.length);
    pieces.push(piece);
  };
  await readPieces(stream, { within, take: keep, refuse });
  return concat(pieces);
}

/** From here on the platform's SHA-256 is faster than Rust's, and spares a copy into the module's memory. */
const LARGE = 2048;

/** A body as Rust takes it: itself, or its SHA-256. */
export async function digestOf(body: Uint8Array): Promise<{ bytes: Uint8Array; isDigest: boolean }> {
  if (body.length <= LARGE) return { bytes: body, isDigest: false };
  // What is shared between threads could change after it was hashed: WebCrypto refuses it.
  const digest = await crypto.subtle.digest("SHA-256", body as Uint8Array<ArrayBuffer>);
  return { bytes: new Uint8Array(digest), isDigest: true };
}
