//! For how long to wait before the next try.

use std::time::Duration;

use crate::ambient::{Entropy, random};

/// The waits between tries: none after a success, then longer and longer ones.
#[derive(Debug, Default)]
pub struct Waits(u32);

impl Waits {
    const FIRST: Duration = Duration::from_millis(100);
    /// The longest one, and the one after a refusal that will not pass by itself.
    pub const LONGEST: Duration = Duration::from_secs(2);

    /// The last try came to something; a try at once follows, unless that was `brief`.
    pub fn succeeded(&mut self, brief: bool) {
        self.0 = u32::from(brief);
    }

    /// The wait before the next try, which is taken to fail. No two verifiers wait for as long: each draws between half
    /// of it and all.
    pub fn next(&mut self, entropy: &dyn Entropy) -> Duration {
        let Some(doublings) = self.0.checked_sub(1) else {
            self.0 = 1;
            return Duration::ZERO;
        };
        self.0 = self.0.saturating_add(1);
        let wait = Self::FIRST.saturating_mul(2u32.saturating_pow(doublings)).min(Self::LONGEST);
        let [drawn] = random(entropy);
        wait / 2 + wait * u32::from(drawn) / 510
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Waits;
    use crate::ambient::Entropy;

    #[derive(Debug)]
    struct Bytes(u8);

    impl Entropy for Bytes {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn waits_grow_to_a_bound() {
        let ms = Duration::from_millis;
        let mut waits = Waits::default();
        let longest: Vec<_> = (0..8).map(|_| waits.next(&Bytes(255))).collect();
        assert_eq!(longest, [ms(0), ms(100), ms(200), ms(400), ms(800), ms(1600), ms(2000), ms(2000)]);
        assert_eq!(waits.next(&Bytes(0)), ms(1000), "half of it");
        waits.succeeded(true);
        assert_eq!(waits.next(&Bytes(255)), ms(100), "one that ends at once each time must not spin");
        waits.succeeded(false);
        assert_eq!(waits.next(&Bytes(255)), ms(0));
        waits = Waits(u32::MAX);
        assert_eq!(waits.next(&Bytes(255)), ms(2000));
    }
}
