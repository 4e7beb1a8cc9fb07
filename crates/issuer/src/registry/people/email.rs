use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::error::Error;

/// An e-mail address that people sign in with, in lower case.
///
/// ```
/// use doorkey_issuer::Email;
///
/// let email: Email = " Ada@Shop.Example ".parse()?;
/// assert_eq!(email.as_str(), "ada@shop.example");
/// assert!("Ada <ada@shop.example>".parse::<Email>().is_err());
/// # Ok::<(), doorkey_issuer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = Error;

    /// Takes an address of 3 to 254 bytes in ASCII (a domain in other letters in the form of DNS, `xn--…`), with or
    /// without spaces around it; fails with `invalid_input`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let parts = text.split_once('@').filter(|(local, domain)| is_local(local) && is_domain(domain));
        if parts.is_none() || !(3..=254).contains(&text.len()) {
            return Err(Error::invalid("email", "not an e-mail address"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Unquoted: whatever else RFC 5321 allows, nobody has, and mail programs trip over it.
fn is_local(local: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    (1..=64).contains(&local.len()) && local.bytes().all(is_allowed)
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(|error: Error| error.of_member())
    }
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn an_address_is_one_address() {
        for (text, email) in [
            ("a@b", "a@b"),
            ("\tAda.Lovelace+doorkey@Shop.Example\n", "ada.lovelace+doorkey@shop.example"),
            ("o'hara@xn--bcher-kva.example", "o'hara@xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<Email>().unwrap().as_str(), email);
        }
        let long_local = "a".repeat(65) + "@b.example";
        let long = format!("a@{}", ["a".repeat(63), "a".repeat(63), "a".repeat(63), "a".repeat(61)].join("."));
        assert_eq!(long.len(), 255);
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@b..c",
            "a@.b",
            "a@-b",
            "a@b-",
            "a@b_c",
            "a@bücher.example",
            "ä@b.example",
            "a\u{0}@b",
            "a@b\r\nBcc: c@d",
            "<a@b>",
            "a,c@b",
            "\"a\"@b",
            "a@[127.0.0.1]",
            &long_local,
            &long,
        ] {
            assert!(text.parse::<Email>().is_err(), "{text:?}");
        }
        assert!(long.replacen("aa", "a", 1).parse::<Email>().is_ok());
    }
}
