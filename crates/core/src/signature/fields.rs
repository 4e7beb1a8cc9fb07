//! `Signature-Input` and `Signature` as structured fields (RFC 9651), with every duplicate refused on the raw input:
//! an ordinary parser keeps the last one, and two readers that keep different ones see two requests.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::{Component, MAX_SIGNATURE_FIELD_LEN, Parameter, SignatureInput};
use crate::error::{Error, ErrorCode};

/// Reads the value of `Signature-Input`; several lines are joined by the caller with `", "`.
///
/// Yields each label with what it covers. Fails with [`ErrorCode::MalformedSignature`] for anything that is no
/// dictionary of inner lists of strings, and for duplicate labels or parameters.
pub fn parse_signature_input_fields(value: &str) -> Result<Vec<(String, SignatureInput<'_>)>, Error> {
    check_len(value)?;
    Parser::new(value).parse_dictionary_with_visitor(Inputs(Vec::new())).map_err(|_| malformed())
}

/// Reads the value of `Signature`: each label with its bytes. Fails as [`parse_signature_input_fields`] does.
pub fn parse_signature_fields(value: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
    check_len(value)?;
    Parser::new(value).parse_dictionary_with_visitor(Signatures(Vec::new())).map_err(|_| malformed())
}

fn malformed() -> Error {
    Error::new(ErrorCode::MalformedSignature, "signature-input or signature is not a dictionary without duplicates")
}

fn check_len(value: &str) -> Result<(), Error> {
    if value.len() > MAX_SIGNATURE_FIELD_LEN {
        return Err(Error::new(
            ErrorCode::MalformedSignature,
            "signature-input and signature have at most 4096 bytes each",
        ));
    }
    Ok(())
}

struct Inputs<'de>(Vec<(String, SignatureInput<'de>)>);

impl<'de> DictionaryVisitor<'de> for Inputs<'de> {
    type Out = Vec<(String, SignatureInput<'de>)>;
    type Error = Error;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Error> {
        if self.0.iter().any(|(label, _)| label == key.as_str()) {
            return Err(malformed());
        }
        self.0.push((key.as_str().into(), SignatureInput::default()));
        let (_, input) = self.0.last_mut().ok_or_else(malformed)?;
        Ok(Input(input))
    }

    fn finish(self) -> Result<Self::Out, Error> {
        Ok(self.0)
    }
}

struct Input<'v, 'de>(&'v mut SignatureInput<'de>);

impl<'de> EntryVisitor<'de> for Input<'_, 'de> {
    type Error = Error;

    fn item(self) -> Result<impl ItemVisitor<'de>, Error> {
        Err::<Ignored, _>(malformed())
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Error> {
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for Input<'_, 'de> {
    type Error = Error;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Error> {
        Ok(ComponentVisitor(&mut self.0.components))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Error> {
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for Input<'_, 'de> {
    type Out = ();
    type Error = Error;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<(), Error> {
        let name = key.as_str();
        if self.0.parameters.iter().any(|(known, _)| known == name) {
            return Err(malformed());
        }
        let value = match value {
            BareItemFromInput::Integer(value) => Parameter::Integer(value.into()),
            BareItemFromInput::String(value) => Parameter::String(to_text(value)),
            _ => Parameter::Unsupported,
        };
        self.0.parameters.push((Cow::Borrowed(name), value));
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        Ok(())
    }
}

struct ComponentVisitor<'v, 'de>(&'v mut Vec<Component<'de>>);

impl<'de> ItemVisitor<'de> for ComponentVisitor<'_, 'de> {
    type Out = ();
    type Error = Error;

    fn bare_item(self, value: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Error> {
        let BareItemFromInput::String(name) = value else { return Err(malformed()) };
        self.0.push(Component { name: to_text(name), is_parameterized: false });
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for ComponentVisitor<'_, 'de> {
    type Out = ();
    type Error = Error;

    fn parameter(&mut self, _: &'de KeyRef, _: BareItemFromInput<'de>) -> Result<(), Error> {
        if let Some(component) = self.0.last_mut() {
            component.is_parameterized = true;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        Ok(())
    }
}

fn to_text(value: Cow<'_, sfv::StringRef>) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_str()),
        Cow::Owned(value) => Cow::Owned(value.as_str().into()),
    }
}

struct Signatures(Vec<(String, Vec<u8>)>);

impl<'de> DictionaryVisitor<'de> for Signatures {
    type Out = Vec<(String, Vec<u8>)>;
    type Error = Error;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Error> {
        if self.0.iter().any(|(label, _)| label == key.as_str()) {
            return Err(malformed());
        }
        self.0.push((key.as_str().into(), Vec::new()));
        let (_, bytes) = self.0.last_mut().ok_or_else(malformed)?;
        Ok(Bytes(bytes))
    }

    fn finish(self) -> Result<Self::Out, Error> {
        Ok(self.0)
    }
}

struct Bytes<'v>(&'v mut Vec<u8>);

impl<'de> EntryVisitor<'de> for Bytes<'_> {
    type Error = Error;

    fn item(self) -> Result<impl ItemVisitor<'de>, Error> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Error> {
        Err::<Ignored, _>(malformed())
    }
}

impl<'de> ItemVisitor<'de> for Bytes<'_> {
    type Out = ();
    type Error = Error;

    fn bare_item(self, value: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Error> {
        let BareItemFromInput::ByteSequence(bytes) = value else { return Err(malformed()) };
        *self.0 = bytes;
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_signature_fields, parse_signature_input_fields};

    #[test]
    fn duplicates_are_seen_on_the_raw_input() {
        assert_eq!(parse_signature_input_fields(r#"a=("@method");created=1, b=()"#).unwrap().len(), 2);
        for refused in [
            r"a=(), a=()",
            r"a=();created=1;created=1",
            r"a=();created=1;created=2",
            "a",
            "a=1",
            "a=(1)",
            "a=(token)",
            r#"a=("@method""#,
            "A=()",
            r#"a=("é")"#,
        ] {
            assert!(parse_signature_input_fields(refused).is_err(), "{refused}");
        }
        for refused in ["a=:AA==:, a=:AA==:", "a=(:AA==:)", "a=1", "a", "a=:A:, ", "a=:*:"] {
            assert!(parse_signature_fields(refused).is_err(), "{refused}");
        }
        assert!(parse_signature_input_fields(&"a".repeat(5000)).is_err());
    }

    #[test]
    fn what_was_read_is_written_alike() {
        let value = r#"("@method" "x");created=1;expires=2;nonce="a\"b\\";keyid="k""#;
        let text = alloc::format!("dk={value}");
        let inputs = parse_signature_input_fields(&text).unwrap();
        assert_eq!(inputs[0].1.to_value(), value);
        assert_eq!(inputs[0].1.string("nonce"), Some("a\"b\\"));
    }
}
