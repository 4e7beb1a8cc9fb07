//! What makes a repeated request the same request.

/// The key that a caller gave a request, and what the request was, so that the same key on another one is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Idempotency {
    /// 1 to 255 visible ASCII characters, chosen by the caller.
    pub(crate) key: String,
    /// SHA-256 of method, path and raw body.
    pub(crate) fingerprint: [u8; 32],
}
