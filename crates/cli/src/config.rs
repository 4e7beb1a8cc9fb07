//! `doorkey.toml`: where it is, and what it says.

use std::path::{Path, PathBuf};

use anyhow::Context;
use doorkey_core::Origin;
use doorkey_issuer::SettingsFile;

use crate::Global;

const NAME: &str = "doorkey.toml";

/// Reads the settings: the file that was named, else the one in the data folder, else the one here, else none.
pub(crate) fn load(global: &Global) -> anyhow::Result<SettingsFile> {
    let found = || [global.data.join(NAME), PathBuf::from(NAME)].into_iter().find(|path| path.exists());
    match global.config.clone().or_else(found) {
        Some(path) => parse(&path),
        None => Ok(SettingsFile::default()),
    }
}

fn parse(path: &Path) -> anyhow::Result<SettingsFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    SettingsFile::parse(&text).with_context(|| path.display().to_string())
}

/// Reads a URL that must be an origin; people end them with a slash.
pub(crate) fn parse_origin(text: &str) -> Result<Origin, doorkey_core::Error> {
    text.strip_suffix('/').unwrap_or(text).parse()
}
