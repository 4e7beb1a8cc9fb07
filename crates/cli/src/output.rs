//! stdout is data, stderr is talk.

use std::io::Write;

use anyhow::Context;
use doorkey_core::ErrorCode;

/// Writes data to stdout, all of it or an error: a key that nobody saw must not look like one that was handed over.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot write to stdout")
}

/// Says something to whoever watches; if nobody does, so be it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Says what went wrong in one line, and what to do about it in another.
pub(crate) fn explain(error: &anyhow::Error) {
    let line = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
    match code(error) {
        Some(code) => say(&format!("error: {line} [{code}]\nhint: {}", code.hint())),
        None => say(&format!("error: {line}")),
    }
}

fn code(error: &anyhow::Error) -> Option<ErrorCode> {
    error.chain().find_map(|cause| {
        let issuer = cause.downcast_ref::<doorkey_issuer::Error>().map(doorkey_issuer::Error::code);
        issuer.or_else(|| cause.downcast_ref::<doorkey_core::Error>().map(doorkey_core::Error::code))
    })
}
