//! A session: how long it serves, and where its token goes.

use alloc::string::String;

use doorkey_core::AUTHORIZATION_SCHEME;

use crate::address::Address;
use crate::instant::{Instant, ServerClock};

/// What the issuer answered to a mint, as far as rules depend on it.
#[derive(Clone, Copy, Debug)]
pub struct MintResponse<'a> {
    /// The session token.
    pub token: &'a str,
    /// The origins that get it, with a space between two.
    pub audience: &'a str,
    /// When the token ends, in Unix seconds of the server's clock.
    pub expires_at: f64,
    /// The server's clock when it answered, in Unix seconds.
    pub server_time: f64,
}

/// A session token and when to replace it.
pub(crate) struct Session {
    pub(crate) authorization: String,
    pub(crate) clock: ServerClock,
    audience: String,
    /// When the token ends, in milliseconds of the server's clock.
    pub(crate) expires: f64,
    /// In milliseconds, when it was new.
    lifetime: f64,
    /// How long before the end it is renewed, in milliseconds.
    margin: f64,
    is_refused: bool,
}

/// A token that is refused before it is this old, in milliseconds, was never good: another one would not be, either.
const MIN_AGE: f64 = 5_000.0;

/// Long enough for a mint on a bad network.
const MAX_MARGIN: f64 = 30_000.0;

impl Session {
    pub(crate) fn new(response: &MintResponse<'_>, now: Instant) -> Self {
        let (server, expires) = (response.server_time * 1_000.0, response.expires_at * 1_000.0);
        Self {
            authorization: [AUTHORIZATION_SCHEME, " ", response.token].concat(),
            clock: ServerClock::new(server, now),
            audience: response.audience.into(),
            expires,
            lifetime: expires - server,
            margin: ((expires - server) / 5.0).clamp(0.0, MAX_MARGIN),
            is_refused: false,
        }
    }

    /// Whether calls go on with this token. In the second half of the margin they wait for the next one instead: the
    /// rest of its life may be shorter than the way to the server.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.is_sound(now) && self.remaining(now) > self.margin / 2.0
    }

    /// Whether it is time to mint the next one.
    pub(crate) fn is_renewal_due(&self, now: Instant) -> bool {
        !self.is_sound(now) || self.remaining(now) <= self.margin
    }

    /// Whether the token lives for another `milliseconds`, or nearly as long as a new one would.
    pub(crate) fn outlives(&self, now: Instant, milliseconds: f64) -> bool {
        self.remaining(now) >= milliseconds.min(self.lifetime - self.margin)
    }

    /// Whether requests to `address` get the token.
    pub(crate) fn covers(&self, address: &Address<'_>) -> bool {
        self.audience.split(' ').any(|covered| address.is_at(covered))
    }

    /// The token alone.
    pub(crate) fn token(&self) -> &str {
        self.authorization.get(AUTHORIZATION_SCHEME.len() + 1..).unwrap_or_default()
    }

    /// Takes note of a 401 that another session may mend; says whether this one has ended.
    pub(crate) fn refuse(&mut self, monotonic: f64) -> bool {
        self.is_refused |= self.clock.since(monotonic) >= MIN_AGE;
        self.is_refused
    }

    fn is_sound(&self, now: Instant) -> bool {
        !self.is_refused && !self.clock.has_drifted(now)
    }

    /// How long the token lives on, in milliseconds.
    fn remaining(&self, now: Instant) -> f64 {
        self.expires - self.clock.at(now.monotonic)
    }
}
