//! How a request waits for a lease: only where there is a Redis to take one from.

#[cfg(feature = "server")]
mod of {
    use tokio::sync::oneshot;

    use crate::redis::Away;

    /// Hears when to look again, or that Redis is away.
    pub(in crate::limits) type Waiter = oneshot::Sender<Result<(), Away>>;
    pub(in crate::limits) type Wait = oneshot::Receiver<Result<(), Away>>;

    /// Both ends of a wait; `None` where nobody waits.
    #[expect(clippy::unnecessary_wraps, reason = "without a server there are none")]
    pub(in crate::limits) fn waiting() -> Option<(Waiter, Wait)> {
        Some(oneshot::channel())
    }
}

#[cfg(not(feature = "server"))]
mod of {
    /// Nobody waits.
    #[derive(Debug)]
    pub(in crate::limits) enum Waiter {}

    #[derive(Debug)]
    pub(in crate::limits) enum Wait {}

    pub(in crate::limits) fn waiting() -> Option<(Waiter, Wait)> {
        None
    }
}

pub(super) use of::{Wait, Waiter, waiting};
