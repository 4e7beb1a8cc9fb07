#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

// In the order of use: a module knows only those above it.
mod error;
mod encoding;
mod json;
mod digest;
mod id;
mod authority;
mod key;
mod jwk;
mod key_string;
mod scope;
mod jws;
mod mint;
mod target;
mod signature;
mod proof;
mod signed_url;
mod bind;
mod verified;
mod grant;
/// Session tokens: [`issue`](token::issue) and [`UnverifiedToken`](token::UnverifiedToken).
pub mod token;

pub use authority::{Authority, Origin, OriginPattern};
pub use bind::Bind;
pub use digest::{ContentDigest, ContentHasher, sha256};
pub use encoding::{parse_base64, parse_base64url, parse_base64url_array, to_base64url};
pub use error::{Error, ErrorCode, FieldError, Problem};
pub use grant::{DEFAULT_GRANT_LIFETIME, GrantClaims, MAX_GRANT_LEN, MAX_GRANT_LIFETIME, UnverifiedGrant};
pub use id::{
    Id, IdKind, InvitationId, KeyId, MemberId, OrganizationId, RoleId, SessionId, SignInId, VerifierId, WorkspaceId,
};
pub use jwk::{JwkSet, Thumbprint};
pub use key::{Signature, SigningKey, VerifyingKey};
pub use key_string::{
    Brand, Environment, KeyKind, MAX_KEY_STRING_LEN, MAX_VERIFIER_CREDENTIAL_LEN, PublishableKey, SecretKey,
    VerifierCredential,
};
pub use mint::{MAX_MINT_LEN, MINT_PATH, MintClaims, SignedMint, assemble_mint};
#[cfg(feature = "verify")]
pub use proof::Proof;
pub use proof::{
    AUTHORIZATION_SCHEME, DEFAULT_CONTENT_TYPE, MAX_PROOF_WINDOW, Nonce, PROOF_LABEL, PROOF_TAG, ProofBody, ProofKey,
    ProofRequest, UnsignedProof,
};
pub use scope::{Scope, ScopeSet};
pub use signature::{Component, MAX_SIGNATURE_FIELD_LEN, Parameter, SignatureInput};
#[cfg(feature = "verify")]
pub use signature::{parse_signature_fields, parse_signature_input_fields};
#[cfg(feature = "verify")]
pub use signed_url::SignedUrl;
pub use signed_url::{MAX_URL_WINDOW, URL_TAG, UnsignedUrl};
pub use target::RequestTarget;
pub use token::Claims;
pub use verified::Verified;

// The Rust of the docs.
#[cfg(doctest)]
#[doc = include_str!("../../../www/docs/grants.md")]
mod docs {}
