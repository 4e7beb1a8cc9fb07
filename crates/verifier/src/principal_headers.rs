//! Who calls, as headers: what a gate tells the service behind it.

use std::borrow::Cow;
use std::fmt::Write;

use doorkey_core::{KeyKind, Scope};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::principal::Principal;
use crate::refusal::RequestId;
use crate::signed::BodyRule;

/// What every header of ours begins with; a caller's own never reach the service.
const PREFIX: &str = "doorkey-";

const KEY_ID: HeaderName = HeaderName::from_static("doorkey-key-id");
const KEY_KIND: HeaderName = HeaderName::from_static("doorkey-key-kind");
const SESSION_ID: HeaderName = HeaderName::from_static("doorkey-session-id");
const SUBJECT: HeaderName = HeaderName::from_static("doorkey-subject");
const ORGANIZATION: HeaderName = HeaderName::from_static("doorkey-organization");
const WORKSPACE: HeaderName = HeaderName::from_static("doorkey-workspace");
const WORKSPACES: HeaderName = HeaderName::from_static("doorkey-workspaces");
const ENVIRONMENT: HeaderName = HeaderName::from_static("doorkey-environment");
const ORIGIN: HeaderName = HeaderName::from_static("doorkey-origin");
const SCOPES: HeaderName = HeaderName::from_static("doorkey-scopes");
const LIMITS: HeaderName = HeaderName::from_static("doorkey-limits");
const REQUEST_ID: HeaderName = HeaderName::from_static("doorkey-request-id");
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("doorkey-client-address");
const BODY: HeaderName = HeaderName::from_static("doorkey-body");

/// Whether the gate that makes the headers sees bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// It has read what a proof covers.
    Seen,
    /// They pass it by, but it was told whether there is one.
    Unseen,
    /// They pass it by, and nobody says whether there is one.
    Untold,
}

/// Who calls, as the service behind a gate reads it.
///
/// What has more than one value is separated by spaces. What does not apply is left out: `Doorkey-Workspaces` is for keys
/// of an organization, and `*` where it may use all of them. A subject that an end user may have chosen is
/// percent-encoded: each byte of its UTF-8 that is no visible ASCII, and the percent sign. `Doorkey-Body` is
///
/// - `checked` for a body that was read and is the one that was signed,
/// - `none` where it was signed that there is none: what comes nonetheless is nobody's,
/// - `unchecked` for one that was signed and not seen, so that the service compares `Content-Digest` itself, for one that
///   nothing covers, and for what may come behind a proof without one where nobody says whether it does.
pub(crate) fn principal_headers(principal: &Principal, request_id: &RequestId, bodies: Bodies) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    let mut tell = |name: HeaderName, text: &str| {
        // All but the subject is ASCII by its type, and that is encoded.
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    tell(KEY_ID, &principal.key_id().to_string());
    tell(
        KEY_KIND,
        match principal.kind() {
            KeyKind::Publishable => "publishable",
            KeyKind::Secret => "secret",
        },
    );
    if let Some(session) = principal.session_id() {
        tell(SESSION_ID, &session.to_string());
    }
    tell(SUBJECT, &percent_encoded(&principal.subject()));
    tell(ORGANIZATION, &principal.organization().to_string());
    match (principal.workspace(), principal.workspaces()) {
        (Some(workspace), _) => tell(WORKSPACE, &workspace.to_string()),
        (None, Some(chosen)) => tell(WORKSPACES, &spaced(chosen)),
        (None, None) => tell(WORKSPACES, "*"),
    }
    tell(ENVIRONMENT, &principal.environment().to_string());
    if let Some(origin) = principal.origin() {
        tell(ORIGIN, origin.as_str());
    }
    tell(SCOPES, &spaced(principal.scopes().iter().map(Scope::as_str)));
    let limits = principal.limits();
    if !limits.is_empty() {
        tell(LIMITS, &serde_json::json!(limits).to_string());
    }
    tell(REQUEST_ID, request_id.as_str());
    if let Some(address) = principal.client_address() {
        tell(CLIENT_ADDRESS, &address.to_string());
    }
    tell(
        BODY,
        match (principal.accepted().body(), bodies) {
            (BodyRule::Digest(_), Bodies::Seen) => "checked",
            (BodyRule::Empty, Bodies::Seen | Bodies::Unseen) => "none",
            (BodyRule::Digest(_), Bodies::Unseen) | (_, Bodies::Untold) | (BodyRule::Free, _) => "unchecked",
        },
    );
    headers
}

/// The same with an empty value for what does not apply: Caddy writes the name of what it does not find.
pub(crate) fn with_empty_ones(mut headers: HeaderMap) -> HeaderMap {
    for name in [SESSION_ID, WORKSPACE, WORKSPACES, ORIGIN, LIMITS, CLIENT_ADDRESS] {
        headers.entry(name).or_insert(HeaderValue::from_static(""));
    }
    headers
}

/// Whether a header's name is one that only a gate may say, also for services to which `-` and `_` are one.
pub(crate) fn is_principal_header(name: &HeaderName) -> bool {
    begins_with(name, PREFIX)
}

/// Whether a name begins so, `_` being `-`; CGI and its heirs hand both to a program as the same variable.
pub(crate) fn begins_with(name: &HeaderName, prefix: &str) -> bool {
    let name = name.as_str().as_bytes();
    name.len() >= prefix.len() && name.iter().zip(prefix.bytes()).all(|(&b, p)| b == p || (b == b'_' && p == b'-'))
}

/// A header's name as CGI and its heirs read it.
pub(crate) fn dashed(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    if name.contains('_') { Cow::Owned(name.replace('_', "-")) } else { Cow::Borrowed(name) }
}

fn spaced<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

fn percent_encoded(text: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'%';
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 32);
    for byte in text.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Cow::Owned(encoded)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::{is_principal_header, percent_encoded};

    #[test]
    fn a_subject_can_be_any_text() {
        for (subject, expected) in [
            ("user-42", "user-42"),
            ("ada@example.com", "ada@example.com"),
            ("Ada Lovelace", "Ada%20Lovelace"),
            ("100%", "100%25"),
            ("zoë", "zo%C3%AB"),
            ("a\r\nDoorkey-Scopes: all", "a%0D%0ADoorkey-Scopes:%20all"),
        ] {
            assert_eq!(percent_encoded(subject), expected);
        }
    }

    #[test]
    fn a_name_is_ours_however_it_is_spelled() {
        let is_ours = |name: &str| is_principal_header(&HeaderName::from_bytes(name.as_bytes()).unwrap());
        for name in ["Doorkey-Key-Id", "doorkey_key_id", "DOORKEY_SCOPES", "Doorkey-Anything", "doorkey-"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["doorkey", "doorkeys-id", "x-doorkey-key-id", "authorization"] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
