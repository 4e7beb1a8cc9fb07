//! What a front's configuration needs of the requests to one location.

use doorkey_core::{Error, ErrorCode, RequestTarget, Scope};

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

    /// Refuses paths that the front may have taken for another location than the service will: the scope of the one
    /// would open the other. Fronts decode, merge and resolve before they choose a location, and send on the raw path.
    pub(super) fn check_target(&self, target: RequestTarget<'_>) -> Result<(), Error> {
        let path = target.path();
        let has_two_readings = || {
            let lower = path.to_ascii_lowercase();
            lower.contains("//")
                || ["%2f", "%5c", "%2e", "%25", "%00", "%3b"].iter().any(|escape| lower.contains(escape))
                || lower.split('/').any(|segment| segment.starts_with(".;") || segment.starts_with("..;"))
        };
        if self.0.is_empty() || !has_two_readings() {
            return Ok(());
        }
        Err(Error::new(ErrorCode::MalformedRequest, "the path can be read in two ways, and rights depend on it here"))
    }

    /// Refuses a caller that lacks one of the scopes.
    pub(super) fn check(&self, principal: &Principal) -> Result<(), Error> {
        self.0.iter().try_for_each(|scope| principal.require(scope))
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::RequestTarget;

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

    #[test]
    fn where_rights_depend_on_the_path_it_has_one_reading() {
        let check = |query, path| Needs::read(query).unwrap().check_target(RequestTarget::parse(path).unwrap());
        for path in [
            "/admin/x%2f..%2F..%2fpublic",
            "/a//b",
            "//a",
            "/a%5cb",
            "/%2e%2e%2e",
            "/public/..;/admin",
            "/public/%2e.%3b/admin",
            "/a%252fb",
        ] {
            assert!(check(Some("scope=pictures:read"), path).is_err(), "{path}");
            assert!(check(None, path).is_ok(), "{path}");
        }
        for path in ["/", "/pictures/1", "/zo%C3%AB", "/a;b=c", "/...", "/a?next=%2f..%2f//"] {
            assert!(check(Some("scope=pictures:read"), path).is_ok(), "{path}");
        }
    }
}
