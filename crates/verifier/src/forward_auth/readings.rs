//! Paths that a front server and the service behind it may read differently.

use doorkey_core::{Error, ErrorCode, RequestTarget};

/// What a server may decode before or after it has looked for slashes and dots. The percent sign is there for who decodes
/// twice; that all control characters are refused is for who ends at one, or leaves it out.
const ESCAPES: [&str; 8] = ["%2f", "%5c", "%2e", "%25", "%3b", "%7f", "%0", "%1"];

/// Refuses a path that has more than one reading.
///
/// A front decodes, merges and resolves a path before it chooses a location, and sends on the raw one, of which the
/// service may make another: `/public/..;/admin` is in `/public/` for nginx, and `/admin` for servlets, which also read
/// `/admin;x/users` as `/admin/users`. So a location that is open, or asks for less, would lead into one that asks for more.
pub(super) fn refuse_two_readings(target: RequestTarget<'_>) -> Result<(), Error> {
    let path = target.path();
    let is_escaped = || {
        let lower = path.to_ascii_lowercase();
        ESCAPES.iter().any(|escape| lower.contains(escape))
    };
    if path.contains("//") || path.contains(';') || (path.contains('%') && is_escaped()) {
        return Err(Error::new(ErrorCode::MalformedRequest, "the path can be read in two ways"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use doorkey_core::RequestTarget;

    use super::refuse_two_readings;

    #[test]
    fn a_path_has_one_reading() {
        let check = |path| refuse_two_readings(RequestTarget::parse(path).unwrap());
        for path in [
            "/public/..;/admin/users",
            "/public/.;/admin",
            "/public/%2e.%3b/admin",
            "/;/admin",
            "/%3Bx/admin",
            "/admin;x/users",
            "/admin%3bx",
            "/x%2f..%2fadmin",
            "/admin/x%2f..%2F..%2fpublic",
            "/a%5Cb",
            "/%2e%2e%2e",
            "/file%2Etxt",
            "/a%252fb",
            "/a%00b",
            "/admin%0a",
            "/admin%1F",
            "/admin%7f",
            "//a",
            "/a//b",
            "/a//",
        ] {
            assert!(check(path).is_err(), "{path}");
        }
        for path in ["/", "/pictures/1", "/pictures/", "/zo%C3%AB", "/a%20b", "/...", "/a.b", "/a?next=%2f..%2f//;%00"]
        {
            assert!(check(path).is_ok(), "{path}");
        }
    }
}
