//! HTTP message signatures (RFC 9421): the base that a signature covers, and the two fields that carry it.

#[cfg(feature = "verify")]
mod fields;

#[cfg(feature = "verify")]
pub use fields::{parse_signature_fields, parse_signature_input_fields};

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::{Error, ErrorCode};

/// The most bytes that `Signature-Input` or `Signature` may have, all lines together.
pub const MAX_SIGNATURE_FIELD_LEN: usize = 4096;

/// What a signature covers and the parameters that it states (RFC 9421, section 2.3), in the order of the sender.
///
/// ```
/// use doorkey_core::SignatureInput;
///
/// let input = SignatureInput::new(["@method"]).with_integer("created", 1_618_884_473).with_string("keyid", "k");
/// assert_eq!(input.to_value(), r#"("@method");created=1618884473;keyid="k""#);
/// let base = input.to_base(|component| (component == "@method").then(|| "GET".into()))?;
/// assert_eq!(base, "\"@method\": GET\n\"@signature-params\": (\"@method\");created=1618884473;keyid=\"k\"");
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureInput<'a> {
    components: Vec<Component<'a>>,
    parameters: Vec<(Cow<'a, str>, Parameter<'a>)>,
}

/// A component identifier (RFC 9421, section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    /// The name of a field in lower case, or a derived component that begins with `@`.
    pub name: Cow<'a, str>,
    /// Whether it has parameters (`;req`, `;sf`, …); such a component can be read but not computed here.
    pub is_parameterized: bool,
}

/// The value of a signature parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter<'a> {
    /// `created` and `expires`.
    Integer(i64),
    /// `nonce`, `keyid`, `alg` and `tag`.
    String(Cow<'a, str>),
    /// A type that no registered parameter has.
    Unsupported,
}

impl<'a> SignatureInput<'a> {
    /// Covers the given components, in this order, with no parameters yet.
    pub fn new<C: Into<Cow<'a, str>>>(components: impl IntoIterator<Item = C>) -> Self {
        let bare = |name: C| Component { name: name.into(), is_parameterized: false };
        Self { components: components.into_iter().map(bare).collect(), parameters: Vec::new() }
    }

    /// Adds an integer parameter.
    pub fn with_integer(mut self, name: impl Into<Cow<'a, str>>, value: i64) -> Self {
        self.parameters.push((name.into(), Parameter::Integer(value)));
        self
    }

    /// Adds a string parameter; `value` is visible ASCII and spaces.
    pub fn with_string(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.parameters.push((name.into(), Parameter::String(value.into())));
        self
    }

    /// The covered components.
    pub fn components(&self) -> &[Component<'a>] {
        &self.components
    }

    /// The parameters.
    pub fn parameters(&self) -> &[(Cow<'a, str>, Parameter<'a>)] {
        &self.parameters
    }

    /// The value of a string parameter.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find_map(|(known, value)| match value {
            Parameter::String(value) if known == name => Some(&**value),
            _ => None,
        })
    }

    /// The value of an integer parameter.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.parameters.iter().find_map(|(known, value)| match value {
            Parameter::Integer(value) if known == name => Some(*value),
            _ => None,
        })
    }

    /// The inner list with its parameters, as it stands behind the label in `Signature-Input` and in the base.
    pub fn to_value(&self) -> String {
        let mut value = String::with_capacity(256);
        self.push_value(&mut value);
        value
    }

    /// Builds the signature base (RFC 9421, section 2.5); `value_of` yields each component's value.
    ///
    /// The one place where a base is built. Fails with [`ErrorCode::ComponentsIncomplete`] for a component without a
    /// value, twice in the list or with parameters, and with [`ErrorCode::MalformedSignature`] for a value with a line
    /// break or a parameter of an unsupported type.
    pub fn to_base<'v>(&self, value_of: impl Fn(&str) -> Option<Cow<'v, str>>) -> Result<String, Error> {
        let malformed = |detail| Error::new(ErrorCode::MalformedSignature, detail);
        let mut base = String::with_capacity(1024);
        for (i, component) in self.components.iter().enumerate() {
            if component.is_parameterized || self.components[..i].contains(component) {
                return Err(Error::new(
                    ErrorCode::ComponentsIncomplete,
                    "a component has parameters or is covered twice",
                ));
            }
            let value = value_of(&component.name).ok_or_else(|| {
                Error::new(ErrorCode::ComponentsIncomplete, "a covered component is not in the request")
            })?;
            if value.bytes().any(|b| matches!(b, b'\r' | b'\n')) {
                return Err(malformed("a covered value holds a line break"));
            }
            push_quoted(&mut base, &component.name);
            base.push_str(": ");
            base.push_str(&value);
            base.push('\n');
        }
        if self.parameters.iter().any(|(_, value)| *value == Parameter::Unsupported) {
            return Err(malformed("a signature parameter is neither an integer nor a string"));
        }
        base.push_str("\"@signature-params\": ");
        self.push_value(&mut base);
        Ok(base)
    }

    fn push_value(&self, out: &mut String) {
        out.push('(');
        for (i, component) in self.components.iter().enumerate() {
            if i > 0 {
                out.push(' ');
            }
            push_quoted(out, &component.name);
        }
        out.push(')');
        for (name, value) in &self.parameters {
            out.push(';');
            out.push_str(name);
            match value {
                Parameter::Integer(value) => {
                    out.push('=');
                    out.push_str(&value.to_string());
                }
                Parameter::String(value) => {
                    out.push('=');
                    push_quoted(out, value);
                }
                Parameter::Unsupported => {}
            }
        }
    }
}

