import type { Core } from "../dist/doorkey_browser.js";
import type { Signer } from "./custody.js";
import { DoorkeyError, unavailable } from "./error.js";
import { clocks } from "./clocks.js";
import type { Session } from "./types.js";

/** The issuer's 201 (DESIGN 4.1). */
interface MintResponse {
  token: string;
  expires_at: number;
  server_time: number;
  session_id: string;
  key_id: string;
  scopes: string[];
  audience: string[];
}

/** Far longer than a mint takes, far shorter than a browser waits by itself. */
const TIMEOUT = 30_000;

/** Trades the publishable key for a session, and hands what rules depend on to Rust. */
export async function mint(core: Core, signer: Signer, send: typeof fetch): Promise<Session> {
  const signingInput = core.mintSigningInput(...clocks());
  const body = core.mintBody(signingInput, await signer.sign(signingInput));
  // A string without headers is `text/plain`: a simple request, which needs no preflight.
  const request = new Request(core.mintUrl(), {
    method: "POST",
    body,
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT),
  });
  const minted = await answer(request, send);
  core.beginSession(minted.token, minted.audience.join(" "), minted.expires_at, minted.server_time, ...clocks());
  return {
    id: minted.session_id,
    keyId: minted.key_id,
    scopes: minted.scopes,
    audience: minted.audience,
    expiresAt: new Date(minted.expires_at * 1000),
    custody: signer.custody,
  };
}

async function answer(request: Request, send: typeof fetch): Promise<MintResponse> {
  let response: Response;
  let body: unknown;
  try {
    response = await send(request);
    const refused = await DoorkeyError.from(response);
    if (refused) throw refused;
    if (response.ok) body = await response.json().catch(() => undefined);
  } catch (cause) {
    // A browser does not tell a page why: no network, or an answer without CORS headers for its origin.
    const detail = "the issuer cannot be reached, or does not know this page's origin";
    throw cause instanceof DoorkeyError ? cause : unavailable(detail, cause);
  }
  if (!isMintResponse(body)) throw unavailable(`the issuer's answer, with status ${response.status}, is no session`);
  return body;
}

function isMintResponse(body: unknown): body is MintResponse {
  const { token, expires_at, server_time, session_id, key_id, scopes, audience } = (body ?? {}) as MintResponse;
  const isText = (value: unknown) => typeof value === "string";
  const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
  return (
    [token, session_id, key_id].every(isText) &&
    [expires_at, server_time].every(Number.isFinite) &&
    [scopes, audience].every(isTexts)
  );
}
