//! Prints `www/docs/error-codes.md`: the table of error codes for people.

use std::io::{self, Write as _};

use doorkey_core::ErrorCode;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "<!-- Generated from doorkey_core::ErrorCode by `cargo xtask codegen`. Do not edit. -->\n")?;
    writeln!(out, "# Error codes\n")?;
    writeln!(
        out,
        "What each code means, and what to do about it. [Handle errors](errors.md) says how to read them.\n"
    )?;
    writeln!(out, "| code | status | what happened | what to do |\n|---|---|---|---|")?;
    for code in ErrorCode::ALL {
        writeln!(out, "| `{code}` | {} | {} | {} |", code.status(), code.title(), code.hint())?;
    }
    out.flush()
}
