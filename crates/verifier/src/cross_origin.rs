//! What a browser is told about calls from pages of other origins, whoever answers the preflight.

use std::time::Duration;

use http::header::{DATE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::refusal::{RATE_LIMIT, RATE_LIMIT_POLICY, REQUEST_ID};

/// The headers of a response that a page may read: what its clock, its waits and its error reports need.
pub const EXPOSED_HEADERS: [HeaderName; 6] =
    [DATE, WWW_AUTHENTICATE, RETRY_AFTER, RATE_LIMIT, RATE_LIMIT_POLICY, REQUEST_ID];

/// How long a browser may keep the answer to a preflight; the most that any browser honours.
pub const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);
