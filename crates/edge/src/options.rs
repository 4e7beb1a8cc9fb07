//! What a verifier is told, as JSON.

use doorkey_core::{Environment, Error, ErrorCode, OrganizationId, WorkspaceId};
use doorkey_verifier::{Policy, ReplayMemory};

/// The options of `createVerifier` that are rules.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    issuer: String,
    audience: Vec<String>,
    #[serde(default)]
    skew: Option<u64>,
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    workspace: Option<Workspace>,
    #[serde(default)]
    max_body_bytes: Option<usize>,
    #[serde(default)]
    max_bodies_bytes: Option<usize>,
    #[serde(default)]
    replay_capacity: Option<usize>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Workspace {
    organization: OrganizationId,
    workspace: WorkspaceId,
}

pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::InvalidInput, detail)
}

impl Options {
    /// Reads them. Fails with [`ErrorCode::InvalidInput`].
    pub fn parse(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(|error| invalid(format!("options of createVerifier: {error}")))
    }

    /// The policy that they come to. Fails with [`ErrorCode::InvalidInput`], also for an issuer over plain http.
    pub fn to_policy(&self) -> Result<Policy, Error> {
        let Some((first, others)) = self.audience.split_first() else {
            return Err(invalid("audience: at least one origin"));
        };
        let wrong = |what: &str, error: &Error| invalid(format!("{what}: {error}"));
        let mut policy = Policy::new(&self.issuer, first).map_err(|error| wrong("issuer or audience", &error))?;
        for origin in others {
            policy = policy.with_origin(origin.parse().map_err(|error| wrong("audience", &error))?);
        }
        if let Some(skew) = self.skew {
            if skew > Policy::MAX_SKEW {
                return Err(invalid(format!("skew: at most {} seconds", Policy::MAX_SKEW)));
            }
            policy = policy.with_skew(skew);
        }
        if let Some(environment) = self.environment {
            policy = policy.with_environment(environment);
        }
        if let Some(Workspace { organization, workspace }) = self.workspace {
            policy = policy.with_workspace(organization, workspace);
        }
        let policy = self.max_body_bytes.into_iter().fold(policy, Policy::with_body_limit);
        if self.max_bodies_bytes.is_some_and(|all| all < policy.body_limit()) {
            return Err(invalid("maxBodiesBytes: at least maxBodyBytes"));
        }
        if self.replay_capacity == Some(0) {
            return Err(invalid("replayCapacity: at least 1"));
        }
        Ok(policy)
    }

    /// How many accepted requests are remembered at once.
    pub(crate) fn replay_capacity(&self) -> usize {
        self.replay_capacity.unwrap_or(ReplayMemory::DEFAULT_CAPACITY)
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::ErrorCode;

    use super::Options;

    #[test]
    fn what_is_wrong_is_refused_and_said() {
        let issuer = "https://keys.example.com";
        for (options, accepted) in [
            (r#""audience":["https://api.example.com"]"#, true),
            (r#""audience":["https://api.example.com","https://eu.example.com"],"skew":60"#, true),
            (r#""audience":["https://api.example.com"],"environment":"live","maxBodyBytes":0"#, true),
            (r#""audience":[]"#, false),
            (r#""audience":["api.example.com"]"#, false),
            (r#""audience":["https://api.example.com","x"]"#, false),
            (r#""audience":["https://api.example.com"],"skew":61"#, false),
            (r#""audience":["https://api.example.com"],"skew":-1"#, false),
            (r#""audience":["https://api.example.com"],"environment":"prod"#, false),
            (r#""audience":["https://api.example.com"],"workspace":{"workspace":"wsp_1"}"#, false),
            (r#""audience":["https://api.example.com"],"maxBodyBytes":1.5"#, false),
            (r#""audience":["https://api.example.com"],"max_body_bytes":1"#, false),
            (r#""audience":["https://api.example.com"],"skew":"NaN""#, false),
            (r#""audience":["https://api.example.com"],"maxBodyBytes":9,"maxBodiesBytes":9,"replayCapacity":1"#, true),
            (r#""audience":["https://api.example.com"],"maxBodyBytes":9,"maxBodiesBytes":8"#, false),
            (r#""audience":["https://api.example.com"],"replayCapacity":0"#, false),
        ] {
            let options = Options::parse(&format!(r#"{{"issuer":"{issuer}",{options}}}"#));
            let policy = options.and_then(|options| options.to_policy());
            assert_eq!(policy.is_ok(), accepted, "{policy:?}");
            assert!(policy.err().is_none_or(|error| error.code() == ErrorCode::InvalidInput));
        }
        let plain = Options::parse(r#"{"issuer":"http://keys.example.com","audience":["https://api.example.com"]}"#);
        assert_eq!(plain.unwrap().to_policy().unwrap_err().code(), ErrorCode::InvalidInput);
    }
}
