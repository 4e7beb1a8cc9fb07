import { engine } from "./engine.js";

/** The headers of a response for a page of another origin. */
export interface Cors {
  /** Whether the request is a preflight, to be answered with these headers alone. */
  isPreflight: boolean;
  headers: [string, string][];
}

/**
 * CORS without cookies, as the native layer has it: mirroring is as strict as the session behind it, which is bound to the
 * page's origin, and `*` would not cover `Authorization`.
 */
export function cors(method: string, header: (name: string) => string | null | undefined): Cors {
  const [origin, wanted] = [header("origin"), header("access-control-request-method")];
  const isPreflight = method === "OPTIONS" && origin != null && wanted != null;
  const headers: Cors["headers"] = [
    ["vary", "origin, access-control-request-method, access-control-request-headers"],
  ];
  if (origin != null) headers.push(["access-control-allow-origin", origin]);
  if (!isPreflight) {
    headers.push(["access-control-expose-headers", engine().run((glue) => glue.exposedHeaders())]);
    return { isPreflight, headers };
  }
  headers.push(["access-control-allow-methods", wanted]);
  const names = header("access-control-request-headers");
  if (names != null) headers.push(["access-control-allow-headers", names]);
  headers.push(["access-control-max-age", String(engine().run((glue) => glue.preflightMaxAge()))]);
  return { isPreflight, headers };
}
