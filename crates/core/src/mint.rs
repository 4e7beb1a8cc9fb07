//! The mint: what a browser signs to get a session token for its publishable key.

use alloc::string::{String, ToString};

use crate::encoding::parse_base64url_array;
use crate::error::{Error, ErrorCode};
use crate::json::{parse_strict, push_string};
use crate::jws::{self, Compact};
use crate::key::{Signature, VerifyingKey};

/// The most bytes that a mint request may have.
pub const MAX_MINT_LEN: usize = 8192;
/// The path that a mint is posted to, below the issuer's origin.
pub const MINT_PATH: &str = "/v1/sessions";

const TYPE: &str = "doorkey-mint+jwt";

/// What a browser asks for. `Debug` leaves out the key: somebody may have pasted a secret one.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintClaims {
    /// The key string, not yet parsed: the issuer wants to tell a secret key from a typo.
    pub publishable_key: String,
    /// The mint URL.
    pub aud: String,
    /// The browser's clock in Unix seconds; informative, browsers' clocks are days off.
    pub iat: u64,
    /// A random string.
    pub jti: String,
    /// A grant that the customer's backend signed.
    #[serde(default)]
    pub grant: Option<String>,
    /// The answer to a challenge.
    #[serde(default)]
    pub challenge: Option<String>,
}

impl core::fmt::Debug for MintClaims {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MintClaims").field("aud", &self.aud).field("jti", &self.jti).finish_non_exhaustive()
    }
}

