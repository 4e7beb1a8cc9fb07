//! What is asked of a new key, and the rules for it.

use doorkey_core::token::{Claims, Confirmation, DoorkeyClaims};
use doorkey_core::{
    Environment, FieldError, KeyId, KeyKind, OrganizationId, OriginPattern, PublishableKey, ScopeSet, SecretKey,
    SessionId, SigningKey, Thumbprint, WorkspaceId, token,
};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::settings::{Settings, is_token_lifetime};
use crate::store::KeyRecord;

/// What a new key shall be.
///
/// ```
/// use doorkey_core::{Environment, KeyKind};
/// use doorkey_issuer::NewKey;
///
/// let new = NewKey::new(KeyKind::Publishable, Environment::Live)
///     .with_name("Shop")
///     .with_scopes("pictures:read".parse()?)
///     .with_origins(vec!["https://*.shop.example".parse()?]);
/// # let _ = new;
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NewKey {
    kind: KeyKind,
    environment: Environment,
    name: Option<String>,
    scopes: Option<ScopeSet>,
    origins: Vec<OriginPattern>,
    session_lifetime: Option<u64>,
}

impl NewKey {
    /// Most characters of a name.
    pub const MAX_NAME_LEN: usize = 100;
    /// Most origins of a key.
    pub const MAX_ORIGINS: usize = 100;

    /// A key with every scope that its kind may have, without a name and without origins.
    pub fn new(kind: KeyKind, environment: Environment) -> Self {
        Self { kind, environment, name: None, scopes: None, origins: Vec::new(), session_lifetime: None }
    }

    /// Names the key; otherwise its id is shown.
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Gives the key exactly these scopes; an empty set is none.
    pub fn with_scopes(self, scopes: ScopeSet) -> Self {
        Self { scopes: Some(scopes), ..self }
    }

    /// Lets pages of these origins use the key.
    pub fn with_origins(self, origins: Vec<OriginPattern>) -> Self {
        Self { origins, ..self }
    }

    /// Sets how long its sessions' tokens live, in seconds, 1 to 600.
    pub fn with_session_lifetime(self, seconds: u64) -> Self {
        Self { session_lifetime: Some(seconds), ..self }
    }

    /// Applies the rules; all that is wrong is said at once.
    pub(super) fn check(self, settings: &Settings) -> Result<Checked, Error> {
        let mut wrong = Vec::new();
        if self.name.as_deref().is_some_and(|name| !is_name(name)) {
            wrong.push(field("name", "1 to 100 characters on one line, without spaces around them"));
        }
        let is_publishable = self.kind == KeyKind::Publishable;
        if is_publishable {
            self.check_publishable(&mut wrong);
        } else {
            self.check_secret(&mut wrong);
        }
        let catalogue = settings.catalogue();
        for scope in self.scopes.iter().flat_map(ScopeSet::iter) {
            match catalogue.find(scope) {
                None => wrong.push(field("scopes", format!("{scope} is not in the catalogue"))),
                Some(entry) if is_publishable && !entry.browser => {
                    wrong.push(field("scopes", format!("{scope} is not for publishable keys")));
                }
                Some(_) => {}
            }
        }
        let all = || if is_publishable { catalogue.browser_scopes() } else { catalogue.scopes() };
        let scopes = self.scopes.unwrap_or_else(all);
        if is_publishable && wrong.is_empty() && !fits_a_token(&scopes, settings) {
            wrong.push(field("scopes", "a token with all of them would have more than 4096 bytes"));
        }
        if !wrong.is_empty() {
            return Err(Error::invalid_fields(wrong));
        }
        let mut origins = self.origins;
        origins.sort();
        origins.dedup();
        Ok(Checked {
            kind: self.kind,
            environment: self.environment,
            name: self.name,
            scopes,
            origins,
            session_lifetime: self.session_lifetime,
        })
    }

    fn check_publishable(&self, wrong: &mut Vec<FieldError>) {
        if self.origins.is_empty() && self.environment != Environment::Test {
            wrong.push(field("origins", "a live publishable key needs at least one"));
        }
        if self.origins.iter().any(|origin| !origin.is_secure() && !origin.is_loopback()) {
            wrong.push(field(
                "origins",
                "http is for loopback addresses alone: whoever is on the way could change the page",
            ));
        }
        if self.origins.len() > Self::MAX_ORIGINS {
            wrong.push(field("origins", "at most 100 of them"));
        }
        if self.session_lifetime.is_some_and(|seconds| !is_token_lifetime(seconds)) {
            wrong.push(field("session_lifetime", "1 to 600 seconds"));
        }
    }

    fn check_secret(&self, wrong: &mut Vec<FieldError>) {
        if !self.origins.is_empty() {
            wrong.push(field("origins", "a secret key has none: it never stands in a page"));
        }
        if self.session_lifetime.is_some() {
            wrong.push(field("session_lifetime", "a secret key has no sessions"));
        }
    }
}

fn field(name: &str, detail: impl Into<String>) -> FieldError {
    FieldError { field: name.to_owned(), detail: detail.into() }
}

/// A [`NewKey`] that keeps the rules.
pub(super) struct Checked {
    pub(super) kind: KeyKind,
    pub(super) environment: Environment,
    pub(super) name: Option<String>,
    pub(super) scopes: ScopeSet,
    pub(super) origins: Vec<OriginPattern>,
    pub(super) session_lifetime: Option<u64>,
}

fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=NewKey::MAX_NAME_LEN).contains(&length) && name.trim() == name && !name.chars().any(char::is_control)
}

/// Whether the longest token that the key's sessions can have is short enough for every verifier.
fn fits_a_token(scopes: &ScopeSet, settings: &Settings) -> bool {
    let longest_host = "a.".repeat(126) + "a";
    let Ok(origin) = format!("https://{longest_host}:65535").parse() else { return false };
    let key = SigningKey::from_seed(&[0; 32]);
    let id = KeyId::from_bytes([0xff; 16]);
    let claims = Claims {
        iss: settings.public_url().as_str().to_owned(),
        aud: settings.audiences().to_vec(),
        sub: id.to_string(),
        client_id: id,
        iat: 9_999_999_998,
        exp: 9_999_999_999,
        jti: SessionId::from_bytes([0xff; 16]),
        scope: scopes.clone(),
        cnf: Confirmation { jkt: Thumbprint::of(&key.verifying_key()) },
        doorkey: DoorkeyClaims {
            org: OrganizationId::from_bytes([0xff; 16]),
            workspace: Some(WorkspaceId::from_bytes([0xff; 16])),
            env: Environment::Live,
            origin,
        },
    };
    token::issue(&claims, &key).is_ok()
}

/// A key that was just created: its record and, this once, its whole string.
#[derive(Debug)]
pub enum CreatedKey {
    /// A publishable key.
    Publishable {
        /// What the store holds.
        record: KeyRecord,
        /// The key.
        key: PublishableKey,
    },
    /// A secret key. It is not kept anywhere: what is not shown now is lost.
    Secret {
        /// What the store holds.
        record: KeyRecord,
        /// The key, seed included.
        key: SecretKey,
    },
}

impl CreatedKey {
    /// What the store holds.
    pub fn record(&self) -> &KeyRecord {
        match self {
            Self::Publishable { record, .. } | Self::Secret { record, .. } => record,
        }
    }

    /// The whole key string, secret included: to be shown once and never logged.
    pub fn to_key_string(&self) -> Zeroizing<String> {
        match self {
            Self::Publishable { key, .. } => Zeroizing::new(key.to_string()),
            Self::Secret { key, .. } => key.to_key_string(),
        }
    }
}
