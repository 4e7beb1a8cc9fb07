//! The registry, for commands that work on the database next to a running issuer or without one.

use std::sync::Arc;

use anyhow::anyhow;
use doorkey_core::{ErrorCode, Origin};
use doorkey_issuer::{Registry, Settings, SharedSettings, Store, Vault};
use doorkey_verifier::{SystemClock, SystemEntropy};

use crate::data::{DataFolder, database};
use crate::{Global, config};

/// The registry. Publishable keys name the issuer: the address that was told, else the one that
/// `doorkey serve` last ran at, else the file's.
pub(crate) async fn open(global: &Global, public_url: Option<Origin>) -> anyhow::Result<Registry> {
    let mut file = config::load(global)?;
    let database = database(global)?;
    let store = Store::open_existing(&database).await.map_err(|error| {
        let is_absent = error.code() == ErrorCode::NotFound;
        let advice = if is_absent { ": run doorkey serve first, or name another one" } else { "" };
        anyhow::Error::new(error).context(format!("{database}{advice}"))
    })?;
    let public_url = match public_url {
        Some(url) => Some(url),
        None => store.public_url().await?.or(file.public_url.take()),
    };
    file.public_url = None;
    let public_url = public_url.ok_or_else(|| anyhow!("the issuer's address is not known: add --public-url URL"))?;
    let settings = SharedSettings::new(Settings::resolve(file, public_url)?);
    // What is changed leaves a line in the audit, which the master key binds.
    let vault = Arc::new(Vault::new(&*DataFolder::create(&global.data)?.master_key(false)?));
    Ok(Registry::open(store, settings, vault, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?)
}
