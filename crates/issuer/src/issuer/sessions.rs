//! The mint, with all that it asks the store and remembers.

use std::net::IpAddr;

use doorkey_core::token::{self, Claims};
use doorkey_core::{ErrorCode, Origin, SecretKey, SignedMint, UnverifiedGrant};

use super::Issuer;
use crate::error::Error;
use crate::grant::{self, Granted};
use crate::mint::{self, Presented};
use crate::settings::Settings;
use crate::store::KeyRecord;

/// A session and its token.
pub(crate) struct Minted {
    pub(crate) claims: Claims,
    pub(crate) token: String,
}

impl Issuer {
    /// Notes that a secret key came from a page, if it is one of ours, and yields the refusal.
    pub(crate) async fn refuse_secret_key(&self, key: Option<SecretKey>) -> Error {
        if let Some(key) = key
            && let Err(error) = self.registry.record_leak(&key).await
        {
            return error;
        }
        Error::new(ErrorCode::SecretKeyInBrowser, "a secret key was sent from a page")
    }

    /// Trades a mint for a session: signature, key, grant, origin, then limits.
    pub(crate) async fn mint(&self, body: &str, origin: Option<&Origin>, address: IpAddr) -> Result<Minted, Error> {
        let settings = self.settings();
        let mint = SignedMint::verify(body)?;
        let key = match mint::read(&mint, &settings)? {
            Presented::Publishable(key) => key,
            Presented::Secret(key) => return Err(self.refuse_secret_key(key).await),
        };
        let record = self.registry.key(key.id()).await?;
        let record = mint::usable(&key, record, self.clock.now())?;
        match self.mint_with(&mint, &record, origin, address, &settings).await {
            Ok((minted, is_shadowed)) => {
                self.registry.note_mint(&record, is_shadowed).await?;
                Ok(minted)
            }
            Err(error) => {
                self.registry.note_refused_mint(&record, error.code()).await?;
                Err(error)
            }
        }
    }

    /// The session, and whether a restriction in shadow would have refused it.
    async fn mint_with(
        &self,
        mint: &SignedMint,
        record: &KeyRecord,
        origin: Option<&Origin>,
        address: IpAddr,
        settings: &Settings,
    ) -> Result<(Minted, bool), Error> {
        let granted = match &mint.claims.grant {
            Some(grant) => Some(self.use_grant(grant, record, settings).await?),
            None if record.requires_grant => {
                return Err(Error::new(ErrorCode::GrantRequired, "the key demands a grant for each session"));
            }
            None => None,
        };
        let is_granted = granted.is_some();
        let (session, now) = (self.registry.new_id(), self.clock.now());
        let granted = granted.unwrap_or_default();
        let mint::Decision { claims, is_shadowed } =
            mint::decide(mint, record, granted, origin, settings, session, now)?;
        self.limits.check(record.id, address, &claims.doorkey.origin)?;
        let token = token::issue(&claims, self.signing_keys.active()).map_err(|error| {
            if is_granted {
                Error::new(
                    ErrorCode::GrantInvalid,
                    "with what it names, the token would have more than 4096 bytes: it can name fewer scopes",
                )
            } else {
                error.into()
            }
        })?;
        Ok((Minted { claims, token }, is_shadowed))
    }

    /// Verifies a grant and uses it up: of two who bring it at once, one gets further, whatever comes of that.
    async fn use_grant(&self, grant: &str, publishable: &KeyRecord, settings: &Settings) -> Result<Granted, Error> {
        let grant = UnverifiedGrant::parse(grant)?;
        let signer = self.registry.key(grant.key_id()).await?;
        let (signer, claims) = grant::verify(grant, signer, publishable, settings, self.clock.now())?;
        let granted = grant::apply(&claims, &signer, publishable)?;
        self.registry.use_grant(&signer, &claims).await?;
        self.registry.note_use(&signer).await?;
        Ok(granted)
    }
}
