use doorkey_core::{Authority, Error, ErrorCode, Origin};

/// What a verifier was told: whose tokens it takes, for which API, and within which bounds.
#[derive(Clone, Debug)]
pub struct Policy {
    issuer: Origin,
    origins: Vec<Origin>,
    skew: u64,
    body_limit: usize,
}

impl Policy {
    /// How far clocks may be apart by default, in seconds.
    pub const DEFAULT_SKEW: u64 = 30;
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
        })
    }

    /// Adds another public origin of the same API. The `Host` header then chooses among the configured ones.
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origins.push(origin);
        self
    }

    /// Sets how far clocks may be apart, in seconds.
    pub fn with_skew(self, skew: u64) -> Self {
        Self { skew, ..self }
    }

    /// Sets the most bytes of a body.
    pub fn with_body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
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

    /// The public origin that a request was made to.
    ///
    /// Only a configured one can come out, whatever the header says; an unknown host means the first, for which no
    /// signature meant for another host verifies.
    pub fn origin_for(&self, host: Option<&str>) -> &Origin {
        let named = host
            .filter(|_| self.origins.len() > 1)
            .and_then(|host| host.to_ascii_lowercase().parse::<Authority>().ok())
            .and_then(|host| self.origins.iter().find(|origin| origin.authority() == host.as_str()));
        named.unwrap_or(&self.origins[0])
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
