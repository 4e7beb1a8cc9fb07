import type { Core } from "../dist/doorkey_browser.js";
import type { Signer } from "./custody.js";

/** From this many bytes on WebCrypto hashes faster than WebAssembly, and large bodies stay out of its memory. */
const WEBCRYPTO_DIGEST_FROM = 2048;

/** Builds the request that is sent: what the caller asked for, from bytes that are hashed, with its signature. */
export async function signRequest(
  core: Core,
  signer: Signer,
  request: Request,
  body: Uint8Array<ArrayBuffer>,
): Promise<Request> {
  // A page that was not loaded over https has no `subtle`, whatever the type says.
  const isDigest = body.length >= WEBCRYPTO_DIGEST_FROM && (crypto.subtle as SubtleCrypto | undefined) !== undefined;
  const hashed = isDigest ? new Uint8Array(await crypto.subtle.digest("SHA-256", body)) : body;
  const headers = new Headers(request.headers);
  const base = core.prepare(request.method, request.url, headers, hashed, isDigest, performance.now());
  core.attach(headers, base, await signer.sign(base));
  return new Request(request, {
    headers,
    // Also where a caller's body turned out to be empty: its stream is used up.
    ...(request.bodyUsed && { body }),
    // A signature holds for one URL, and nobody but the server it was made for may see it.
    redirect: "error",
    credentials: "omit",
    // In other modes a request cannot carry the headers.
    mode: request.mode === "same-origin" ? "same-origin" : "cors",
    // An init resets these two.
    referrer: request.referrer,
    referrerPolicy: request.referrerPolicy,
  });
}
