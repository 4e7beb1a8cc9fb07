//! A request without its body, and its headers.

use std::net::IpAddr;

use doorkey_core::{Error, ErrorCode};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, HOST, HeaderName};

/// A request without its body, as it came over the wire. `Debug` leaves out the headers: a credential is among them.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a str,
    /// The raw path and query, before any router has looked at it.
    pub target: &'a str,
    /// `host[:port]` as the client named it: `:authority` in HTTP/2, `Host` before that. It only chooses among the
    /// configured origins.
    pub authority: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// Who is at the other end of the connection, if that is known.
    pub peer: Option<IpAddr>,
}

impl<'a> RequestHead<'a> {
    /// The authority that the `Host` header names. Fails with [`ErrorCode::MalformedRequest`] if it stands more than once.
    pub fn host(headers: &'a HeaderMap) -> Result<Option<&'a str>, Error> {
        single(headers, &HOST)
    }

    /// Refuses a body that says itself that it has more than `limit` bytes, with [`ErrorCode::BodyTooLarge`].
    pub fn check_announced_body(&self, limit: usize) -> Result<(), Error> {
        let announced = self.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit as u64) { Err(too_large()) } else { Ok(()) }
    }
}

/// The refusal of a body that is larger than the policy allows.
pub(crate) fn too_large() -> Error {
    Error::new(ErrorCode::BodyTooLarge, "the body is larger than this API takes")
}

impl std::fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A query may hold a credential, too.
        let path = self.target.split('?').next();
        f.debug_struct("RequestHead").field("method", &self.method).field("path", &path).finish_non_exhaustive()
    }
}

/// The value of a header that may stand once at most, as text.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        let detail = "a header that is covered or compared stands more than once";
        return Err(Error::new(ErrorCode::MalformedRequest, detail));
    }
    let detail = "a header that is covered or compared is not visible ASCII";
    value.to_str().map(Some).map_err(|_| Error::new(ErrorCode::MalformedRequest, detail))
}
