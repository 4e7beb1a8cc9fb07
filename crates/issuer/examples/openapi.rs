//! Prints the OpenAPI document of the issuer's HTTP API.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", doorkey_issuer::openapi())
}
