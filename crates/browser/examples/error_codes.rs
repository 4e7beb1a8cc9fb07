//! Prints `js/error-code.ts`: the table of error codes for TypeScript.

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

    let mut retryable: Vec<u16> =
        ErrorCode::ALL.iter().filter(|code| code.is_retryable()).map(|c| c.status()).collect();
    retryable.dedup();
    writeln!(out, "\n/** @internal The same request can succeed later, without a change. */")?;
    writeln!(out, "export const RETRYABLE_STATUSES: readonly number[] = {retryable:?};")?;

    writeln!(out, "\n/** @internal What goes with a code. */")?;
    writeln!(out, "export interface CodeRow {{ code: ErrorCode; status: number; hint: string }}\n")?;
    writeln!(out, "// One constant for each code: a bundle holds those that it uses.")?;
    for code in ErrorCode::ALL {
        let name = code.as_str().to_uppercase();
        let (status, hint) = (code.status(), code.hint());
        writeln!(out, "/** @internal */")?;
        writeln!(out, "export const {name}: CodeRow = {{ code: \"{code}\", status: {status}, hint: {hint:?} }};")?;
    }
    out.flush()
}
