use std::sync::{Arc, PoisonError, RwLock};

use super::Settings;
use crate::error::Error;

/// The settings that hold now, for all who share them: they can be replaced while the issuer runs.
#[derive(Clone, Debug)]
pub struct SharedSettings(Arc<RwLock<Arc<Settings>>>);

impl SharedSettings {
    /// Shares settings.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(settings))))
    }

    /// What holds now. Ask once for each request, so that a request is decided by one set of rules.
    pub fn current(&self) -> Arc<Settings> {
        // Nobody panics with the lock, and what is behind it is whole at any time.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces them for everybody.
    ///
    /// Fails with `invalid_input` for another public URL or brand, which keys that are out there name.
    pub fn replace(&self, settings: Settings) -> Result<(), Error> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let cannot = |field| Err(Error::invalid(field, "keys name it: it takes a restart to change it"));
        if settings.public_url() != current.public_url() {
            return cannot("public_url");
        }
        if settings.brand() != current.brand() {
            return cannot("brand");
        }
        *current = Arc::new(settings);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::SharedSettings;
    use crate::settings::{Settings, SettingsFile};

    fn resolve(text: &str) -> Settings {
        Settings::resolve(SettingsFile::parse(text).unwrap(), "http://localhost:7700".parse().unwrap()).unwrap()
    }

    #[test]
    fn all_who_share_them_see_new_settings() {
        let shared = SharedSettings::new(resolve("token_lifetime = 100\nbrand = \"acme\""));
        let (other, before) = (shared.clone(), shared.current());
        shared.replace(resolve("token_lifetime = 200\nbrand = \"acme\"")).unwrap();
        assert_eq!((other.current().token_lifetime(), before.token_lifetime()), (200, 100));
    }

    #[test]
    fn what_keys_name_stays() {
        let shared = SharedSettings::new(resolve("brand = \"acme\""));
        for (text, field) in [
            ("token_lifetime = 9", "brand"),
            ("token_lifetime = 9\nbrand = \"other\"", "brand"),
            ("token_lifetime = 9\nbrand = \"acme\"\npublic_url = \"https://keys.example.com\"", "public_url"),
        ] {
            let error = shared.replace(resolve(text)).unwrap_err();
            assert_eq!((error.code().as_str(), &*error.fields()[0].field), ("invalid_input", field));
            assert_eq!(shared.current().token_lifetime(), 300);
        }
    }
}
