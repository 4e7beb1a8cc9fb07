//! What pages download for other SDKs that authenticate them, beside ours.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::shell::command;

/// Prints them, smallest first: each bundled by itself, as the first example of its documentation uses it.
pub(crate) fn measure() -> Result<()> {
    eprintln!("▸ measure other SDKs");
    let measured = command("node", &["tests/packaging/sizes.mjs"]).stdout(Stdio::piped()).output()?;
    if !measured.status.success() {
        bail!("other SDKs could not be measured: {}", String::from_utf8_lossy(&measured.stderr));
    }
    let sizes: Map<String, Value> = serde_json::from_slice(&measured.stdout)?;
    let mut rows = sizes
        .iter()
        .map(|(name, size)| {
            let version = size["version"].as_str().context("sizes.mjs says the version")?;
            let brotli = size["brotli"].as_u64().context("sizes.mjs says the bytes")?;
            Ok((brotli, format!("{name} {version}")))
        })
        .collect::<Result<Vec<_>>>()?;
    rows.sort();
    println!("{:28} {:>29}", "others, bundled", "brotli");
    for (brotli, name) in rows {
        println!("{name:28} {brotli:>29}");
    }
    Ok(())
}
