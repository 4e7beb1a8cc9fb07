import { peerHeader } from "#platform";
import { cors } from "./cors.js";
import { engine } from "./engine.js";
import { DoorkeyError } from "./error.js";
import { checkMiddleware } from "./options.js";
import { requirement, type Principal } from "./principal.js";
import type { MiddlewareOptions, Verifier } from "./types.js";

export type { MiddlewareOptions } from "./types.js";

/** What the middleware puts into the context: `new Hono<{ Variables: DoorkeyVariables }>()`. */
export interface DoorkeyVariables {
  /** Who calls. */
  principal: Principal;
}

/** What is needed of Hono's context. */
export interface HonoContext {
  req: { raw: Request };
  res: Response;
  env?: unknown;
  header: (name: string, value: string, options?: { append?: boolean }) => void;
  set: (key: never, value: never) => void;
  get: (key: never) => unknown;
}

/** A middleware for Hono. */
export type Middleware = (context: HonoContext, next: () => Promise<void>) => Promise<Response | void>;

/**
 * Lets only accepted requests through, with `c.get("principal")`. It goes before anything that reads bodies.
 *
 * @throws {@link DoorkeyError} at once: `invalid_input` for what is no verifier, and for options that make no sense.
 *
 * @example
 * app.use(doorkey(verifier));
 */
export function doorkey(verifier: Verifier, options: MiddlewareOptions = {}): Middleware {
  checkMiddleware(verifier, options);
  return async (context, next) => {
    const { raw } = context.req;
    const shared = options.cors === false ? undefined : cors(raw.method, (name) => raw.headers.get(name));
    if (shared?.isPreflight) return new Response(null, { headers: shared.headers });
    let principal: Principal;
    try {
      principal = await verifier.verify(raw, { peer: peerOf(context) });
      context.set("principal" as never, principal as never);
    } catch (error) {
      if (error instanceof DoorkeyError) options.onRefused?.(error);
      const response = toResponse(error);
      shared?.headers.forEach(([name, value]) => response.headers.set(name, value));
      return response;
    }
    context.req.raw = withoutCredentials(raw);
    await next();
    // What the handler says of a limit of its own says more.
    if (!context.res.headers.has("ratelimit")) {
      for (const [name, value] of Object.entries(principal.rateLimitHeaders)) context.header(name, value);
    }
    // What the handler says that its answer varies with holds beside what it varies with here.
    shared?.headers.forEach(([name, value]) => context.header(name, value, { append: name === "vary" }));
  };
}

/**
 * Lets only callers through that have a scope; goes behind {@link doorkey}. It throws at once for what is not one scope.
 *
 * @example
 * app.post("/pictures", requireScope("pictures:write"), (c) => c.text("saved"));
 */
export function requireScope(scope: string): Middleware {
  const check = requirement(scope, arguments[1]);
  return async (context, next) => {
    try {
      check(context.get("principal" as never));
    } catch (error) {
      return toResponse(error);
    }
    await next();
  };
}

/** The address at the other end of the connection: Hono's adapter for Node shows the message, workerd a header. */
function peerOf({ req, env }: HonoContext): string | undefined {
  if (peerHeader !== undefined) return req.raw.headers.get(peerHeader) ?? undefined;
  const { incoming } = (env ?? {}) as { incoming?: { socket?: { remoteAddress?: unknown } } };
  const address = incoming?.socket?.remoteAddress;
  return typeof address === "string" ? address : undefined;
}

function toResponse(error: unknown): Response {
  if (error instanceof DoorkeyError) return error.toResponse();
  throw error;
}

/** No handler, and no log behind it, needs the credential. */
function withoutCredentials(request: Request): Request {
  const headers = new Headers(request.headers);
  headers.delete("authorization");
  const [, origin = "", target = ""] = /^(\w+:\/\/[^/]*)(.*)$/.exec(request.url) ?? [];
  const bare = engine().run((glue) => glue.bareTarget(target));
  return new Request(bare === undefined ? request : new Request(origin + bare, request), { headers });
}
