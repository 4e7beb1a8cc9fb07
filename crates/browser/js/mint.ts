import { toBase64url } from "./base64url.js";
import { GRANT_UNAVAILABLE, ISSUER_UNAVAILABLE } from "./error-code.js";
import { DoorkeyError, refusal } from "./error.js";
import { toX, type KeyPair } from "./key-pair.js";

/** The issuer's 201 (DESIGN 4.1), and both clocks of the browser when it came in, in milliseconds. */
export interface Minted {
  token: string;
  expires_at: number;
  server_time: number;
  session_id: string;
  key_id: string;
  scopes: string[];
  audience: string[];
  clocks: Clocks;
}

/** `Date.now()` and `performance.now()` of one moment; what they mean is decided in Rust. */
export type Clocks = [wall: number, monotonic: number];

export const clocks = (): Clocks => [Date.now(), performance.now()];

/** What a mint asks for. */
export interface MintOptions {
  publishableKey: string;
  issuer: string;
  grant: (() => Promise<string>) | undefined;
  /** Hears that there is nothing left to do but to wait for somebody else; perhaps twice. */
  onWait: () => void;
}

export type Send = (request: Request) => Promise<Response>;

/** Far longer than a mint takes, far shorter than a browser waits by itself. */
const TIMEOUT = 30_000;

/** Trades the publishable key for a session. */
export async function mint(options: MintOptions, keyPair: KeyPair, send: Send): Promise<Minted> {
  const { onWait } = options;
  const url = `${options.issuer}/v1/sessions`;
  const granted = options.grant && ask(options.grant);
  if (granted) onWait();
  const grant = await granted;
  const jwk = { kty: "OKP", crv: "Ed25519", x: toX(keyPair) };
  const claims = {
    publishable_key: options.publishableKey,
    aud: url,
    iat: Math.floor(Date.now() / 1000),
    jti: toBase64url(crypto.getRandomValues(new Uint8Array(12))),
    grant,
  };
  const parts = [{ alg: "EdDSA", typ: "doorkey-mint+jwt", jwk }, claims];
  const input = parts.map((part) => toBase64url(JSON.stringify(part))).join(".");
  // A string without headers is `text/plain`: a simple request, which needs no preflight.
  const request = new Request(url, {
    method: "POST",
    body: `${input}.${toBase64url(await keyPair.sign(input))}`,
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT),
  });
  const answered = answer(request, send);
  onWait();
  return answered;
}

/** The form of a grant, a compact JWS, and the most bytes that one may have. */
const JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const MAX_GRANT = 4096;

async function ask(grant: () => Promise<string>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Whoever asks through this very client waits for itself.
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DOMException("there is no grant after 30 seconds", "TimeoutError")), TIMEOUT);
  });
  let signed: unknown;
  let cause: unknown;
  try {
    signed = await Promise.race([grant(), late]);
  } catch (error) {
    cause = error;
  } finally {
    clearTimeout(timer);
  }
  if (typeof signed === "string" && signed.length <= MAX_GRANT && JWS.test(signed)) return signed;
  throw refusal(GRANT_UNAVAILABLE, `the client's grant function ${cause ? "fails" : "yields no grant"}`, cause);
}

async function answer(request: Request, send: Send): Promise<Minted> {
  let response: Response;
  let body: unknown;
  try {
    response = await send(request);
    const refused = await DoorkeyError.from(response);
    if (refused) throw refused;
    if (response.ok) body = await response.json().catch(() => undefined);
  } catch (cause) {
    // A browser does not tell a page why: no network, or an answer without CORS headers for its origin.
    const { origin } = new URL(request.url);
    const detail = `the issuer at ${origin} cannot be reached, or does not know this page's origin`;
    throw cause instanceof DoorkeyError ? cause : refusal(ISSUER_UNAVAILABLE, detail, cause);
  }
  if (!isMinted(body)) {
    throw refusal(ISSUER_UNAVAILABLE, `the issuer's answer, with status ${response.status}, is no session`);
  }
  return { ...body, clocks: clocks() };
}

function isMinted(body: unknown): body is Minted {
  const { token, expires_at, server_time, session_id, key_id, scopes, audience } = (body ?? {}) as Minted;
  const isText = (value: unknown) => typeof value === "string";
  const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
  return (
    [token, session_id, key_id].every(isText) &&
    [expires_at, server_time].every(Number.isFinite) &&
    [scopes, audience].every(isTexts)
  );
}
