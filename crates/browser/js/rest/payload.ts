import { Hasher } from "../../dist/wasm/doorkey_browser.js";
import { abortable } from "../abort.js";
import { INVALID_INPUT } from "../error-code.js";
import { refusal } from "./error.js";
import { isTrap, keep } from "./trap.js";

/** A body that can be sent more than once, and what its signature covers of it. */
export interface Payload {
  body: Blob | Uint8Array<ArrayBuffer>;
  /** Its SHA-256, or the body itself where Rust is to hash it. */
  hashed: Uint8Array;
  isDigest: boolean;
}

/** From this many bytes on WebCrypto hashes faster than WebAssembly, and large bodies stay out of its memory. */
const WEBCRYPTO_DIGEST_FROM = 2048;

/** Reads a body whole and hashes it; `undefined` for a request without one. */
export async function ofRequest(request: Request): Promise<Payload | undefined> {
  // Firefox has no `body`; what was not given reads as nothing.
  const hasBody = request.body !== null && !["GET", "HEAD"].includes(request.method);
  if (!hasBody) return undefined;
  try {
    return await ofBytes(new Uint8Array(await abortable(request.arrayBuffer(), request.signal)), request.signal);
  } catch (cause) {
    if (request.signal.aborted) throw request.signal.reason;
    throw isTrap(cause) ? cause : refusal(INVALID_INPUT, "the body cannot be read", cause);
  }
}

/** Hashes bytes. */
async function ofBytes(body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Payload> {
  if (body.length < WEBCRYPTO_DIGEST_FROM) return { body, isDigest: false, hashed: body };
  // A page that was not loaded over https has no `subtle`, whatever the type says.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (!subtle) return ofBlob(new Blob([body]), signal, () => {});
  return { body, isDigest: true, hashed: new Uint8Array(await subtle.digest("SHA-256", body)) };
}

/** How much of a `Blob` is read at once. */
const PIECE = 256 * 1024;

/** Hashes a `Blob` piece by piece, so that it is never in memory whole; WebCrypto cannot do that. */
export async function ofBlob(body: Blob, signal: AbortSignal, onPiece: (loaded: number) => void): Promise<Payload> {
  const hasher = new Hasher();
  const { read, cancel } = inPieces(body.stream());
  const abort = () => void cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", abort);
  try {
    let loaded = 0;
    for (let piece = await read(); !piece.done; piece = await read()) {
      hasher.update(piece.value);
      loaded += piece.value.length;
      onPiece(loaded);
    }
    signal.throwIfAborted();
    return { body, isDigest: true, hashed: body.size > 0 ? hasher.finish() : new Uint8Array() };
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw isTrap(cause) ? keep(hasher, cause) : refusal(INVALID_INPUT, "the body cannot be read", cause);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

interface Pieces {
  /** A piece is good until the next one is read. */
  read: () => Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>;
  cancel: (reason: unknown) => Promise<void>;
}

/**
 * Reads into one buffer over and over, where the browser can: it takes half the time, and pieces with buffers of their
 * own pile up by the hundreds of megabytes until somebody collects them.
 */
function inPieces(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Pieces {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: "byob" });
  } catch {
    const other = stream.getReader();
    return { read: () => other.read(), cancel: (reason) => other.cancel(reason) };
  }
  let buffer = new ArrayBuffer(PIECE);
  const read: Pieces["read"] = async () => {
    const piece = await reader.read(new Uint8Array(buffer));
    if (piece.value) buffer = piece.value.buffer;
    return piece as Awaited<ReturnType<Pieces["read"]>>;
  };
  return { read, cancel: (reason) => reader.cancel(reason) };
}
