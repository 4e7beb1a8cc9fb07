//! A refusal on its way through nginx, which knows of an answer only whether it is a 401.

use std::fmt::Write;
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use doorkey_core::{Error, ErrorCode};
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::refusal::{REQUEST_ID, ReachedLimit, Refusal, RequestId};

/// The header that carries it, to be handed back as it is.
pub(super) const CARRIED: HeaderName = HeaderName::from_static("doorkey-refusal");

/// An answer that nginx understands, and from which [`take`] makes the refusal again.
///
/// It has no `WWW-Authenticate`, which nginx would copy beside the one of the refusal that it shows in the end.
pub(super) fn carry(refusal: &Refusal, request_id: &RequestId) -> Response {
    let code = refusal.error().code();
    let wait = refusal.retry_after().map_or(0, |wait| wait.as_millis());
    let mut carried = format!("{code};{};{wait}", request_id.as_str());
    if let Some(ReachedLimit { policy, quota, window }) = refusal.limit() {
        // Writing to a string does not fail.
        let _ = write!(carried, ";{policy};{quota};{}", window.as_secs());
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::UNAUTHORIZED;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, text) in [(CARRIED, carried.as_str()), (REQUEST_ID, request_id.as_str())] {
        if let Ok(value) = HeaderValue::from_str(text) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// The refusal again, without what it said of this very request: nothing comes out of it but a row of the table of codes,
/// numbers, and an id that has the form of one. So whoever makes one up shows nobody anything of their own.
pub(super) fn take(carried: &HeaderValue) -> Option<(Refusal, RequestId)> {
    let mut parts = carried.to_str().ok()?.split(';');
    let code = ErrorCode::parse(parts.next()?)?;
    let request_id = RequestId::parse(parts.next()?)?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let wait = number(parts.next()?)?;
    let mut refusal = Refusal::from(Error::new(code, "the log says more under the request's id"));
    if wait > 0 {
        refusal = refusal.with_retry_after(Duration::from_millis(wait));
    }
    if let Some(policy) = parts.next() {
        let policy = ReachedLimit::POLICIES.into_iter().find(|known| *known == policy)?;
        let (quota, window) = (number(parts.next()?)?, Duration::from_secs(number(parts.next()?)?));
        refusal = refusal.with_limit(ReachedLimit { policy, quota, window });
    }
    parts.next().is_none().then_some((refusal, request_id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorkey_core::{Error, ErrorCode};
    use http::HeaderValue;

    use super::{CARRIED, carry, take};
    use crate::ambient::{SystemClock, SystemEntropy};
    use crate::refusal::{REQUEST_ID, ReachedLimit, Refusal, RequestId};

    #[test]
    fn a_refusal_arrives_with_status_wait_and_limit() {
        let limit = ReachedLimit { policy: "key", quota: 100, window: Duration::from_mins(1) };
        let refusal = Refusal::from(Error::new(ErrorCode::RateLimited, "secret detail"))
            .with_retry_after(Duration::from_millis(1500))
            .with_limit(limit);
        let id = RequestId::new(&SystemEntropy);
        let answer = carry(&refusal, &id);
        assert_eq!(answer.status(), 401);
        assert!(!answer.headers().contains_key("www-authenticate"));
        let (again, same_id) = take(&answer.headers()[CARRIED]).unwrap();
        let shown = |refusal: &Refusal, id: &RequestId| refusal.to_response::<String>(id, &SystemClock);
        let (before, after) = (shown(&refusal, &id), shown(&again, &same_id));
        assert_eq!((before.status(), before.headers()), (after.status(), after.headers()));
        assert_eq!(after.headers()["retry-after"], "2");
        assert_eq!(after.headers()[REQUEST_ID], before.headers()[REQUEST_ID]);
        assert!(!after.body().contains("secret detail"));
    }

    #[test]
    fn nobody_else_gets_anything_shown() {
        let id = RequestId::new(&SystemEntropy);
        let id = id.as_str();
        for text in [
            String::new(),
            "replayed".into(),
            format!("no_such_code;{id};0"),
            "replayed;req_<script>alert(1)</s;0".into(),
            format!("replayed;{id};-1"),
            format!("replayed;{id};"),
            format!("replayed;{id};0;"),
            format!("replayed;{id};0;evil;1;1"),
            format!("replayed;{id};0;key;1"),
            format!("replayed;{id};0;key;1;1;more"),
            format!("replayed;{id}more;0"),
        ] {
            assert!(take(&HeaderValue::from_str(&text).unwrap()).is_none(), "{text}");
        }
        assert!(take(&HeaderValue::from_str(&format!("replayed;{id};0")).unwrap()).is_some());
    }
}
