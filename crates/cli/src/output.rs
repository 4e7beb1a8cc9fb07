//! stdout is data, stderr is talk.

use std::io::{ErrorKind, Write};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use doorkey_core::ErrorCode;

/// Writes data to stdout, all of it or an error: a key that nobody saw must not look like one that was handed over.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    write(text).context("cannot write to stdout")
}

/// Writes to stdout what can be asked for again. Who reads no more of it has seen enough: `doorkey keys list | head -1`.
pub(crate) fn answer(text: &str) -> anyhow::Result<()> {
    match write(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.context("cannot write to stdout"),
    }
}

fn write(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// A time as people read it; Unix seconds.
pub(crate) fn time(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// Columns as wide as their widest cell, two spaces apart.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
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
