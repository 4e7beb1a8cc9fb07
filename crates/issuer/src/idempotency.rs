/// What a caller sends along so that a create that is sent again happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Idempotency {
    /// The caller's own name for the request, `Idempotency-Key`.
    pub(crate) key: String,
    /// SHA-256 of the request's method, path and body.
    pub(crate) fingerprint: [u8; 32],
}
