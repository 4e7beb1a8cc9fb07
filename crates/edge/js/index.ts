import type { Verifier, VerifierOptions } from "./types.js";
import { RequestVerifier } from "./verifier.js";

export type { ErrorCode } from "./error-code.js";
export { DoorkeyError } from "./error.js";
export { signGrant, type GrantOptions } from "./grant.js";
export type { Principal, PrincipalJson } from "./principal.js";
export type {
  Bounds,
  Connection,
  RawRequest,
  ReplayAnswer,
  ReplayRefusal,
  ReplayStore,
  UsedProof,
  Verifier,
  VerifierOptions,
} from "./types.js";

/**
 * Makes a verifier for one API.
 *
 * The issuer's keys are fetched when the first token arrives, its directory when the first request does.
 *
 * @throws {@link DoorkeyError} at once: `invalid_input` for options that make no sense, `malformed_key` or `wrong_key_kind` for
 * what is no verifier's credential, `verifier_unavailable` where the WebAssembly module cannot be loaded.
 *
 * @example
 * const verifier = createVerifier({ issuer: "https://keys.example.com", audience: "https://api.example.com" });
 * const principal = await verifier.verify(request);
 */
export function createVerifier(options: VerifierOptions): Verifier {
  return new RequestVerifier(options);
}
