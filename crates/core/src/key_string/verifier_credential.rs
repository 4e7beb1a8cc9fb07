use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use super::{KeyKind, body};
use crate::authority::{Authority, Origin};
use crate::error::{Error, ErrorCode};
use crate::id::VerifierId;
use crate::key::SigningKey;

/// The most bytes that a verifier's credential may have; any issuer's name fits.
pub const MAX_VERIFIER_CREDENTIAL_LEN: usize = 512;

const PREFIX: &str = "vk_";

/// What a verifier signs in to its issuer with: its id, its Ed25519 seed and where the issuer is, in one string.
///
/// `vk_BODY`, where BODY is base58 of version `0x01`, verifier id (16 bytes), seed (32 bytes), issuer `host[:port]` and
/// CRC-32 over `vk_` and all that. `Debug` shows the id alone.
///
/// ```
/// use doorkey_core::{SigningKey, VerifierCredential, VerifierId};
///
/// let id = VerifierId::from_parts(1_700_000_000_000, [7; 10]);
/// let credential = VerifierCredential::new(id, "keys.example.com".parse()?, SigningKey::from_seed(&[9; 32]));
/// let text = credential.to_text();
/// assert!(text.starts_with("vk_"));
/// assert_eq!(VerifierCredential::parse(&text)?.issuer().as_str(), "https://keys.example.com");
/// # Ok::<(), doorkey_core::Error>(())
/// ```
pub struct VerifierCredential {
    id: VerifierId,
    issuer: Authority,
    signing_key: SigningKey,
}

impl VerifierCredential {
    /// The credential of a verifier of the issuer at `issuer`.
    pub fn new(id: VerifierId, issuer: Authority, signing_key: SigningKey) -> Self {
        Self { id, issuer, signing_key }
    }

    /// Reads a credential.
    ///
    /// Fails with [`ErrorCode::WrongKeyKind`] for a publishable or secret key and with [`ErrorCode::MalformedKey`] and
    /// the place for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_VERIFIER_CREDENTIAL_LEN {
            return Err(body::malformed(
                "a verifier credential has at most 512 characters",
                MAX_VERIFIER_CREDENTIAL_LEN,
            ));
        }
        if !text.starts_with(PREFIX) {
            let wrong_kind = |detail| Error::new(ErrorCode::WrongKeyKind, detail);
            return Err(match KeyKind::of(text) {
                Some(KeyKind::Publishable) => {
                    wrong_kind("a publishable key (pk_) stands where a verifier credential (vk_) belongs")
                }
                Some(KeyKind::Secret) => {
                    wrong_kind("a secret key (sk_) stands where a verifier credential (vk_) belongs")
                }
                None => body::malformed("a verifier credential begins with vk_", 0),
            });
        }
        let content = body::open_behind(text, PREFIX.len())?;
        let parts = content.split_first_chunk().and_then(|(id, rest)| Some((id, rest.split_first_chunk()?)));
        let (id, (seed, issuer)) = parts.ok_or_else(body::wrong_length)?;
        Ok(Self {
            id: VerifierId::from_bytes(*id),
            issuer: body::issuer(issuer)?,
            signing_key: SigningKey::from_seed(seed),
        })
    }

    /// The verifier's id.
    pub fn id(&self) -> VerifierId {
        self.id
    }

    /// The issuer's origin.
    pub fn issuer(&self) -> Origin {
        self.issuer.to_origin()
    }

    /// The key pair that the verifier signs its requests with.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// The whole credential, secret included: to be shown once and never stored by the issuer.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_VERIFIER_CREDENTIAL_LEN));
        text.push_str(PREFIX);
        let seed = self.signing_key.to_seed();
        body::seal_behind(&mut text, &[self.id.as_bytes(), &seed[..], self.issuer.as_str().as_bytes()]);
        text
    }
}

impl fmt::Debug for VerifierCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierCredential({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::{MAX_VERIFIER_CREDENTIAL_LEN, VerifierCredential};
    use crate::authority::Authority;
    use crate::error::ErrorCode;
    use crate::id::{KeyId, VerifierId};
    use crate::key::SigningKey;
    use crate::key_string::{Environment, PublishableKey, SecretKey};

    fn credential(issuer: &str) -> VerifierCredential {
        let id = VerifierId::from_parts(1_700_000_000_000, [7; 10]);
        VerifierCredential::new(id, issuer.parse().unwrap(), SigningKey::from_seed(&[9; 32]))
    }

    #[test]
    fn every_single_character_change_is_found() {
        let text = credential("localhost:7700").to_text();
        let read = VerifierCredential::parse(&text).unwrap();
        assert_eq!((read.id(), read.issuer().as_str()), (credential("a").id(), "http://localhost:7700"));
        assert_eq!(&*read.signing_key().to_seed(), &[9; 32]);
        for at in 0..text.len() {
            for other in ["1", "z", "_", "0", ""] {
                let mut changed = text.to_string();
                changed.replace_range(at..=at, other);
                if changed != *text {
                    assert!(VerifierCredential::parse(&changed).is_err(), "{changed}");
                }
            }
            assert!(VerifierCredential::parse(&text[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_longest_issuer_fits_and_nothing_longer_is_read() {
        let label = "a".repeat(63);
        let host = [&label[..], &label, &label, &label[..61]].join(".");
        let issuer = alloc::format!("{host}:65535");
        assert_eq!(issuer.len(), Authority::MAX_LEN);
        let text = credential(&issuer).to_text();
        assert!(text.len() <= MAX_VERIFIER_CREDENTIAL_LEN);
        assert_eq!(VerifierCredential::parse(&text).unwrap().issuer().authority(), issuer);
        assert_eq!(VerifierCredential::parse(&"v".repeat(10_000)).unwrap_err().offset(), Some(512));
    }

    #[test]
    fn keys_and_credentials_are_told_apart() {
        let id = KeyId::from_parts(1, [7; 10]);
        let publishable = PublishableKey::new(id, Environment::Test, "localhost".parse().unwrap()).to_string();
        let secret = SecretKey::new(id, Environment::Live, SigningKey::from_seed(&[9; 32])).to_key_string();
        let code = |text: &str| VerifierCredential::parse(text).unwrap_err().code();
        assert_eq!((code(&publishable), code(&secret)), (ErrorCode::WrongKeyKind, ErrorCode::WrongKeyKind));
        assert_eq!(code(&secret.replace("sk_live_", "vk_")), ErrorCode::MalformedKey);
        let text = credential("localhost").to_text();
        assert_eq!(SecretKey::parse(&text).unwrap_err().code(), ErrorCode::MalformedKey);
        let changed = String::from(&text[..20]) + "0" + &text[21..];
        assert_eq!(VerifierCredential::parse(&changed).unwrap_err().offset(), Some(20));
        assert_eq!(VerifierCredential::parse("vx_1").unwrap_err().offset(), Some(0));
    }

    #[test]
    fn debug_shows_the_id_alone() {
        let credential = credential("localhost");
        assert_eq!(alloc::format!("{credential:?}"), alloc::format!("VerifierCredential({})", credential.id()));
    }
}
