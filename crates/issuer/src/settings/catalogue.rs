use std::borrow::Cow;

use doorkey_core::{Scope, ScopeSet};
use serde::de::{Deserialize, Deserializer, Error as _};

/// What resources of Doorkey itself begin with; no API has scopes of that name.
const RESERVED: &str = "doorkey.";

/// One scope that the operator's API knows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(from = "RawScope")]
pub struct CatalogueScope {
    /// `resource:action`, without the name of a resource.
    pub name: Scope,
    /// What it permits, for people.
    pub description: String,
    /// Whether a publishable key may have it.
    pub browser: bool,
    /// Whether the preset role `viewer` has it: those with the action `read`, unless told.
    pub viewer: bool,
    /// Whether a signed URL that needs no more than this may be used more than once.
    pub reusable_urls: bool,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScope {
    #[serde(deserialize_with = "name")]
    name: Scope,
    #[serde(default)]
    description: String,
    #[serde(default)]
    browser: bool,
    viewer: Option<bool>,
    #[serde(default)]
    reusable_urls: bool,
}

impl From<RawScope> for CatalogueScope {
    fn from(raw: RawScope) -> Self {
        let viewer = raw.viewer.unwrap_or_else(|| raw.name.permission().ends_with(":read"));
        let RawScope { name, description, browser, reusable_urls, .. } = raw;
        Self { name, description, browser, viewer, reusable_urls }
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scope, D::Error> {
    let name: Scope = <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(D::Error::custom)?;
    if name.as_str().starts_with(RESERVED) {
        return Err(D::Error::custom("scopes that begin with doorkey. are Doorkey's own"));
    }
    Ok(name)
}

/// The scopes that the operator's API knows, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(Vec<CatalogueScope>);

impl Catalogue {
    /// The most scopes that there may be.
    pub const MAX: usize = 1000;

    /// Takes entries whose names are different and narrow to no resource; otherwise says which is wrong, and how.
    pub(super) fn new(entries: Vec<CatalogueScope>) -> Result<Self, (usize, &'static str)> {
        for (i, entry) in entries.iter().enumerate() {
            if i >= Self::MAX {
                return Err((i, "a catalogue has at most 1000 scopes"));
            }
            if entry.name.resource_name().is_some() {
                return Err((i, "a catalogue names permissions, not single resources"));
            }
            if entries[..i].iter().any(|earlier| earlier.name == entry.name) {
                return Err((i, "this scope stands in the catalogue twice"));
            }
        }
        Ok(Self(entries))
    }

    /// Every entry, in the order of the file.
    pub fn all(&self) -> &[CatalogueScope] {
        &self.0
    }

    /// The entry whose permission `scope` is, on all resources or on one.
    pub fn find(&self, scope: &Scope) -> Option<&CatalogueScope> {
        self.0.iter().find(|entry| entry.name.as_str() == scope.permission())
    }

    /// Those of the scopes whose permissions are here.
    pub fn known(&self, scopes: &ScopeSet) -> ScopeSet {
        scopes.iter().filter(|scope| self.find(scope).is_some()).cloned().collect()
    }

    /// Every scope.
    pub fn scopes(&self) -> ScopeSet {
        self.that(|_| true)
    }

    /// Every scope that a publishable key may have.
    pub fn browser_scopes(&self) -> ScopeSet {
        self.that(|entry| entry.browser)
    }

    /// Every scope that the preset role `viewer` has.
    pub fn viewer_scopes(&self) -> ScopeSet {
        self.that(|entry| entry.viewer)
    }

    fn that(&self, is_meant: impl Fn(&CatalogueScope) -> bool) -> ScopeSet {
        self.0.iter().filter(|entry| is_meant(entry)).map(|entry| entry.name.clone()).collect()
    }
}
