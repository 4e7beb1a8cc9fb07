import { concat, Pace } from "./body.js";
import type { Bounds } from "./types.js";

/** What is needed of a message of Node's to read its body. */
export interface NodeMessage {
  headers: Record<string, string | string[] | undefined>;
  /** Whether all of the message has arrived. */
  complete: boolean;
  readonly destroyed: boolean;
  readonly readableDidRead: boolean;
  readonly readableEncoding: string | null;
  readonly readableFlowing: boolean | null;
  readonly readableLength: number;
  /** Whether the stream has got all that it gets. Node tells of this nowhere else. */
  readonly _readableState?: { readonly ended?: boolean };
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  read(): unknown;
  unshift(piece: Uint8Array): void;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

/** How much of a refused request's body is read away, and for how long: a client that still sends hears no refusal. */
const DRAIN_LIMIT = 1024 * 1024;
const DRAIN_MILLIS = 2000;

/**
 * Reads the whole body, whatever the headers say of one, and puts it back: whoever reads it then finds it as if nothing had
 * happened. Throws a TypeError where somebody else reads it.
 */
export async function collect(message: NodeMessage, bounds: Bounds): Promise<Uint8Array> {
  const isEmpty = await checkUnread(message);
  const body = isEmpty ? new Uint8Array() : await gather(message, bounds);
  const announced = message.headers["content-length"];
  if (announced !== undefined && Number(announced) !== body.length) throw bounds.refuse("cut_off");
  return body;
}

/** Throws a TypeError where somebody else reads the body; yields whether there is none. */
export async function checkUnread(message: NodeMessage): Promise<boolean> {
  // The parser may be in the middle of what has arrived: whether the message has ended shows once it has returned.
  await undefined;
  const isEmpty = hasEnded(message) && message.readableLength === 0;
  if (message.readableDidRead || ((message.readableFlowing || message.readableEncoding) && !isEmpty)) {
    throw new TypeError("doorkey(verifier) goes before what reads bodies");
  }
  return isEmpty;
}

/** That of HTTP/2 is complete only once it was read. */
const hasEnded = (message: NodeMessage): boolean => message._readableState?.ended ?? message.complete;

/**
 * Puts the body back in the same tick in which its end is seen: a stream says that it has ended in the next one, and only if
 * nothing is left to read.
 */
function gather(message: NodeMessage, { within, take, refuse }: Bounds): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    const finish = (end: () => void) => {
      pace.stop();
      message.off("readable", onReadable);
      message.off("error", onCutOff);
      message.off("close", onCutOff);
      end();
    };
    const onReadable = () => {
      // To read when nothing is there would end a stream that has nothing more to come.
      while (message.readableLength > 0) {
        const piece = message.read() as Uint8Array | null;
        if (piece === null) break;
        try {
          take(piece.length);
        } catch (error) {
          return finish(() => reject(error));
        }
        pieces.push(piece);
        pace.goOn(piece.length);
      }
      if (!hasEnded(message)) return;
      const body = concat(pieces);
      if (body.length > 0) message.unshift(body);
      finish(() => resolve(body));
    };
    const onCutOff = (cause?: unknown) => finish(() => reject(refuse("cut_off", cause)));
    const pace = new Pace(within, () => finish(() => reject(refuse("too_late"))));
    // Of a client that has left, nothing more is heard.
    if (message.destroyed) return onCutOff();
    message.on("error", onCutOff);
    message.on("close", onCutOff);
    message.on("readable", onReadable);
  });
}

/** Whether so little is announced that a refused client's connection can go on. */
export const isShort = ({ headers }: NodeMessage): boolean => Number(headers["content-length"]) <= DRAIN_LIMIT;

/** Reads away what a refused client is still sending, within bounds; resolves when it has, or may not any more. */
export function drain(message: NodeMessage): Promise<void> {
  return new Promise((resolve) => {
    let left = DRAIN_LIMIT;
    const timer = setTimeout(() => {
      resolve();
      message.destroy();
    }, DRAIN_MILLIS);
    for (const end of ["close", "end"]) {
      message.on(end, () => {
        clearTimeout(timer);
        resolve();
      });
    }
    message.on("error", () => {});
    message.on("data", (piece) => {
      left -= (piece as Uint8Array).length;
      if (left < 0) message.pause();
    });
    message.resume();
  });
}
