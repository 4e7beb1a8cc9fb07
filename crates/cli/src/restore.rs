//! `doorkey restore`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use doorkey_issuer::Store;

use crate::data::{DataFolder, database};
use crate::{Global, output};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What doorkey backup wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let (database, copy) = (database(global)?, arguments.file.display());
    let Some(file) = database.as_file() else {
        bail!("Postgres is restored with its own tool: pg_restore --dbname=URL {copy}");
    };
    if !arguments.file.is_file() {
        bail!("{copy} is not a file");
    }
    let folder = DataFolder::create(&global.data)?;
    Store::restore(&arguments.file, file).await.with_context(|| format!("cannot restore {copy}"))?;
    let (file, key) = (file.display(), folder.master_key_file());
    let key = key.display();
    output::say(&format!(
        "restored {file}; the master key is not in a copy: it must be {key}, or in DOORKEY_MASTER_KEY"
    ));
    Ok(())
}
