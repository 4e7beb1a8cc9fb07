//! Which refusals an endpoint may answer with, in one word: `responses((status = 200, …), refusals::Read)`.

use std::collections::{BTreeMap, BTreeSet};

use doorkey_core::{ErrorCode, Problem};
use utoipa::IntoResponses;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{AllOfBuilder, Type};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder};

macro_rules! groups {
    ($($(#[$doc:meta])* $group:ident $statuses:expr;)+) => {$(
        $(#[$doc])*
        pub(in crate::http) struct $group;

        impl IntoResponses for $group {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                refer(&$statuses)
            }
        }
    )+};
}

groups! {
    /// Of whatever asks for nothing: the issuer may fail all the same.
    Any [503];
    /// Of a mint.
    Mint [400, 401, 403, 413, 429, 503];
    /// Of what a member reads.
    Read [400, 401, 403, 404, 422, 429, 503];
    /// Of what a member changes.
    Change [400, 401, 403, 404, 409, 413, 422, 429, 503];
    /// Of what a member changes in one revision of it, as `If-Match` says.
    Edit [400, 401, 403, 404, 409, 412, 413, 422, 429, 503];
    /// Of what a verifier asks for.
    Signed [400, 401, 403, 413, 422, 429, 503];
    /// Of what a verifier reports.
    Report [400, 401, 403, 409, 413, 422, 429, 503];
    /// Of what is sent without a sign-in, or in order to get one.
    Submit [400, 401, 403, 404, 409, 413, 422, 429, 503];
}

fn refer(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    statuses.iter().map(|&status| (status.to_string(), RefOr::Ref(Ref::from_response_name(name(status))))).collect()
}

/// What a status is called among the document's components.
fn name(status: u16) -> &'static str {
    match status {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "Conflict",
        412 => "PreconditionFailed",
        413 => "BodyTooLarge",
        422 => "InvalidInput",
        429 => "TooManyRequests",
        502 => "BadGateway",
        503 => "Unavailable",
        _ => "Other",
    }
}

/// One response for each status of the table of codes.
pub(super) fn components() -> impl Iterator<Item = (&'static str, Response)> {
    let statuses: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.status()).collect();
    statuses.into_iter().map(|status| (name(status), response(status)))
}

fn response(status: u16) -> Response {
    let codes: Vec<_> =
        ErrorCode::ALL.iter().filter(|code| code.status() == status).map(|code| code.as_str()).collect();
    let listed = codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    let members = ObjectBuilder::new()
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status])))
        .property("code", ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes)));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(members);
    let mut response = ResponseBuilder::new()
        .description(listed)
        .content(Problem::CONTENT_TYPE, ContentBuilder::new().schema(Some(schema)).build())
        .header_ref("X-Request-Id", Ref::new(super::REQUEST_ID));
    let headers: &[(&str, Type, &str)] = match status {
        401 => &[("WWW-Authenticate", Type::String, "`Doorkey error=\"<code>\"`.")],
        405 => &[("Allow", Type::String, "The methods that this address takes.")],
        429 => &[
            ("Retry-After", Type::Integer, "Seconds."),
            ("RateLimit", Type::String, "What is left of the limit that was reached, where that is known."),
            ("RateLimit-Policy", Type::String, "The limit, where it is known."),
        ],
        503 => &[("Retry-After", Type::Integer, "Seconds.")],
        _ => &[],
    };
    for (name, kind, description) in headers {
        let schema = ObjectBuilder::new().schema_type(kind.clone());
        response =
            response.header(*name, HeaderBuilder::new().schema(Some(schema)).description(Some(*description)).build());
    }
    response.build()
}

#[cfg(test)]
mod tests {
    use utoipa::IntoResponses;

    use super::{Any, Change, Edit, Mint, Read, Report, Signed, Submit, components};

    #[test]
    fn every_status_has_a_name_of_its_own() {
        let names: Vec<_> = components().map(|(name, _)| name).collect();
        assert!(!names.contains(&"Other"), "{names:?}");
        for group in [
            Any::responses(),
            Mint::responses(),
            Read::responses(),
            Change::responses(),
            Edit::responses(),
            Signed::responses(),
            Report::responses(),
            Submit::responses(),
        ] {
            assert!(group.contains_key("503"));
        }
    }
}
