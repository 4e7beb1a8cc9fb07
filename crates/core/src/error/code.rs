//! The one table of error codes.

/// Declares [`ErrorCode`] and everything that is derived from the table, so that no row can be half there.
macro_rules! error_codes {
    ($($status:literal $variant:ident $code:literal $title:literal $hint:literal)+) => {
        /// A stable, documented reason for a refusal.
        ///
        /// The string form ([`as_str`](Self::as_str)) is part of the protocol; the TypeScript union, the documentation
        /// page and the OpenAPI file are generated from this table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $code, "`: ", $title, ".")] $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it stands in `WWW-Authenticate` and in the problem document.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status that goes with the code.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What happened, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What to do about it, in a sentence.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)+ }
            }
        }
    };
}

error_codes! {
    400 MalformedRequest "malformed_request" "Malformed request" "Check the request against the API reference."
    400 MalformedKey "malformed_key" "Malformed key" "Copy the whole key again: a character is missing, added or changed."
    400 MalformedToken "malformed_token" "Malformed session token" "Send the token exactly as the issuer returned it."
    400 MalformedSignature "malformed_signature" "Malformed signature" "Sign with the Doorkey SDK, or follow the proof profile to the letter."
    400 MultipleCredentials "multiple_credentials" "Multiple credentials" "Send exactly one credential with a request."
    400 UnsupportedEncoding "unsupported_encoding" "Unsupported content encoding" "Send the body without a Content-Encoding."
    400 InsecureTransport "insecure_transport" "Insecure transport" "Use https. Plain http is for loopback addresses alone."
    // Not 408: after that browsers send a request again by themselves, with the same signature.
    400 RequestTimeout "request_timeout" "Request took too long" "Send the whole request without long pauses."

    401 CredentialMissing "credential_missing" "Credential missing" "Send Authorization: Bearer sk_… from a server; in a page call through the SDK, which signs calls to the issuer's audiences alone. To manage keys, sign in as a member."
    401 KeyUnknown "key_unknown" "Unknown key" "Check that the key belongs to this issuer and has not been revoked."
    401 KeyRevoked "key_revoked" "Key revoked" "Create a new key; a revoked one stays revoked."
    401 KeyExpired "key_expired" "Key expired" "Create or roll a key and use the new one."
    401 KeyDisabled "key_disabled" "Key disabled" "Ask an admin to enable the key again."
    401 WrongKeyKind "wrong_key_kind" "Wrong kind of key" "A publishable key (pk_) belongs in a page, a secret key (sk_) on a server, a credential (vk_) in a verifier."
    401 WrongEnvironment "wrong_environment" "Wrong environment" "Use a live key for live data and a test key for test data."
    401 TokenExpired "token_expired" "Session token expired" "Mint a new session token; the SDK does so by itself."
    401 TokenInvalid "token_invalid" "Session token not accepted" "Mint a token from this API's issuer, for this API."
    401 ProofMissing "proof_missing" "Proof missing" "Sign the request with the key that the token is bound to."
    401 ComponentsIncomplete "components_incomplete" "Signature covers the wrong components" "Cover exactly the components of the profile, in its order."
    401 WindowInvalid "window_invalid" "Signature outside its time window" "Check the clock; sign for at most 60 seconds, just before sending."
    401 KeyMismatch "key_mismatch" "Key does not match the token" "Sign with the key pair that the token was minted for."
    401 SignatureInvalid "signature_invalid" "Signature not valid" "Send the request exactly as it was signed."
    401 DigestMismatch "digest_mismatch" "Body does not match its digest" "Send the body exactly as it was signed."
    401 Replayed "replayed" "Request replayed" "Sign each request anew, with a nonce of its own."
    401 GrantInvalid "grant_invalid" "Grant not accepted" "Sign a new grant for this issuer with an active secret key."
    401 GrantUsed "grant_used" "Grant already used" "Sign a new grant for each mint."
    401 SignInRefused "sign_in_refused" "Sign-in refused" "Check address and password, or the link; sign in again if the sign-in has ended."

    403 InsufficientScope "insufficient_scope" "Scope missing" "Ask an admin for the scope that this call needs."
    403 WrongWorkspace "wrong_workspace" "Wrong workspace" "Use a key of the workspace that owns the resource."
    403 OriginNotAllowed "origin_not_allowed" "Origin not allowed" "Add the page's origin to the key's allowed origins."
    403 IpNotAllowed "ip_not_allowed" "Address not allowed" "Add the caller's address to the key's allowed CIDRs; if it is a proxy's, name that among the verifier's trusted proxies."
    403 GrantRequired "grant_required" "Grant required" "Have your backend sign a grant and pass it to the SDK."
    403 ChallengeRequired "challenge_required" "Challenge required" "Solve the challenge and pass its answer with the mint."
    403 SecretKeyInBrowser "secret_key_in_browser" "Secret key in a browser" "Revoke this key now and use a publishable key in pages."
    403 KeysCannotManageKeys "keys_cannot_manage_keys" "Keys cannot manage keys" "Sign in as a member to create, change or revoke keys."
    403 PasswordRequired "password_required" "Password required" "Confirm your password, then try again within five minutes."
    403 ExceedsCreator "exceeds_creator" "More than its creator may do" "Choose scopes and resources that you have yourself."

    404 NotFound "not_found" "Not found" "Check the path, address or id that names it."
    405 MethodNotAllowed "method_not_allowed" "Method not allowed" "Use a method that the Allow header lists."
    409 KeyProtected "key_protected" "Key is protected" "A member lifts the protection first, with POST /v1/keys/{key}/unprotect and their password."
    409 LastKey "last_key" "Last active secret key" "Create another secret key before you remove this one."
    409 Conflict "conflict" "Conflict" "Do what the message says, or look at the current state and try again."
    412 PreconditionFailed "precondition_failed" "State has changed" "Load the current state and its ETag, and try again."
    413 BodyTooLarge "body_too_large" "Body too large" "Send a smaller body."
    422 InvalidInput "invalid_input" "Invalid input" "Correct what the message, or the list of fields, names."

    429 RateLimited "rate_limited" "Rate limit reached" "Wait for the time in Retry-After."
    429 QuotaExhausted "quota_exhausted" "Quota used up" "Wait for the next period or raise the quota."
    429 ReplayCapacity "replay_capacity" "Too many requests in one window" "Wait for the time in Retry-After."

    502 RedirectRefused "redirect_refused" "Redirect refused" "Call the address that the redirect leads to: a signature holds for one URL."
    502 UpstreamUnavailable "upstream_unavailable" "Upstream unavailable" "Try again shortly; the gate cannot reach the service behind it."

    503 KeysUnavailable "keys_unavailable" "Issuer keys unavailable" "Try again shortly; the verifier cannot reach the issuer."
    503 DirectoryStale "directory_stale" "Directory out of date" "Try again shortly; the verifier has lost touch with the issuer."
    503 ReplayStoreUnavailable "replay_store_unavailable" "Replay store unavailable" "Try again shortly; if it stays so, the API's operator has to see to its verifier's replay store."
    503 StoreUnavailable "store_unavailable" "Store unavailable" "Try again shortly; if it stays so, the issuer's operator has to see to its database."
    503 IssuerUnavailable "issuer_unavailable" "Issuer unavailable" "Check the network and try again shortly."
    503 ApiUnavailable "api_unavailable" "API unavailable" "Check the network, and that the API answers this page's origin with CORS headers."
    503 GrantUnavailable "grant_unavailable" "Grant unavailable" "Make the client's grant function yield the grant that your backend signs."
    503 VerifierUnavailable "verifier_unavailable" "Verifier unavailable" "Try again shortly; the API's verifier has failed, and its log says how."
    503 SdkUnavailable "sdk_unavailable" "SDK unavailable" "Serve all scripts of the SDK, and allow 'wasm-unsafe-eval' in script-src. In a service worker import @doorkey/browser/inline."
}

impl ErrorCode {
    /// Finds a code by its string form.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == code)
    }

    /// Whether the same request can succeed later without a change: a limit or an outage.
    pub const fn is_retryable(self) -> bool {
        matches!(self.status(), 429 | 503)
    }
}

impl core::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn every_code_is_snake_case_unique_and_found_by_its_name() {
        for &code in ErrorCode::ALL {
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
            assert!((400..=503).contains(&code.status()), "{code}");
            assert!(code.hint().ends_with('.') && !code.title().ends_with('.'), "{code}");
        }
        assert_eq!(ErrorCode::parse("no_such_code"), None);
    }
}
