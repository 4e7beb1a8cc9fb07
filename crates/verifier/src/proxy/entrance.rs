//! What a proxy asks of a request before it looks at who calls: that it came to this API.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum_core::response::Response;
use doorkey_core::{Error, ErrorCode, Origin};
use http::HeaderMap;
use http::header::HOST;

use crate::layer::log;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::request::single;
use crate::verifier::Verifier;

/// Refuses a request that may not come in.
pub(super) async fn check(State(verifier): State<Arc<Verifier>>, request: Request, next: Next) -> Response {
    match origin(request.headers(), verifier.policy()) {
        Ok(_) => next.run(request).await,
        Err(error) => {
            let (refusal, request_id) = (Refusal::from(error), verifier.request_id());
            verifier.count_refusal(&refusal);
            log(&refusal, &request_id);
            refusal.to_response(&request_id, verifier.clock())
        }
    }
}

/// The audience that a request was made to.
///
/// Fails with [`ErrorCode::MalformedRequest`] if it is none: services choose what they serve by `Host`, and nothing covers
/// that beside a secret key.
fn origin<'a>(headers: &HeaderMap, policy: &'a Policy) -> Result<&'a Origin, Error> {
    let named = single(headers, &HOST)?.and_then(|host| policy.origin_named(host));
    named.ok_or_else(|| Error::new(ErrorCode::MalformedRequest, "the host is none of the audiences"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::HOST};

    use super::origin;
    use crate::policy::Policy;

    fn check(policy: &Policy, host: &[&str]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for host in host {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        let checked = origin(&headers, policy);
        checked.map(|origin| origin.authority().to_owned()).map_err(|error| error.code().to_string())
    }

    #[test]
    fn a_request_is_for_one_of_the_audiences() {
        let policy = Policy::new("https://keys.example", "https://api.example").unwrap();
        let policy = policy.with_origin("https://eu.example:8443".parse().unwrap());
        for (host, expected) in [
            (&["api.example"][..], Ok("api.example")),
            (&["API.example:443"], Ok("api.example")),
            (&["eu.example:8443"], Ok("eu.example:8443")),
            (&["evil.internal"], Err("malformed_request")),
            (&["eu.example"], Err("malformed_request")),
            (&["api.example:80"], Err("malformed_request")),
            (&["api.example:443:443"], Err("malformed_request")),
            (&["api.example."], Err("malformed_request")),
            (&[""], Err("malformed_request")),
            (&[], Err("malformed_request")),
            (&["api.example", "api.example"], Err("malformed_request")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(check(&policy, host), expected, "{host:?}");
        }
    }
}
