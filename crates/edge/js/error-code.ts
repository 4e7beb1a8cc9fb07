// Generated from doorkey_core::ErrorCode by `cargo xtask codegen`. Do not edit.

/** A stable reason for a refusal, as it stands in the `code` of a problem document. */
export type ErrorCode =
  /** Malformed request (400). Check the request against the API reference. */
  | "malformed_request"
  /** Malformed key (400). Copy the whole key again: a character is missing, added or changed. */
  | "malformed_key"
  /** Malformed session token (400). Send the token exactly as the issuer returned it. */
  | "malformed_token"
  /** Malformed signature (400). Sign with the Doorkey SDK, or follow the proof profile to the letter. */
  | "malformed_signature"
  /** Multiple credentials (400). Send exactly one credential with a request. */
  | "multiple_credentials"
  /** Unsupported content encoding (400). Send the body without a Content-Encoding. */
  | "unsupported_encoding"
  /** Insecure transport (400). Use https. Plain http is for loopback addresses alone. */
  | "insecure_transport"
  /** Request took too long (400). Send the whole request without long pauses. */
  | "request_timeout"
  /** Credential missing (401). Send Authorization: Bearer sk_… from a server; in a page call through the SDK, which signs calls to the issuer's audiences alone. To manage keys, sign in as a member. */
  | "credential_missing"
  /** Unknown key (401). Check that the key belongs to this issuer and has not been revoked. */
  | "key_unknown"
  /** Key revoked (401). Create a new key; a revoked one stays revoked. */
  | "key_revoked"
  /** Key expired (401). Create or roll a key and use the new one. */
  | "key_expired"
  /** Key disabled (401). Ask an admin to enable the key again. */
  | "key_disabled"
  /** Wrong kind of key (401). A publishable key (pk_) belongs in a page, a secret key (sk_) on a server, a credential (vk_) in a verifier. */
  | "wrong_key_kind"
  /** Wrong environment (401). Use a live key for live data and a test key for test data. */
  | "wrong_environment"
  /** Session token expired (401). Mint a new session token; the SDK does so by itself. */
  | "token_expired"
  /** Session token not accepted (401). Mint a token from this API's issuer, for this API. */
  | "token_invalid"
  /** Proof missing (401). Sign the request with the key that the token is bound to. */
  | "proof_missing"
  /** Signature covers the wrong components (401). Cover exactly the components of the profile, in its order. */
  | "components_incomplete"
  /** Signature outside its time window (401). Check the clock; sign for at most 60 seconds, just before sending. */
  | "window_invalid"
  /** Key does not match the token (401). Sign with the key pair that the token was minted for. */
  | "key_mismatch"
  /** Signature not valid (401). Send the request exactly as it was signed. */
  | "signature_invalid"
  /** Body does not match its digest (401). Send the body exactly as it was signed. */
  | "digest_mismatch"
  /** Request replayed (401). Sign each request anew, with a nonce of its own. */
  | "replayed"
  /** Grant not accepted (401). Sign a new grant for this issuer with an active secret key. */
  | "grant_invalid"
  /** Grant already used (401). Sign a new grant for each mint. */
  | "grant_used"
  /** Sign-in refused (401). Check address and password, or the link; sign in again if the sign-in has ended. */
  | "sign_in_refused"
  /** Scope missing (403). Ask an admin for the scope that this call needs. */
  | "insufficient_scope"
  /** Wrong workspace (403). Use a key of the workspace that owns the resource. */
  | "wrong_workspace"
  /** Origin not allowed (403). Add the page's origin to the key's allowed origins. */
  | "origin_not_allowed"
  /** Address not allowed (403). Add the caller's address to the key's allowed CIDRs; if it is a proxy's, name that among the verifier's trusted proxies. */
  | "ip_not_allowed"
  /** Grant required (403). Have your backend sign a grant and pass it to the SDK. */
  | "grant_required"
  /** Challenge required (403). Solve the challenge and pass its answer with the mint. */
  | "challenge_required"
  /** Secret key in a browser (403). Revoke this key now and use a publishable key in pages. */
  | "secret_key_in_browser"
  /** Keys cannot manage keys (403). Sign in as a member to create, change or revoke keys. */
  | "keys_cannot_manage_keys"
  /** Password required (403). Confirm your password, then try again within five minutes. */
  | "password_required"
  /** More than its creator may do (403). Choose scopes and resources that you have yourself. */
  | "exceeds_creator"
  /** Not found (404). Check the path, address or id that names it. */
  | "not_found"
  /** Method not allowed (405). Use a method that the Allow header lists. */
  | "method_not_allowed"
  /** Key is protected (409). A member lifts the protection first, with POST /v1/keys/{key}/unprotect and their password. */
  | "key_protected"
  /** Last active secret key (409). Create another secret key before you remove this one. */
  | "last_key"
  /** Conflict (409). Do what the message says, or look at the current state and try again. */
  | "conflict"
  /** State has changed (412). Load the current state and its ETag, and try again. */
  | "precondition_failed"
  /** Body too large (413). Send a smaller body. */
  | "body_too_large"
  /** Invalid input (422). Correct what the message, or the list of fields, names. */
  | "invalid_input"
  /** Rate limit reached (429). Wait for the time in Retry-After. */
  | "rate_limited"
  /** Quota used up (429). Wait for the next period or raise the quota. */
  | "quota_exhausted"
  /** Too many requests in one window (429). Wait for the time in Retry-After. */
  | "replay_capacity"
  /** Redirect refused (502). Call the address that the redirect leads to: a signature holds for one URL. */
  | "redirect_refused"
  /** Upstream unavailable (502). Try again shortly; the gate cannot reach the service behind it. */
  | "upstream_unavailable"
  /** Issuer keys unavailable (503). Try again shortly; the verifier cannot reach the issuer. */
  | "keys_unavailable"
  /** Directory out of date (503). Try again shortly; the verifier has lost touch with the issuer. */
  | "directory_stale"
  /** Replay store unavailable (503). Try again shortly; if it stays so, the API's operator has to see to its verifier's replay store. */
  | "replay_store_unavailable"
  /** Store unavailable (503). Try again shortly; if it stays so, the issuer's operator has to see to its database. */
  | "store_unavailable"
  /** Issuer unavailable (503). Check the network and try again shortly. */
  | "issuer_unavailable"
  /** API unavailable (503). Check the network, and that the API answers this page's origin with CORS headers. */
  | "api_unavailable"
  /** Grant unavailable (503). Make the client's grant function yield the grant that your backend signs. */
  | "grant_unavailable"
  /** Verifier unavailable (503). Try again shortly; the API's verifier has failed, and its log says how. */
  | "verifier_unavailable"
  /** SDK unavailable (503). Serve all scripts of the SDK, and allow 'wasm-unsafe-eval' in script-src. In a service worker import @doorkey/browser/inline. */
  | "sdk_unavailable"
  ;

/** @internal The refusal that must do without Rust. */
export const VERIFIER_UNAVAILABLE = {
  code: "verifier_unavailable",
  status: 503,
  title: "Verifier unavailable",
  hint: "Try again shortly; the API's verifier has failed, and its log says how.",
} as const;
