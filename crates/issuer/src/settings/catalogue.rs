use doorkey_core::{Scope, ScopeSet};

/// One scope that the operator's API knows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueScope {
    /// `resource:action`, without the name of a resource.
    #[serde(deserialize_with = "super::file::parsed")]
    pub name: Scope,
    /// What it permits, for people.
    #[serde(default)]
    pub description: String,
    /// Whether a publishable key may have it.
    #[serde(default)]
    pub browser: bool,
}

/// The scopes that the operator's API knows, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(Vec<CatalogueScope>);

impl Catalogue {
    /// Takes entries whose names are different and narrow to no resource; otherwise says which is wrong, and how.
    pub(super) fn new(entries: Vec<CatalogueScope>) -> Result<Self, (usize, &'static str)> {
        for (i, entry) in entries.iter().enumerate() {
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

    /// Every scope.
    pub fn scopes(&self) -> ScopeSet {
        self.0.iter().map(|entry| entry.name.clone()).collect()
    }

    /// Every scope that the preset role viewer has.
    pub fn viewer_scopes(&self) -> ScopeSet {
        self.0.iter().filter(|entry| entry.name.as_str().ends_with(":read")).map(|entry| entry.name.clone()).collect()
    }

    /// Every scope that a publishable key may have.
    pub fn browser_scopes(&self) -> ScopeSet {
        self.0.iter().filter(|entry| entry.browser).map(|entry| entry.name.clone()).collect()
    }
}
