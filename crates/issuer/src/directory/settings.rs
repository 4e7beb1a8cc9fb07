use doorkey_core::JwkSet;
use doorkey_verifier::{DirectoryLine, DirectorySettings};

use crate::error::Error;
use crate::settings::Settings;

/// What holds for all keys, as verifiers hear of it.
pub(super) fn line(settings: &Settings, public_keys: &JwkSet) -> Result<DirectoryLine, Error> {
    let scopes = settings.catalogue().all().iter();
    let limits = settings.limits().all().iter();
    Ok(DirectoryLine::Settings(Box::new(DirectorySettings {
        issuer: settings.public_url().clone(),
        jwks: serde_json::from_str(&public_keys.to_json()).map_err(Error::store)?,
        reusable_urls: scopes.filter(|scope| scope.reusable_urls).map(|scope| scope.name.clone()).collect(),
        limits: limits.filter_map(|limit| Some((limit.name.clone(), limit.default?))).collect(),
    })))
}
