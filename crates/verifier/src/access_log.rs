//! One line for each request to a gate. Never a query: a credential may be in it.

use std::time::Duration;

use doorkey_core::ErrorCode;
use http::Response;

use crate::ambient::Clock;

/// What the line of one request will say.
pub(crate) struct Access {
    method: String,
    path: String,
    since: Duration,
}

impl Access {
    pub(crate) fn begin(clock: &dyn Clock) -> Self {
        Self { method: String::new(), path: String::new(), since: clock.monotonic() }
    }

    pub(crate) fn is_about(&mut self, method: &str, target: &str) {
        method.clone_into(&mut self.method);
        target.split('?').next().unwrap_or_default().clone_into(&mut self.path);
    }

    /// Writes it, once the head of the response is there.
    pub(crate) fn end<B>(&self, request_id: Option<&str>, response: &Response<B>, clock: &dyn Clock) {
        let duration = clock.monotonic().saturating_sub(self.since);
        tracing::info!(
            request_id,
            method = self.method,
            path = self.path,
            status = response.status().as_u16(),
            code = response.extensions().get::<ErrorCode>().map(|code| code.as_str()),
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}
