import { concat } from "./body.js";
import { cors } from "./cors.js";
import { engine } from "./engine.js";
import { DoorkeyError } from "./error.js";
import type { Principal } from "./principal.js";
import type { Bounds, Verifier } from "./types.js";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** Who calls; behind `doorkey(verifier)` it is there. */
      principal?: Principal;
    }
  }
}

/** What is needed of a request of Node's or Express's. */
export interface NodeRequest {
  method?: string | undefined;
  url?: string | undefined;
  originalUrl?: string;
  headers: Record<string, string | string[] | undefined>;
  rawHeaders: string[];
  /** Whether all of the message has arrived. */
  complete: boolean;
  readonly readableDidRead: boolean;
  readonly readableLength: number;
  principal?: Principal;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  read(): unknown;
  unshift(piece: Uint8Array): void;
  resume(): unknown;
  destroy(): unknown;
}

/** What is needed of a response of Node's or Express's. */
export interface NodeResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body?: string): unknown;
}

type Next = (error?: unknown) => void;

/** A middleware for Express, and for anything that takes the same arguments. */
export type Middleware = (request: NodeRequest, response: NodeResponse, next: Next) => void;

/** How the middleware behaves. */
export interface MiddlewareOptions {
  /** Answers preflights and lets pages of all origins read responses, as their sessions allow; `true` unless given. */
  cors?: boolean;
}

/** How much of a refused request's body is read away, and for how long: a client that still sends hears no refusal. */
const DRAIN_LIMIT = 1024 * 1024;
const DRAIN_MILLIS = 2000;

/**
 * Lets only accepted requests through, with `req.principal`. It goes before anything that reads bodies: they are read here,
 * verified, and put back.
 *
 * @example
 * app.use(doorkey(verifier));
 */
export function doorkey(verifier: Verifier, options: MiddlewareOptions = {}): Middleware {
  return (request, response, next) => {
    if (options.cors !== false) {
      const { isPreflight, headers } = cors(request.method ?? "", (name) => single(request.headers[name]));
      for (const [name, value] of headers) response.setHeader(name, value);
      if (isPreflight) return void response.end();
    }
    admit(verifier, request).then(
      () => next(),
      (error: unknown) => refuse(error, request, response, next),
    );
  };
}

/**
 * Lets only callers through that have a scope; goes behind {@link doorkey}.
 *
 * @example
 * app.post("/pictures", requireScope("pictures:write"), upload);
 */
export function requireScope(scope: string): Middleware {
  return (request, response, next) => {
    try {
      if (!request.principal) throw engine().refusal("credential_missing", "no verifier has accepted this request");
      request.principal.require(scope);
    } catch (error) {
      return refuse(error, request, response, next);
    }
    next();
  };
}

async function admit(verifier: Verifier, request: NodeRequest): Promise<void> {
  const target = request.originalUrl ?? request.url ?? "";
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i] ?? "", request.rawHeaders[i + 1] ?? ""]);
  }
  const hasBody = "content-length" in request.headers || "transfer-encoding" in request.headers;
  const body = hasBody ? { body: (bounds: Bounds) => collect(request, bounds) } : {};
  request.principal = await verifier.verify({ method: request.method ?? "", target, headers, ...body });
  takeOffCredentials(request);
}

/** No handler, and no log behind it, needs the credential. */
function takeOffCredentials(request: NodeRequest): void {
  delete request.headers["authorization"];
  const at = request.rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "authorization");
  if (at >= 0) request.rawHeaders.splice(at, 2);
  const bare = (target: string) => engine().run((glue) => glue.bareTarget(target)) ?? target;
  if (request.url !== undefined) request.url = bare(request.url);
  if (request.originalUrl !== undefined) request.originalUrl = bare(request.originalUrl);
}

/**
 * Reads the whole body, and puts it back in the same tick in which its end is seen: a stream says that it has ended in the
 * next one, and only if nothing is left to read. Whoever reads it then finds it as if nothing had happened.
 */
async function collect(request: NodeRequest, { limit, within, refuse }: Bounds): Promise<Uint8Array> {
  if (request.readableDidRead) throw new TypeError("doorkey(verifier) goes before what reads bodies");
  // The parser may be in the middle of what has arrived: whether the message is complete shows once it has returned.
  await undefined;
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let length = 0;
    const finish = (end: () => void) => {
      clearTimeout(timer);
      request.off("readable", onReadable);
      request.off("error", onCutOff);
      request.off("close", onCutOff);
      end();
    };
    const onReadable = () => {
      // To read when nothing is there would end a stream that has nothing more to come.
      while (request.readableLength > 0) {
        const piece = request.read() as Uint8Array | null;
        if (piece === null) break;
        length += piece.length;
        if (length > limit) return finish(() => reject(refuse("too_large")));
        pieces.push(piece);
      }
      if (!request.complete) return;
      const body = concat(pieces);
      if (length > 0) request.unshift(body);
      finish(() => resolve(body));
    };
    const onCutOff = (cause?: unknown) => finish(() => reject(refuse("cut_off", cause)));
    const timer = setTimeout(() => finish(() => reject(refuse("too_late"))), within);
    if (request.complete && request.readableLength === 0) return finish(() => resolve(concat([])));
    request.on("error", onCutOff);
    request.on("close", onCutOff);
    request.on("readable", onReadable);
  });
}

function refuse(error: unknown, request: NodeRequest, response: NodeResponse, next: Next): void {
  if (!(error instanceof DoorkeyError)) return next(error);
  const { status, headers, body } = DoorkeyError.answerOf(error);
  response.statusCode = status;
  for (const [name, value] of headers) response.setHeader(name, value);
  // What nobody has begun to read, Node reads away by itself.
  if (request.readableDidRead && !request.complete) drain(request);
  response.end(body);
}

function drain(request: NodeRequest): void {
  let left = DRAIN_LIMIT;
  const timer = setTimeout(() => request.destroy(), DRAIN_MILLIS);
  request.on("close", () => clearTimeout(timer));
  request.on("end", () => clearTimeout(timer));
  request.on("error", () => {});
  request.on("data", (piece) => {
    left -= (piece as Uint8Array).length;
    if (left < 0) request.destroy();
  });
  request.resume();
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === "object" ? value[0] : value;
}
