//! What is wrong, told once.

use doorkey_core::Error;

/// The trouble that was told of last.
#[derive(Debug)]
pub(super) struct Trouble {
    what: &'static str,
    told: Option<Error>,
}

impl Trouble {
    /// None so far; `what` says what does not work when there is some.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, told: None }
    }

    /// Tells of a trouble, unless it is the one that was told of; `is_grave` if it will not pass by itself.
    pub(super) fn is(&mut self, error: Error, is_grave: bool) {
        if self.told.as_ref() == Some(&error) {
            return;
        }
        let code = error.code();
        if is_grave {
            tracing::error!(%code, %error, "{}", self.what);
        } else {
            tracing::warn!(%code, %error, "{}", self.what);
        }
        self.told = Some(error);
    }

    /// Whether there is some.
    pub(super) fn is_there(&self) -> bool {
        self.told.is_some()
    }

    /// Tells that it is over, if there was any.
    pub(super) fn is_over(&mut self) {
        if self.told.take().is_some() {
            tracing::info!("no longer: {}", self.what);
        }
    }
}
