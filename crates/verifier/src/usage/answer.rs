use doorkey_core::Error;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportAnswer {
    /// The issuer has counted it.
    Taken,
    /// The issuer waits for another number.
    OutOfOrder,
    /// The issuer will never take it.
    Unusable(Error),
    /// It may take it later.
    Later(Error),
}

impl ReportAnswer {
    /// What an answer with this status means; `refusal` is what it says if it is no success.
    pub fn of(status: u16, refusal: Error) -> Self {
        match status {
            // No other success: it would not be the issuer's.
            204 => Self::Taken,
            409 => Self::OutOfOrder,
            400 | 413 | 422 => Self::Unusable(refusal),
            _ => Self::Later(refusal),
        }
    }
}