impl MintClaims {
    /// What the browser's key signs; [`assemble_mint`] puts the signature behind it.
    ///
    /// ```
    /// use doorkey_core::{MintClaims, SignedMint, SigningKey, assemble_mint};
    ///
    /// let key = SigningKey::from_seed(&[7; 32]);
    /// let claims = MintClaims {
    ///     publishable_key: "pk_test_…".into(),
    ///     aud: "http://localhost:7700/v1/sessions".into(),
    ///     iat: 1_700_000_000,
    ///     jti: "q83vEjRWeJA".into(),
    ///     grant: None,
    ///     challenge: None,
    /// };
    /// let input = claims.to_signing_input(&key.verifying_key());
    /// let body = assemble_mint(input.clone(), &key.sign(input.as_bytes()));
    /// assert_eq!(SignedMint::verify(&body)?.claims, claims);
    /// # Ok::<(), doorkey_core::Error>(())
    /// ```
    pub fn to_signing_input(&self, key: &VerifyingKey) -> String {
        let mut header =
            String::from(r#"{"alg":"EdDSA","typ":"doorkey-mint+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":""#);
        header.push_str(&key.to_base64url());
        header.push_str(r#""}}"#);
        let mut payload = String::from("{\"iat\":");
        payload.push_str(&self.iat.to_string());
        let members = [
            ("publishable_key", Some(&self.publishable_key)),
            ("aud", Some(&self.aud)),
            ("jti", Some(&self.jti)),
            ("grant", self.grant.as_ref()),
            ("challenge", self.challenge.as_ref()),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                payload.push(',');
                push_string(&mut payload, name);
                payload.push(':');
                push_string(&mut payload, value);
            }
        }
        payload.push('}');
        jws::signing_input(header.as_bytes(), payload.as_bytes())
    }
}

/// Appends the signature to a mint's signing input: the body of the request.
pub fn assemble_mint(signing_input: String, signature: &Signature) -> String {
    jws::assemble(signing_input, signature)
}

/// A mint whose signature was made by the key that it carries.
#[derive(Clone, Debug)]
pub struct SignedMint {
    /// What is asked for.
    pub claims: MintClaims,
    /// The browser's key, which the session token will be bound to.
    pub key: VerifyingKey,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    jwk: Jwk,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
}

impl SignedMint {
    /// Reads the body of a mint request and verifies its signature.
    ///
    /// Fails with [`ErrorCode::MalformedRequest`] for what is no such JWS, and with [`ErrorCode::SignatureInvalid`] for
    /// a bad signature or an unusable key. Key, audience and origin are the issuer's to check.
    pub fn verify(body: &str) -> Result<Self, Error> {
        let malformed = |detail| Error::new(ErrorCode::MalformedRequest, detail);
        if body.len() > MAX_MINT_LEN {
            return Err(malformed("a mint has at most 8192 bytes"));
        }
        let compact = Compact::parse(body).ok_or_else(|| malformed("the body is not a compact JWS"))?;
        let header: Header =
            parse_strict(&compact.header).map_err(|_| malformed("the header is not that of a mint"))?;
        let is_ed25519 = header.alg == "EdDSA" && header.jwk.kty == "OKP" && header.jwk.crv == "Ed25519";
        if !is_ed25519 || header.typ != TYPE {
            return Err(malformed("the header is not that of a mint"));
        }
        let claims: MintClaims =
            parse_strict(&compact.payload).map_err(|_| malformed("the claims are not those of a mint"))?;
        if claims.jti.is_empty() || claims.jti.len() > 128 {
            return Err(malformed("jti has 1 to 128 characters"));
        }
        let x = parse_base64url_array(&header.jwk.x).ok_or_else(|| malformed("x is not 43 characters of base64url"))?;
        let key = VerifyingKey::from_bytes(&x)?;
        compact.verify(&key)?;
        Ok(Self { claims, key })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::{MAX_MINT_LEN, MintClaims, SignedMint, assemble_mint};
    use crate::error::ErrorCode;
    use crate::jws;
    use crate::key::{SigningKey, VerifyingKey};

    fn key() -> SigningKey {
        SigningKey::from_seed(&[3; 32])
    }

    fn code(header: &str, payload: &str) -> Option<ErrorCode> {
        SignedMint::verify(&jws::sign(header.as_bytes(), payload.as_bytes(), &key())).err().map(|error| error.code())
    }

    #[test]
    fn each_rule_of_the_form_is_kept() {
        let x = key().verifying_key().to_base64url();
        let header = alloc::format!(
            r#"{{"alg":"EdDSA","typ":"doorkey-mint+jwt","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}}}"#
        );
        let payload = r#"{"publishable_key":"pk","aud":"u","iat":1,"jti":"j"}"#;
        assert_eq!(code(&header, payload), None);
        for (from, to) in [
            ("EdDSA", "none"),
            ("doorkey-mint+jwt", "at+jwt"),
            ("OKP", "EC"),
            ("\"crv\":\"Ed25519\"", "\"crv\":\"X25519\""),
            ("{\"alg\"", "{\"crit\":[],\"alg\""),
            ("{\"alg\"", "{\"alg\":\"EdDSA\",\"alg\""),
        ] {
            assert_eq!(code(&header.replace(from, to), payload), Some(ErrorCode::MalformedRequest), "{to}");
        }
        for (from, to) in [
            ("\"iat\":1", "\"iat\":\"1\""),
            ("\"iat\":1", "\"iat\":1.0"),
            ("\"iat\":1", "\"iat\":-1"),
            ("\"jti\":\"j\"", "\"jti\":\"\""),
            ("\"jti\":\"j\"", "\"jti\":\"j\",\"extra\":1"),
            ("\"jti\":\"j\"", "\"jti\":\"j\",\"jti\":\"j\""),
            ("\"aud\":\"u\",", ""),
        ] {
            assert_eq!(code(&header, &payload.replace(from, to)), Some(ErrorCode::MalformedRequest), "{to}");
        }
        for bent in [alloc::format!("{x}="), x.replace(|_| true, "+"), x[1..].into()] {
            assert_eq!(code(&header.replace(&x, &bent), payload), Some(ErrorCode::MalformedRequest), "{bent}");
        }
        let weak = header.replace(&x, &crate::encoding::to_base64url(&[0; 32]));
        assert_eq!(code(&weak, payload), Some(ErrorCode::SignatureInvalid));
        let other = header.replace(&x, &SigningKey::from_seed(&[4; 32]).verifying_key().to_base64url());
        assert_eq!(code(&other, payload), Some(ErrorCode::SignatureInvalid));
    }

    #[test]
    fn sizes_are_bounded_to_the_byte() {
        let mint = |jti: usize, challenge: usize| {
            let claims = MintClaims {
                publishable_key: "pk".into(),
                aud: "u".into(),
                iat: 1,
                jti: "j".repeat(jti),
                grant: None,
                challenge: Some("c".repeat(challenge)),
            };
            let input = claims.to_signing_input(&key().verifying_key());
            let signature = key().sign(input.as_bytes());
            assemble_mint(input, &signature)
        };
        assert!(SignedMint::verify(&mint(128, 0)).is_ok());
        assert!(SignedMint::verify(&mint(129, 0)).is_err());
        let longest = (5000..MAX_MINT_LEN).find(|&length| mint(1, length).len() == MAX_MINT_LEN).unwrap();
        assert!(SignedMint::verify(&mint(1, longest)).is_ok());
        assert!(SignedMint::verify(&mint(1, longest + 1)).is_err());
    }

    #[test]
    fn any_text_survives_the_trip() {
        let claims = MintClaims {
            publishable_key: "\"\\\n\u{e9}".into(),
            aud: String::new(),
            iat: u64::MAX,
            jti: "j".into(),
            grant: Some("a.b.c".into()),
            challenge: Some("{}".into()),
        };
        let key: SigningKey = key();
        let public: VerifyingKey = key.verifying_key();
        let input = claims.to_signing_input(&public);
        let signature = key.sign(input.as_bytes());
        let mint = SignedMint::verify(&assemble_mint(input, &signature)).unwrap();
        assert!(!alloc::format!("{claims:?}").contains("a.b.c"));
        assert_eq!((mint.claims, mint.key), (claims, public));
    }

    #[test]
    fn what_is_no_jws_is_malformed() {
        for body in ["", ".", "..", "...", "a.b.c", &"a".repeat(100_000), "\u{e9}", &"a.".repeat(4000)] {
            assert_eq!(SignedMint::verify(body).unwrap_err().code(), ErrorCode::MalformedRequest);
        }
    }
}
