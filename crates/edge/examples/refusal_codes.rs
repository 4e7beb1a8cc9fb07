//! Prints `js/error-code.ts`: the codes for TypeScript, and the one row that TypeScript needs where there is no Rust.

use std::io::{self, Write as _};

use doorkey_core::ErrorCode;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "// Generated from doorkey_core::ErrorCode by `cargo xtask codegen`. Do not edit.")?;
    writeln!(out, "\n/** A stable reason for a refusal, as it stands in the `code` of a problem document. */")?;
    writeln!(out, "export type ErrorCode =")?;
    for code in ErrorCode::ALL {
        writeln!(out, "  /** {} ({}). {} */", code.title(), code.status(), code.hint())?;
        writeln!(out, "  | \"{code}\"")?;
    }
    writeln!(out, "  ;")?;
    let code = ErrorCode::VerifierUnavailable;
    let (status, title, hint) = (code.status(), code.title(), code.hint());
    writeln!(out, "\n/** @internal The refusal that must do without Rust. */")?;
    writeln!(out, "export const VERIFIER_UNAVAILABLE = {{")?;
    writeln!(out, "  code: \"{code}\",\n  status: {status},\n  title: {title:?},\n  hint: {hint:?},")?;
    writeln!(out, "}} as const;")?;
    out.flush()
}
