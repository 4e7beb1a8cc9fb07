import { ambient, draw, engine } from "./engine.js";
import { toJson } from "./options.js";

/** What a grant says. */
export interface GrantOptions {
  /** The issuer's origin, `https://keys.example.com`. */
  issuer: string;
  /** The end user who the session is for: 1 to 255 characters, no spaces. */
  subject?: string;
  /** What the session may do, at most. */
  scope?: string | readonly string[];
  /** The requests that the session is for; at least one member. */
  bind?: {
    method?: string;
    /** The path without its query. */
    path?: string;
    /** The body's digest, as the header field `Content-Digest` states it: `sha-256=:…:`. */
    contentDigest?: string;
    /** The most bytes of a body. */
    maxBytes?: number;
  };
  /** For how many seconds a session can be minted with it; 60 unless given, at most 3600. */
  expiresIn?: number;
}

/**
 * Signs a grant with a secret key, for one mint of a page: nothing is sent, and the key stays here.
 *
 * @throws {@link DoorkeyError} `malformed_key` or `wrong_key_kind` for another key, `invalid_input` for options that no issuer
 * would take.
 *
 * @example
 * const grant = signGrant(secretKey, { issuer: "https://keys.example.com", subject: "user-42" });
 */
export function signGrant(secretKey: string, options: GrantOptions): string {
  // JavaScript may leave them out.
  const { scope, bind, ...rest } = (options as GrantOptions | undefined) ?? ({} as GrantOptions);
  const { contentDigest, maxBytes, ...bound } = bind ?? {};
  const request = toJson({
    ...rest,
    scope: typeof scope === "object" ? scope.join(" ") : scope,
    bind: bind && { content_digest: contentDigest, max_bytes: maxBytes, ...bound },
  });
  // What is no text is no key either.
  const key = typeof secretKey === "string" ? secretKey : "";
  const [random, now] = [draw(ambient, 16), ambient.now()];
  return engine().run((glue) => glue.signGrant(key, request, random, now));
}
