use std::sync::Arc;

use tokio::sync::watch;

use super::Settings;
use crate::error::Error;

/// The settings that hold now, for all who share them: they can be replaced while the issuer runs.
#[derive(Clone, Debug)]
pub struct SharedSettings(watch::Sender<Arc<Settings>>);

impl SharedSettings {
    /// Shares settings.
    pub fn new(settings: Settings) -> Self {
        Self(watch::Sender::new(Arc::new(settings)))
    }

    /// What holds now. Ask once for each request, so that a request is decided by one set of rules.
    pub fn current(&self) -> Arc<Settings> {
        Arc::clone(&self.0.borrow())
    }

    /// Follows what holds.
    pub(crate) fn follow(&self) -> watch::Receiver<Arc<Settings>> {
        self.0.subscribe()
    }

    /// Replaces them for everybody.
    ///
    /// Fails with `invalid_input` for another public URL or brand, which keys that are out there name.
    pub fn replace(&self, settings: Settings) -> Result<(), Error> {
        let mut done = Ok(());
        self.0.send_if_modified(|current| {
            let cannot = |field| Err(Error::invalid(field, "keys name it: it takes a restart to change it"));
            if settings.public_url() != current.public_url() {
                done = cannot("public_url");
            } else if settings.brand() != current.brand() {
                done = cannot("brand");
            } else {
                *current = Arc::new(settings);
            }
            done.is_ok()
        });
        done
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
