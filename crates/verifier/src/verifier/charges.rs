//! How long a request may wait for its charges.

use std::time::Duration;

use doorkey_core::{Error, ErrorCode};

use super::Verifier;
use crate::decision::Accepted;
use crate::limits::Charged;
use crate::refusal::Refusal;

/// How long limits may take, all waits for Redis together.
const LIMITS_PATIENCE: Duration = Duration::from_secs(2);

impl Verifier {
    /// Charges a request.
    pub(super) async fn charge(&self, request: &Accepted) -> Result<Charged, Refusal> {
        let charge = self.limits.charge(request, self.clock.moment());
        let slow = |_| Error::new(ErrorCode::StoreUnavailable, "the store of the limits is slow");
        tokio::time::timeout(LIMITS_PATIENCE, charge).await.map_err(slow)?
    }
}
