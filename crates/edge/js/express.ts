import { cors } from "./cors.js";
import { engine } from "./engine.js";
import { DoorkeyError } from "./error.js";
import { checkUnread, collect, drain, isShort, type NodeMessage } from "./node-body.js";
import { checkMiddleware } from "./options.js";
import { requirement, type Principal } from "./principal.js";
import type { MiddlewareOptions, Verifier } from "./types.js";

export type { NodeMessage } from "./node-body.js";
export type { MiddlewareOptions } from "./types.js";

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
export interface NodeRequest extends NodeMessage {
  method?: string | undefined;
  url?: string | undefined;
  originalUrl?: string;
  rawHeaders: string[];
  readonly headersDistinct?: Record<string, unknown>;
  readonly httpVersionMajor?: number;
  readonly socket?: { readonly remoteAddress?: string | undefined } | null;
  principal?: Principal;
}

/** What is needed of a response of Node's or Express's. */
export interface NodeResponse {
  statusCode: number;
  readonly headersSent: boolean;
  getHeader(name: string): unknown;
  setHeader(name: string, value: string): unknown;
  write(body: string): unknown;
  end(body?: string): unknown;
}

type Next = (error?: unknown) => void;

/** A middleware for Express, and for anything that takes the same arguments. */
export type Middleware = (request: NodeRequest, response: NodeResponse, next: Next) => void;

/** One that comes after what fails. */
export type ErrorMiddleware = (error: unknown, request: NodeRequest, response: NodeResponse, next: Next) => void;

/**
 * Lets only accepted requests through, with `req.principal`. It goes before anything that reads bodies: they are read here,
 * verified, and put back.
 *
 * @throws {@link DoorkeyError} at once: `invalid_input` for what is no verifier, and for options that make no sense.
 *
 * @example
 * app.use(doorkey(verifier));
 */
export function doorkey(verifier: Verifier, options: MiddlewareOptions = {}): Middleware {
  checkMiddleware(verifier, options);
  return (request, response, next) => {
    if (options.cors !== false && !response.headersSent) {
      const { isPreflight, headers } = cors(request.method ?? "", (name) => single(request.headers[name]));
      for (const [name, value] of headers) {
        const others = name === "vary" ? response.getHeader(name) : undefined;
        response.setHeader(name, others ? `${String(others)}, ${value}` : value);
      }
      if (isPreflight) return void response.end();
    }
    admit(verifier, request)
      .then(
        // A client that has left reads no answer, and takes with it the body that was put back: a handler would miss it.
        ({ rateLimitHeaders }) => {
          if (request.destroyed) return;
          // Before the handler: what it says of a limit of its own says more.
          if (!response.headersSent) {
            for (const [name, value] of Object.entries(rateLimitHeaders)) response.setHeader(name, value);
          }
          next();
        },
        (error: unknown) => {
          if (error instanceof DoorkeyError) options.onRefused?.(error);
          refuse(error, request, response, next);
        },
      )
      .catch(next);
  };
}

/**
 * Lets only callers through that have a scope; goes behind {@link doorkey}. It throws at once for what is not one scope.
 *
 * @example
 * app.post("/pictures", requireScope("pictures:write"), upload);
 */
export function requireScope(scope: string): Middleware {
  const check = requirement(scope, arguments[1]);
  return (request, response, next) => {
    try {
      check(request.principal);
    } catch (error) {
      return refuse(error, request, response, next);
    }
    next();
  };
}

/**
 * Answers the refusals that handlers throw, `req.principal.require(…)` for one, and passes other errors on; goes behind all
 * routes.
 *
 * @example
 * app.use(refusals());
 */
export function refusals(): ErrorMiddleware {
  // Express knows these by their four parameters. An answer that has begun it ends itself.
  return (error, request, response, next) =>
    response.headersSent ? next(error) : refuse(error, request, response, next);
}

async function admit(verifier: Verifier, request: NodeRequest): Promise<Principal> {
  const target = request.originalUrl ?? request.url ?? "";
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i] ?? "", request.rawHeaders[i + 1] ?? ""]);
  }
  const principal = await verifier.verify({
    method: request.method ?? "",
    target,
    headers,
    // Not Express's `req.ip`, which a header may say.
    peer: request.socket?.remoteAddress,
    body: async (bounds) => {
      if (bounds.isCovered) return collect(request, bounds);
      await checkUnread(request);
      return new Uint8Array();
    },
  });
  request.principal = principal;
  takeOffCredentials(request);
  return principal;
}

/** No handler, and no log behind it, needs the credential. */
function takeOffCredentials(request: NodeRequest): void {
  delete request.headers["authorization"];
  // Node makes these of the raw ones, by their number when they came.
  if (request.headersDistinct) delete request.headersDistinct["authorization"];
  const at = request.rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === "authorization");
  if (at >= 0) request.rawHeaders.splice(at, 2);
  const bare = (target: string) => engine().run((glue) => glue.bareTarget(target)) ?? target;
  if (request.url !== undefined) request.url = bare(request.url);
  if (request.originalUrl !== undefined) request.originalUrl = bare(request.originalUrl);
}

function refuse(error: unknown, request: NodeRequest, response: NodeResponse, next: Next): void {
  if (!(error instanceof DoorkeyError)) return next(error);
  // Node itself would read it away without bounds, or wait for it.
  const drained = request.complete ? undefined : drain(request);
  // Somebody else has answered, for it took too long.
  if (response.headersSent) return;
  const { status, headers, body } = DoorkeyError.answerOf(error);
  response.statusCode = status;
  for (const [name, value] of headers) response.setHeader(name, value);
  if (!drained || isShort(request) || request.httpVersionMajor !== 1) return void response.end(body);
  // A connection that ends with bytes unread takes the answer from a client that has not read it yet, and the next request of
  // one that has: so this one is its last, and it ends once nothing comes any more, or the time is up.
  response.setHeader("connection", "close");
  response.setHeader("content-length", String(Buffer.byteLength(body)));
  response.write(body);
  void drained.then(() => response.end());
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === "object" ? value[0] : value;
}
