//! What a store that several verifiers share answers to a proof that it does not take.

use std::time::Duration;

use doorkey_core::{Error, ErrorCode};

use crate::refusal::Refusal;

/// Why a store that several verifiers share does not take a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmarked {
    /// It was taken before.
    Replayed,
    /// It was made later than the store's clock can be believed.
    Ahead,
    /// It has expired by the store's clock, so that its entry may be gone.
    Expired,
    /// It was made before the store can vouch.
    Before,
    /// The store has lost its memory, and vouches for nothing that is made for so long.
    Pause(Duration),
    /// There is no answer, or none that counts.
    Away,
}

impl Unmarked {
    /// Reads the word by which stores say it; any other word is no answer.
    pub fn parse(word: &str, wait: Duration) -> Self {
        match word {
            "replayed" => Self::Replayed,
            "ahead" => Self::Ahead,
            "expired" => Self::Expired,
            "before" => Self::Before,
            "pause" => Self::Pause(wait),
            _ => Self::Away,
        }
    }
}

impl From<Unmarked> for Error {
    fn from(unmarked: Unmarked) -> Self {
        let (code, detail) = match unmarked {
            Unmarked::Replayed => (ErrorCode::Replayed, "this signature was used before"),
            Unmarked::Ahead => (ErrorCode::WindowInvalid, "the signature is ahead of the replay store's clock"),
            Unmarked::Expired => (ErrorCode::WindowInvalid, "the signature has expired by the replay store's clock"),
            Unmarked::Before => (ErrorCode::WindowInvalid, "the signature is older than replay protection remembers"),
            Unmarked::Pause(_) => (
                ErrorCode::ReplayStoreUnavailable,
                "the replay store has lost its memory and takes nothing that it may have known",
            ),
            Unmarked::Away => (ErrorCode::ReplayStoreUnavailable, "the replay store does not answer"),
        };
        Self::new(code, detail)
    }
}

impl From<Unmarked> for Refusal {
    fn from(unmarked: Unmarked) -> Self {
        let refusal = Self::from(Error::from(unmarked));
        match unmarked {
            Unmarked::Pause(wait) => refusal.with_retry_after(wait),
            _ => refusal,
        }
    }
}
