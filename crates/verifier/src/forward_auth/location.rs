//! What a front's configuration needs of the requests to one location.

use doorkey_core::{Error, ErrorCode, Scope};

use crate::principal::Principal;

/// The scopes that stand in the query of the path that a front asks.
#[derive(Debug, Default)]
pub(super) struct Needs(Vec<Scope>);

impl Needs {
    /// Reads `scope=pictures:read`, any number of times; an empty one is none, for configurations with variables.
    ///
    /// Fails with [`ErrorCode::InvalidInput`] for whatever else: the configuration is wrong, and lets nobody through.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Error> {
        let parameters = query.unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty());
        let mut scopes = Vec::new();
        for parameter in parameters {
            let scope = parameter.strip_prefix("scope=").map(|scope| scope.replace("%3A", ":").replace("%2F", "/"));
            match scope {
                Some(scope) if scope.is_empty() => {}
                Some(scope) => scopes.push(scope.parse()?),
                None => {
                    let detail = "the front server's configuration asks for something else than a scope";
                    return Err(Error::new(ErrorCode::InvalidInput, detail));
                }
            }
        }
        Ok(Self(scopes))
    }

    /// Whether it makes a difference which location a request is taken for.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a caller that lacks one of the scopes.
    pub(super) fn check(&self, principal: &Principal) -> Result<(), Error> {
        self.0.iter().try_for_each(|scope| principal.require(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::Needs;

    #[test]
    fn a_configuration_asks_for_scopes_alone() {
        for (query, count) in [
            (None, 0),
            (Some(""), 0),
            (Some("scope="), 0),
            (Some("scope=pictures:read"), 1),
            (Some("scope=pictures%3Aread&scope=pictures:delete"), 2),
        ] {
            assert_eq!(Needs::read(query).unwrap().0.len(), count, "{query:?}");
        }
        for query in ["scope=pictures", "scope=pictures:read,pictures:delete", "scopes=pictures:read", "pictures:read"]
        {
            assert!(Needs::read(Some(query)).is_err(), "{query}");
        }
    }
}
