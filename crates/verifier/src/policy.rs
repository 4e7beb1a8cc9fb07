use doorkey_core::{Authority, Environment, Error, ErrorCode, OrganizationId, Origin, WorkspaceId};

use crate::proxies::TrustedProxies;

/// What a verifier was told: whose tokens it takes, for which API, and within which bounds.
#[derive(Clone, Debug)]
pub struct Policy {
    issuer: Origin,
    origins: Vec<Origin>,
    skew: u64,
    body_limit: usize,
    environment: Option<Environment>,
    workspace: Option<(OrganizationId, WorkspaceId)>,
    trusted_proxies: TrustedProxies,
    takes_api_key_parameter: bool,
}

impl Policy {
    /// How far clocks may be apart by default, in seconds.
    pub const DEFAULT_SKEW: u64 = 30;
    /// The furthest that clocks may be apart: memory that several verifiers share keeps a proof for this much longer.
    pub const MAX_SKEW: u64 = 60;
    /// The most bytes of a body by default: 10 MiB.
    pub const DEFAULT_BODY_LIMIT: usize = 10 * 1024 * 1024;

    /// Takes tokens of `issuer` for the API whose public origin is `audience`.
    ///
    /// Both are origins (`https://api.example.com`); fails with [`ErrorCode::InvalidInput`] for anything else, and with
    /// [`ErrorCode::InsecureTransport`] for an issuer over plain http that is not on this machine.
    pub fn new(issuer: &str, audience: &str) -> Result<Self, Error> {
        let issuer: Origin = issuer.parse()?;
        if !issuer.is_secure() && !issuer.is_loopback() {
            return Err(Error::new(ErrorCode::InsecureTransport, "the issuer must be reached over https"));
        }
        Ok(Self {
            issuer,
            origins: vec![audience.parse()?],
            skew: Self::DEFAULT_SKEW,
            body_limit: Self::DEFAULT_BODY_LIMIT,
            environment: None,
            workspace: None,
            trusted_proxies: TrustedProxies::default(),
            takes_api_key_parameter: false,
        })
    }

    /// Adds another public origin of the same API. The `Host` header then chooses among the configured ones.
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origins.push(origin);
        self
    }

    /// Sets how far clocks may be apart, in seconds; at most [`MAX_SKEW`](Self::MAX_SKEW).
    pub fn with_skew(self, skew: u64) -> Self {
        Self { skew: skew.min(Self::MAX_SKEW), ..self }
    }

    /// Sets the most bytes of a body that is read here. What nothing covers, the body of a request that shows a secret key
    /// as it is, goes unread to the handler, who has limits of their own.
    pub fn with_body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }

    /// Takes keys of one environment alone; others are refused with [`ErrorCode::WrongEnvironment`].
    pub fn with_environment(self, environment: Environment) -> Self {
        Self { environment: Some(environment), ..self }
    }

    /// Takes keys alone that are for this workspace; others are refused with [`ErrorCode::WrongWorkspace`].
    pub fn with_workspace(self, organization: OrganizationId, workspace: WorkspaceId) -> Self {
        Self { workspace: Some((organization, workspace)), ..self }
    }

    /// Believes these proxies where a request came from, and over which scheme.
    pub fn with_trusted_proxies(self, trusted_proxies: TrustedProxies) -> Self {
        Self { trusted_proxies, ..self }
    }

    /// Takes secret keys in the URL, as `?api_key=sk_…`, too. URLs end up in logs and histories: only for clients that
    /// can send no header.
    pub fn with_api_key_parameter(self) -> Self {
        Self { takes_api_key_parameter: true, ..self }
    }

    /// The issuer's URL.
    pub fn issuer(&self) -> &Origin {
        &self.issuer
    }

    /// How far clocks may be apart, in seconds.
    pub fn skew(&self) -> u64 {
        self.skew
    }

    /// The most bytes of a body.
    pub fn body_limit(&self) -> usize {
        self.body_limit
    }

    /// The one environment whose keys are taken, if it is one.
    pub fn environment(&self) -> Option<Environment> {
        self.environment
    }

    /// The one workspace whose keys are taken, if it is one.
    pub fn workspace(&self) -> Option<(OrganizationId, WorkspaceId)> {
        self.workspace
    }

    /// Whose word on where a request came from is taken.
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.trusted_proxies
    }

    /// Whether secret keys may stand in the URL.
    pub fn takes_api_key_parameter(&self) -> bool {
        self.takes_api_key_parameter
    }

    /// The public origin that a request was made to.
    ///
    /// Only a configured one can come out, whatever the header says; an unknown host means the first, for which no
    /// signature meant for another host verifies.
    pub fn origin_for(&self, host: Option<&str>) -> &Origin {
        let named = host.filter(|_| self.origins.len() > 1).and_then(|host| self.origin_named(host));
        named.unwrap_or(&self.origins[0])
    }

    /// The public origin with this `host[:port]`, if it is a configured one; the scheme's own port may stand there, too.
    pub fn origin_named(&self, host: &str) -> Option<&Origin> {
        let host = host.to_ascii_lowercase().parse::<Authority>().ok()?;
        self.origins.iter().find(|origin| {
            let own_port = if origin.is_secure() { ":443" } else { ":80" };
            let rest = host.as_str().strip_prefix(origin.authority());
            rest.is_some_and(|rest| rest.is_empty() || rest == own_port)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Policy;

    #[test]
    fn only_configured_origins_come_out() {
        let policy = Policy::new("https://keys.example", "https://api.example").unwrap();
        assert_eq!(policy.origin_for(Some("evil.example")).as_str(), "https://api.example");
        let policy = policy.with_origin("https://eu.api.example:8443".parse().unwrap());
        assert_eq!(policy.origin_for(Some("EU.api.example:8443")).as_str(), "https://eu.api.example:8443");
        for host in [None, Some(""), Some("evil.example"), Some("eu.api.example")] {
            assert_eq!(policy.origin_for(host).as_str(), "https://api.example");
        }
    }

    #[test]
    fn a_remote_issuer_needs_https() {
        assert!(Policy::new("http://keys.example", "https://api.example").is_err());
        assert!(Policy::new("http://localhost:7700", "http://localhost:7701").is_ok());
        assert!(Policy::new("https://keys.example/", "https://api.example").is_err());
    }
}
