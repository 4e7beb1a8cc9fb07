//! Who may follow the directory: added and revoked by the operator, on the command line.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorkey_core::{ErrorCode, SigningKey, VerifierCredential, VerifierId, to_base64url};
use doorkey_verifier::random;
use zeroize::Zeroizing;

use super::terms::is_name;
use super::{Change, Registry, not_found};
use crate::actor::{Actor, Who};
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::store::VerifierRecord;

/// When verifiers were here, as far as that is not written yet.
#[derive(Debug, Default)]
pub(super) struct SeenVerifiers(Mutex<HashMap<VerifierId, u64>>);

impl Registry {
    /// Adds a verifier, with the credential that it signs in with. That is kept nowhere: what is not shown now is lost.
    ///
    /// Takes an operator. Fails with `invalid_input` for what is no name.
    pub async fn add_verifier(&self, actor: &Actor, name: &str) -> Result<(VerifierRecord, VerifierCredential), Error> {
        let mut change = self.change(actor, Action::AddVerifier, Target::new(VerifierId::PREFIX)).await?;
        let done = self.add_verifier_in(&mut change, name).await;
        change.finish(done).await
    }

    async fn add_verifier_in(
        &self,
        change: &mut Change<'_>,
        name: &str,
    ) -> Result<(VerifierRecord, VerifierCredential), Error> {
        require_operator(change.actor)?;
        if !is_name(name) {
            return Err(Error::invalid("name", "1 to 100 characters on one line, without spaces around them"));
        }
        let seed = Zeroizing::new(random(self.entropy()));
        let key = SigningKey::from_seed(&seed);
        let record = VerifierRecord {
            id: self.new_id(),
            name: name.to_owned(),
            public_key: *key.verifying_key().as_bytes(),
            created_at: change.now,
            revoked_at: None,
            last_seen_at: None,
        };
        change.transaction.insert_verifier(&record).await?;
        change.is_done_to(record.id);
        change.note("name", name);
        let credential = VerifierCredential::new(record.id, change.settings.authority().clone(), key);
        Ok((record, credential))
    }

    /// Revokes a verifier for good; one that is revoked already stays as it is. Takes an operator.
    pub async fn revoke_verifier(&self, actor: &Actor, verifier: VerifierId) -> Result<VerifierRecord, Error> {
        let mut change = self.change(actor, Action::RevokeVerifier, verifier.into()).await?;
        let done = revoke(&mut change, verifier).await;
        change.finish(done).await
    }

    /// Gives the history of the directory another name, so that every verifier begins anew; unless somebody else has done
    /// so, and it is not the one that was `found` any more.
    pub(crate) async fn begin_another_history(&self, found: Option<&str>) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        transaction.rename_history(found, &self.new_history()).await?;
        transaction.commit().await
    }

    pub(super) fn new_history(&self) -> String {
        to_base64url(&random::<12>(self.entropy()))
    }

    /// Every verifier, revoked ones too, the oldest first; for the command line.
    pub async fn verifiers(&self) -> Result<Vec<VerifierRecord>, Error> {
        self.store.read().await?.verifiers().await
    }

    /// The verifier that a request names, whatever its state.
    pub(crate) async fn verifier(&self, verifier: VerifierId) -> Result<Option<VerifierRecord>, Error> {
        self.store.read().await?.verifier(verifier).await
    }

    /// Notes that a verifier is here; it is in the store within a minute.
    pub(crate) fn note_verifier_seen(&self, verifier: VerifierId) {
        let now = self.clock().now();
        self.seen_verifiers.0.lock().unwrap_or_else(PoisonError::into_inner).insert(verifier, now);
    }

    /// Writes when verifiers were here. What cannot be written is forgotten: they come again.
    pub(super) async fn write_seen_verifiers(&self) -> Result<(), Error> {
        let seen = std::mem::take(&mut *self.seen_verifiers.0.lock().unwrap_or_else(PoisonError::into_inner));
        if seen.is_empty() {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        for (verifier, at) in seen {
            transaction.note_verifier_seen(verifier, at).await?;
        }
        transaction.commit().await
    }
}

async fn revoke(change: &mut Change<'_>, verifier: VerifierId) -> Result<VerifierRecord, Error> {
    require_operator(change.actor)?;
    let mut record = change.transaction.verifier(verifier).await?.ok_or_else(not_found)?;
    if record.revoked_at.is_some() {
        change.has_nothing_to_do();
        return Ok(record);
    }
    change.transaction.revoke_verifier(verifier, change.now).await?;
    change.note("name", record.name.as_str());
    record.revoked_at = Some(change.now);
    Ok(record)
}

fn require_operator(actor: &Actor) -> Result<(), Error> {
    match actor.who {
        Who::Operator | Who::System => Ok(()),
        Who::Member(_) | Who::Key { .. } => {
            Err(Error::new(ErrorCode::InsufficientScope, "verifiers are added and revoked by the operator"))
        }
    }
}
