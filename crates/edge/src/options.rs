//! What a verifier is told, as JSON.

use std::net::IpAddr;
use std::time::Duration;

use doorkey_core::{Environment, Error, ErrorCode, OrganizationId, Origin, VerifierCredential, WorkspaceId};
use doorkey_verifier::{Directory, Policy, ReplayMemory, TrustedProxies};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The options of `createVerifier` that are rules.
#[derive(Debug)]
pub struct Options {
    issuer: String,
    audience: Vec<String>,
    skew: Option<u64>,
    environment: Option<Environment>,
    workspace: Option<Workspace>,
    max_body_bytes: Option<usize>,
    max_bodies_bytes: Option<usize>,
    replay_capacity: Option<usize>,
    max_staleness: Option<u64>,
    trusted_proxies: Option<Vec<String>>,
}

/// The longest that the directory may be old, in seconds.
const MAX_STALENESS: u64 = 3600;
const STALENESS: &str = "1 to 3600 whole seconds";

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Workspace {
    organization: OrganizationId,
    workspace: WorkspaceId,
}

/// Options as they were given; each is taken out by its name, which an error begins with.
pub(crate) struct Given(Map<String, Value>);

impl Given {
    pub(crate) fn read(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map(Self).map_err(|_| invalid("the options: an object"))
    }

    /// One that may be left out; `form` says what it has to be.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str, form: &str) -> Result<Option<T>, Error> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            // The words of serde are about JSON, which nobody wrote.
            Some(value) => serde_json::from_value(value).map(Some).map_err(|_| invalid(format!("{name}: {form}"))),
        }
    }

    pub(crate) fn require<T: DeserializeOwned>(&mut self, name: &str, form: &str) -> Result<T, Error> {
        self.take(name, form)?.ok_or_else(|| invalid(format!("{name} is missing: {form}")))
    }

    /// Refuses what nobody has taken.
    pub(crate) fn end(self) -> Result<(), Error> {
        let unknown = self.0.keys().next();
        unknown.map_or(Ok(()), |name| Err(invalid(format!("{name}: there is no such option"))))
    }
}

/// The address of a connection's peer, as platforms tell it: one of this link alone names its interface, too.
///
/// Fails with [`ErrorCode::InvalidInput`].
pub fn peer(text: &str) -> Result<IpAddr, Error> {
    let (address, _) = text.split_once('%').unwrap_or((text, ""));
    address.parse().map_err(|_| invalid("peer: an IP address, without a port"))
}

/// An option that is an origin.
pub(crate) fn origin(name: &str, text: &str) -> Result<Origin, Error> {
    if text.split_once("://").is_some_and(|(_, rest)| rest.contains('/')) {
        return Err(invalid(format!("{name}: an origin has no path, and no slash at its end")));
    }
    text.parse().map_err(|error| invalid(format!("{name}: {error}")))
}

pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::InvalidInput, detail)
}

impl Options {
    /// Reads them. Fails with [`ErrorCode::InvalidInput`].
    pub fn parse(json: &str) -> Result<Self, Error> {
        let mut given = Given::read(json)?;
        let options = Self {
            issuer: given.require("issuer", "an origin, https://keys.example.com")?,
            audience: given
                .require("audience", "the origin of this API, https://api.example.com, or an array of them")?,
            skew: given.take("skew", "whole seconds")?,
            environment: given.take("environment", "\"live\" or \"test\"")?,
            workspace: given.take("workspace", "{ organization: \"org_…\", workspace: \"wsp_…\" }")?,
            max_body_bytes: given.take("maxBodyBytes", "a whole number")?,
            max_bodies_bytes: given.take("maxBodiesBytes", "a whole number")?,
            replay_capacity: given.take("replayCapacity", "a whole number")?,
            max_staleness: given.take("maxStaleness", STALENESS)?,
            trusted_proxies: given.take("trustedProxies", "an array of addresses and networks")?,
        };
        given.end()?;
        Ok(options)
    }

