//! Ids on the command line, where somebody may put the secret itself.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use doorkey_core::{KeyId, VerifierId};

/// Reads the id of a key. A key in its place is refused without being shown: what stands on stderr ends up in logs.
#[derive(Clone)]
pub(crate) struct OfKey;

/// Reads the id of a verifier. A credential in its place is refused without being shown.
#[derive(Clone)]
pub(crate) struct OfVerifier;

impl TypedValueParser for OfKey {
    type Value = KeyId;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<KeyId, clap::Error> {
        refuse_credential(command, value, "that is the key itself; its id is in `doorkey keys list`")?;
        KeyId::from_str.parse_ref(command, argument, value)
    }
}

impl TypedValueParser for OfVerifier {
    type Value = VerifierId;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<VerifierId, clap::Error> {
        refuse_credential(command, value, "that is the credential itself; its id is in `doorkey verifiers list`")?;
        VerifierId::from_str.parse_ref(command, argument, value)
    }
}

fn refuse_credential(command: &clap::Command, value: &OsStr, detail: &str) -> Result<(), clap::Error> {
    let text = value.to_string_lossy();
    // In any place: a brand may stand in front, or what was copied with it.
    if ["pk_", "sk_", "vk_"].iter().any(|prefix| text.contains(prefix)) {
        let text = format!("{detail}\n\nFor more information, try '--help'.\n");
        return Err(clap::Error::raw(ErrorKind::ValueValidation, text).with_cmd(command));
    }
    Ok(())
}
