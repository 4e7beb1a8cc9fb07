//! TypeIDs: a UUIDv7 with the kind of the thing in front, `key_01h455vb4pex5vsknk084sn02q`.

use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::str::FromStr;

use crate::error::{Error, ErrorCode};

/// What an [`Id`] names; its prefix keeps one kind of id from passing for another.
pub trait IdKind {
    /// The text before the underscore.
    const PREFIX: &'static str;
}

macro_rules! id_kinds {
    ($($(#[$doc:meta])* $name:ident $kind:ident $prefix:literal)+) => {$(
        #[doc = concat!("The kind of a [`", stringify!($name), "`].")]
        #[derive(Debug)]
        pub enum $kind {}
        impl IdKind for $kind {
            const PREFIX: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $name = Id<$kind>;
    )+};
}

id_kinds! {
    /// Names a publishable or secret key: `key_…`.
    KeyId KeyKind "key"
    /// Names an organization: `org_…`.
    OrganizationId OrganizationKind "org"
    /// Names a workspace: `wsp_…`.
    WorkspaceId WorkspaceKind "wsp"
    /// Names a member: `usr_…`.
    MemberId MemberKind "usr"
    /// Names a custom role: `rol_…`.
    RoleId RoleKind "rol"
    /// Names an invitation: `inv_…`.
    InvitationId InvitationKind "inv"
    /// Names one member's sign-in: `sgn_…`.
    SignInId SignInKind "sgn"
    /// Names a browser session, and is its token's `jti`: `ses_…`.
    SessionId SessionKind "ses"
    /// Names a verifier: `ver_…`.
    VerifierId VerifierKind "ver"
}

/// A 128-bit id of one kind; shown as a [TypeID](https://github.com/jetify-com/typeid).
///
/// ```
/// use doorkey_core::KeyId;
///
/// let id = KeyId::from_parts(1_700_000_000_000, [7; 10]);
/// assert_eq!(id.to_string().parse::<KeyId>()?, id);
/// assert!("org_01h455vb4pex5vsknk084sn02q".parse::<KeyId>().is_err());
/// # Ok::<(), doorkey_core::Error>(())
/// ```
pub struct Id<K> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> K>,
}

/// Crockford's base32 in lower case, the alphabet of TypeIDs.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits in digits of 5 bits; the first digit carries 3 of them.
const DIGITS: usize = 26;

impl<K> Id<K> {
    /// Takes the 16 bytes as they stand in a key string or a database.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, kind: PhantomData }
    }

    /// Makes a UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits.
    pub const fn from_parts(unix_milliseconds: u64, random: [u8; 10]) -> Self {
        let time = unix_milliseconds.to_be_bytes();
        let r = random;
        Self::from_bytes([
            time[2],
            time[3],
            time[4],
            time[5],
            time[6],
            time[7],
            0x70 | (r[0] & 0x0f),
            r[1],
            0x80 | (r[2] & 0x3f),
            r[3],
            r[4],
            r[5],
            r[6],
            r[7],
            r[8],
            r[9],
        ])
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }
}

impl<K: IdKind> Id<K> {
    /// The text before the underscore.
    pub const PREFIX: &'static str = K::PREFIX;

    fn invalid() -> Error {
        Error::new(ErrorCode::InvalidInput, alloc::format!("not an id of the form {}_ and 26 digits", K::PREFIX))
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.bytes);
        let mut digits = String::with_capacity(DIGITS);
        for place in (0..DIGITS).rev() {
            digits.push(ALPHABET[(value >> (5 * place)) as usize & 31] as char);
        }
        write!(f, "{}_{digits}", K::PREFIX)
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|digits| digits.len() == DIGITS && digits.as_bytes()[0] <= b'7')
            .ok_or_else(Self::invalid)?;
        let mut value = 0u128;
        for digit in digits.bytes() {
            let digit = ALPHABET.iter().position(|&known| known == digit).ok_or_else(Self::invalid)?;
            value = value << 5 | digit as u128;
        }
        Ok(Self::from_bytes(value.to_be_bytes()))
    }
}

// Derives would ask the same of `K`, which is never a value.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}
impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K: IdKind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: IdKind> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Id, KeyId, KeyKind};

    #[test]
    fn ids_agree_with_the_typeid_specification() {
        // The specification's own pairs of UUID and suffix.
        for (value, suffix) in [
            (0, "00000000000000000000000000"),
            (1, "00000000000000000000000001"),
            (32, "00000000000000000000000010"),
            (u128::MAX, "7zzzzzzzzzzzzzzzzzzzzzzzzz"),
            (0x0110_c853_1d09_52d8_d73e_1194_e95b_5f19, "0123456789abcdefghjkmnpqrs"),
            (0x0189_0a5d_ac96_774b_bcce_b302_099a_8057, "01h455vb4pex5vsknk084sn02q"),
        ] {
            let text = alloc::format!("key_{suffix}");
            assert_eq!(Id::<KeyKind>::from_bytes(value.to_be_bytes()).to_string(), text);
            assert_eq!(text.parse::<KeyId>().unwrap().as_bytes(), &value.to_be_bytes());
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for refused in [
            "",
            "key_",
            "01h455vb4pex5vsknk084sn02q",
            "key_01h455vb4pex5vsknk084sn02",
            "key_01h455vb4pex5vsknk084sn02qq",
            "key_81h455vb4pex5vsknk084sn02q",
            "key_01H455VB4PEX5VSKNK084SN02Q",
            "key_01h455vb4pex5vsknk084sn02u",
            "org_01h455vb4pex5vsknk084sn02q",
        ] {
            assert!(refused.parse::<KeyId>().is_err(), "{refused}");
        }
    }

    #[test]
    fn a_made_id_is_a_uuid_of_version_7() {
        let id = KeyId::from_parts(0x0123_4567_89ab, [0xff; 10]);
        assert_eq!(u128::from_be_bytes(*id.as_bytes()), 0x0123_4567_89ab_7fff_bfff_ffff_ffff_ffff);
        assert!(KeyId::from_parts(1, [0xff; 10]) < KeyId::from_parts(2, [0; 10]));
    }
}
