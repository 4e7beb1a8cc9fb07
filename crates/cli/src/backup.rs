//! `doorkey backup`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use doorkey_issuer::Store;

use crate::data::database;
use crate::{Global, output};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The copy; must not be there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let (database, copy) = (database(global)?, arguments.file.display());
    let Some(file) = database.as_file() else {
        bail!("Postgres is backed up with its own tool: pg_dump --format=custom --file={copy} --dbname=URL");
    };
    Store::back_up(file, &arguments.file).await.with_context(|| format!("cannot back up to {copy}"))?;
    output::say(&format!("wrote {copy}; the master key is not in it: keep that elsewhere, for the copy needs it"));
    Ok(())
}