    /// The policy that they come to. Fails with [`ErrorCode::InvalidInput`], also for an issuer over plain http.
    pub fn to_policy(&self) -> Result<Policy, Error> {
        let Some((first, others)) = self.audience.split_first() else {
            return Err(invalid("audience: at least one origin"));
        };
        let (issuer, first) = (origin("issuer", &self.issuer)?, origin("audience", first)?);
        let wrong = |error: Error| invalid(format!("issuer: {error}"));
        let mut policy = Policy::new(issuer.as_str(), first.as_str()).map_err(wrong)?;
        for text in others {
            policy = policy.with_origin(origin("audience", text)?);
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
        if self.max_staleness.is_some_and(|seconds| !(1..=MAX_STALENESS).contains(&seconds)) {
            return Err(invalid(format!("maxStaleness: {STALENESS}")));
        }
        let Some(proxies) = &self.trusted_proxies else { return Ok(policy) };
        let proxies = TrustedProxies::parse(proxies).map_err(|wrong| invalid(format!("trustedProxies: {wrong}")))?;
        Ok(policy.with_trusted_proxies(proxies))
    }

    /// The credential of a verifier of this issuer. It is no option like the others: they are JSON, which is shown.
    ///
    /// Fails as [`VerifierCredential::parse`] does, and with [`ErrorCode::InvalidInput`] for one of another issuer.
    pub fn credential(&self, text: &str) -> Result<VerifierCredential, Error> {
        let credential = VerifierCredential::parse(text)?;
        let (of, issuer) = (credential.issuer(), origin("issuer", &self.issuer)?);
        if of != issuer {
            return Err(invalid(format!("credential: it is for {of}, and issuer is {issuer}")));
        }
        Ok(credential)
    }

    /// How old the directory may be.
    pub(crate) fn max_staleness(&self) -> Duration {
        self.max_staleness.map_or(Directory::DEFAULT_MAX_STALENESS, Duration::from_secs)
    }

    /// How many accepted requests are remembered at once.
    pub(crate) fn replay_capacity(&self) -> usize {
        self.replay_capacity.unwrap_or(ReplayMemory::DEFAULT_CAPACITY)
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::{ErrorCode, OrganizationId, WorkspaceId};

    use super::{Options, peer};
    use crate::world::{ISSUER, credential, secret_key};

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
            (r#""audience":["https://api.example.com"],"maxStaleness":1,"trustedProxies":["10.0.0.0/8","::1"]"#, true),
            (r#""audience":["https://api.example.com"],"maxStaleness":3600"#, true),
            (r#""audience":["https://api.example.com"],"maxStaleness":0"#, false),
            (r#""audience":["https://api.example.com"],"maxStaleness":3601"#, false),
            (r#""audience":["https://api.example.com"],"maxStaleness":0.5"#, false),
            (r#""audience":["https://api.example.com"],"trustedProxies":["0.0.0.0/0"]"#, false),
            (r#""audience":["https://api.example.com"],"trustedProxies":["x"]"#, false),
            (r#""audience":["https://api.example.com"],"credential":"vk_1"#, false),
        ] {
            let options = Options::parse(&format!(r#"{{"issuer":"{issuer}",{options}}}"#));
            let policy = options.and_then(|options| options.to_policy());
            assert_eq!(policy.is_ok(), accepted, "{policy:?}");
            assert!(policy.err().is_none_or(|error| error.code() == ErrorCode::InvalidInput));
        }
        let plain = Options::parse(r#"{"issuer":"http://keys.example.com","audience":["https://api.example.com"]}"#);
        assert_eq!(plain.unwrap().to_policy().unwrap_err().code(), ErrorCode::InvalidInput);
    }

    #[test]
    fn an_error_names_the_option_in_words_of_its_own() {
        let said = |options: &str| {
            let policy = Options::parse(options).and_then(|options| options.to_policy());
            policy.unwrap_err().to_string()
        };
        let (issuer, api) = (r#""issuer":"https://keys.example.com""#, r#""audience":["https://api.example.com"]"#);
        for (options, expected) in [
            ("{}".to_owned(), "issuer is missing: an origin, https://keys.example.com"),
            (format!("{{{issuer}}}"), "audience is missing: the origin of this API"),
            (format!(r#"{{{issuer},{api},"skew":"NaN"}}"#), "skew: whole seconds"),
            (format!(r#"{{{issuer},{api},"maxBodySize":1}}"#), "maxBodySize: there is no such option"),
            (
                format!(r#"{{"issuer":"https://keys.example.com/",{api}}}"#),
                "issuer: an origin has no path, and no slash at",
            ),
            (
                format!(r#"{{{issuer},"audience":["https://a.example","https://b.example/"]}}"#),
                "audience: an origin has",
            ),
            (format!(r#"{{"issuer":"http://keys.example.com",{api}}}"#), "issuer: "),
            ("null".to_owned(), "the options: an object"),
        ] {
            let said = said(&options);
            assert!(said.starts_with(expected) && !said.contains("line 1"), "{options}: {said}");
        }
        let ids = (OrganizationId::from_bytes([1; 16]), WorkspaceId::from_bytes([2; 16]));
        let workspace = format!(r#""workspace":{{"organization":"{}","workspace":"{}"}}"#, ids.0, ids.1);
        let whole = Options::parse(&format!(r#"{{{issuer},{api},{workspace},"environment":null}}"#)).unwrap();
        assert!(whole.to_policy().is_ok());
    }

    #[test]
    fn a_credential_is_this_issuers_and_is_never_shown() {
        let text = credential().to_text();
        let code = |issuer: &str, text: &str| {
            let options = format!(r#"{{"issuer":"{issuer}","audience":["https://api.example.com"]}}"#);
            let error = Options::parse(&options).unwrap().credential(text).err();
            assert!(
                error.as_ref().is_none_or(|error| !format!("{error} {error:?}").contains(&text[..12])),
                "{error:?}"
            );
            error.map(|error| error.code())
        };
        assert_eq!(code(ISSUER, &text), None);
        assert_eq!(code("https://other.example.com", &text), Some(ErrorCode::InvalidInput));
        assert_eq!(code(ISSUER, &text[..text.len() - 1]), Some(ErrorCode::MalformedKey));
        assert_eq!(code(ISSUER, &secret_key().to_key_string()), Some(ErrorCode::WrongKeyKind));
    }

    #[test]
    fn a_peer_is_an_address_and_nothing_else() {
        let read = |text: &str| peer(text).ok().map(|address| address.to_string());
        assert_eq!(read("192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(read("fe80::1%eth0").as_deref(), Some("fe80::1"));
        for wrong in ["", "192.0.2.1:80", "[::1]", "localhost", "192.0.2.0/24"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
