//! What a gate signs in to its issuer with: never on the command line, which other processes can see.

use std::path::Path;

use anyhow::{Context, bail};
use doorkey_verifier::VerifierCredential;
use zeroize::Zeroizing;

use crate::data::check_mode;

const VARIABLE: &str = "DOORKEY_VERIFIER";

pub(super) fn read(file: Option<&Path>) -> anyhow::Result<VerifierCredential> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a credential on the command line would show in the list of processes"
    )]
    let variable = std::env::var_os(VARIABLE).map(|text| Zeroizing::new(text.into_string().unwrap_or_default()));
    let (text, whence) = match (file, variable) {
        (Some(_), Some(_)) => bail!("both {VARIABLE} and --credential-file are there: give one of them"),
        (Some(file), None) => {
            check_mode(file)?;
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            (Zeroizing::new(text), file.display().to_string())
        }
        (None, Some(text)) => (text, VARIABLE.to_owned()),
        (None, None) => bail!(
            "no credential: `doorkey verifiers add NAME` makes one; put it into {VARIABLE}, or into a file that --credential-file names"
        ),
    };
    VerifierCredential::parse(text.trim()).context(whence)
}
