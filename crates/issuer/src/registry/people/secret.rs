use std::fmt;

use doorkey_core::{Origin, parse_base64url_array, sha256, to_base64url};
use doorkey_verifier::{Entropy, random};
use zeroize::Zeroizing;

/// 32 random bytes, which whoever presents them is believed for: of a sign-in, or in a link. `Debug` shows nothing.
pub(crate) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(random(entropy)))
    }

    /// Reads 43 characters of base64url; whatever else it is, it is nobody's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        parse_base64url_array(text).map(Zeroizing::new).map(Self)
    }

    /// 43 characters of base64url.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(to_base64url(&*self.0))
    }

    /// For the cookie.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What is stored of it. Nobody can guess 256 bits, so no more than SHA-256 is needed.
    pub(super) fn hash(&self) -> [u8; 32] {
        sha256(&*self.0)
    }

    /// The link that carries it. The part behind `#` is sent to no server and stands in no log.
    pub(super) fn link(&self, public_url: &Origin, page: &str) -> Link {
        Link(Zeroizing::new(format!("{public_url}/{page}#token={}", &*self.to_text())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A link that lets whoever has it in, once. It is shown a single time. `Debug` shows nothing.
#[derive(Clone)]
pub struct Link(Zeroizing<String>);

impl Link {
    /// The whole URL, to be shown to one person.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}
