//! What a front's configuration needs of the requests to one location.

use doorkey_core::{Error, ErrorCode, Scope};

use crate::principal::Principal;

/// What stands in the query of the path that a front asks.
#[derive(Debug, Default)]
pub(super) struct Needs {
    scopes: Vec<Scope>,
    tells_bodies: bool,
}

impl Needs {
    /// Reads `scope=pictures:read`, any number of times; an empty one is none, for configurations with variables. With
    /// `body=told` the front says itself what it knows of bodies.
    ///
    /// Fails with [`ErrorCode::InvalidInput`] for whatever else: the configuration is wrong, and lets nobody through.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Error> {
        let parameters = query.unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty());
        let mut needs = Self::default();
        for parameter in parameters {
            if parameter == "body=told" {
                needs.tells_bodies = true;
                continue;
            }
            let scope = parameter.strip_prefix("scope=").map(|scope| scope.replace("%3A", ":").replace("%2F", "/"));
            match scope {
                Some(scope) if scope.is_empty() => {}
                Some(scope) => needs.scopes.push(scope.parse()?),
                None => {
                    let detail = "the front server's configuration asks for something else than a scope, or says something else than body=told";
                    return Err(Error::new(ErrorCode::InvalidInput, detail));
                }
            }
        }
        Ok(needs)
    }

    /// Whether it makes a difference which location a request is taken for.
    pub(super) fn is_nothing(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Whether the front sets the headers about the body over those of a client.
    pub(super) fn tells_bodies(&self) -> bool {
        self.tells_bodies
    }

    /// Refuses a caller that lacks one of the scopes.
    pub(super) fn check(&self, principal: &Principal) -> Result<(), Error> {
        self.scopes.iter().try_for_each(|scope| principal.require(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::Needs;

    #[test]
    fn a_configuration_says_nothing_else() {
        for (query, expected) in [
            (None, (0, false)),
            (Some(""), (0, false)),
            (Some("scope="), (0, false)),
            (Some("scope=pictures:read"), (1, false)),
            (Some("body=told"), (0, true)),
            (Some("body=told&scope=pictures%3Aread&scope=pictures:delete"), (2, true)),
        ] {
            let needs = Needs::read(query).unwrap();
            assert_eq!((needs.scopes.len(), needs.tells_bodies()), expected, "{query:?}");
        }
        for query in [
            "scope=pictures",
            "scope=pictures:read,pictures:delete",
            "scopes=pictures:read",
            "pictures:read",
            "body=",
            "body=none",
            "body",
        ] {
            assert!(Needs::read(Some(query)).is_err(), "{query}");
        }
    }
}
