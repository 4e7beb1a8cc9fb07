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

/** Reads a stream, within bounds. */
export async function readStream(stream: ReadableStream<Uint8Array>, bounds: Bounds): Promise<Uint8Array> {
  const reader = stream.getReader();
  // Nobody waits for the rest: whether giving up succeeds is all the same.
  const giveUp = () => void reader.cancel().catch(() => {});
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    giveUp();
  }, bounds.within);
  try {
    const pieces = [];
    let length = 0;
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw bounds.refuse(isLate ? "too_late" : "cut_off", cause);
      });
      if (isLate) throw bounds.refuse("too_late");
      if (done) return concat(pieces);
      length += value.length;
      if (length > bounds.limit) {
        giveUp();
        throw bounds.refuse("too_large");
      }
      pieces.push(value);
    }
  } finally {
    clearTimeout(timer);
  }
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