/// Appends a structured-field string (RFC 9651, section 4.1.6).
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use alloc::borrow::Cow;

    use super::SignatureInput;
    use crate::digest::sha256;
    use crate::encoding::parse_base64url_array;
    use crate::error::ErrorCode;
    use crate::jwk::Thumbprint;
    use crate::key::{SigningKey, VerifyingKey};

    fn rfc_key() -> SigningKey {
        SigningKey::from_seed(&parse_base64url_array("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU").unwrap())
    }

    fn value(component: &str) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match component {
            "date" => "Tue, 20 Apr 2021 02:07:55 GMT",
            "@method" => "POST",
            "@path" => "/foo",
            "@authority" => "example.com",
            "content-type" => "application/json",
            "content-length" => "18",
            _ => return None,
        }))
    }

    fn signature(text: &str) -> crate::key::Signature {
        crate::key::Signature::from_bytes(crate::encoding::parse_base64_array(text).unwrap())
    }

    #[test]
    fn the_key_is_that_of_the_rfc() {
        let key = rfc_key().verifying_key();
        assert_eq!(key.to_base64url(), "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs");
        assert_eq!(alloc::format!("{}", Thumbprint::of(&key)), "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U");
    }

    #[test]
    fn rfc_9421_b_2_6() {
        let input = SignatureInput::new(["date", "@method", "@path", "@authority", "content-type", "content-length"])
            .with_integer("created", 1_618_884_473)
            .with_string("keyid", "test-key-ed25519");
        let base = input.to_base(value).unwrap();
        assert_eq!(base.len(), 284);
        let hash = sha256(base.as_bytes());
        assert_eq!(&hash[..4], &[0xe6, 0x40, 0x25, 0x77]);
        assert_eq!(&hash[28..], &[0x7e, 0xe1, 0x89, 0x6a]);
        let expected =
            signature("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==");
        assert_eq!(rfc_key().sign(base.as_bytes()), expected);
        let key: VerifyingKey = rfc_key().verifying_key();
        assert!(key.verify(base.as_bytes(), &expected).is_ok());
    }

    #[test]
    fn rfc_9421_b_4() {
        let input = SignatureInput::new(["@method", "@path", "@authority", "accept"])
            .with_integer("created", 1_618_884_473)
            .with_string("keyid", "test-key-ed25519");
        let base = input
            .to_base(|component| {
                Some(Cow::Borrowed(match component {
                    "@method" => "GET",
                    "@path" => "/demo",
                    "@authority" => "example.org",
                    "accept" => "application/json, */*",
                    _ => return None,
                }))
            })
            .unwrap();
        let expected =
            signature("ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==");
        assert_eq!(rfc_key().sign(base.as_bytes()), expected);
    }

    #[test]
    fn a_base_that_could_be_read_twice_is_not_built() {
        let code = |input: SignatureInput<'_>| input.to_base(value).unwrap_err().code();
        assert_eq!(code(SignatureInput::new(["@method", "@method"])), ErrorCode::ComponentsIncomplete);
        assert_eq!(code(SignatureInput::new(["x-absent"])), ErrorCode::ComponentsIncomplete);
        let broken = SignatureInput::new(["date"]).to_base(|_| Some("a\n\"@method\": GET".into()));
        assert_eq!(broken.unwrap_err().code(), ErrorCode::MalformedSignature);
    }
}
