//! A proof is refused the second time for as long as it could be accepted, whatever else goes on.

use doorkey_core::{JwkSet, Nonce, SigningKey, Thumbprint};
use doorkey_verifier::{Decision, Policy, ReplayKey, ReplayMemory, RequestHead, TokenCache};

use crate::signer::{API, ISSUER, NOW, Session, issuer_key, moment};

#[test]
fn a_proof_is_remembered_until_its_window_has_closed() {
    let policy = Policy::new(ISSUER, API).unwrap();
    let keys = JwkSet::new([issuer_key().verifying_key()]);
    let (tokens, replay) = (TokenCache::new(10), ReplayMemory::new(100_000, 100, policy.skew()));
    let (parts, _) =
        Session::new(ISSUER, &issuer_key(), "pictures:read").request("GET", "/pictures", None).into_parts();
    let head = RequestHead { method: "GET", target: "/pictures", authority: None, headers: &parts.headers, peer: None };
    let decide = |now| {
        let decision = Decision::new(&policy, &keys, &tokens, &replay, moment(now));
        match decision.examine(&head) {
            Ok(examined) => {
                decision.mark(examined).map_or_else(|refusal| refusal.error().code().as_str(), |_| "accepted")
            }
            Err(rejection) => rejection.into_refusal().error().code().as_str(),
        }
    };
    // Somebody else's traffic, in every shard, so that generations turn just after the proof was accepted.
    let other = |now: u64| {
        for seed in 0..64 {
            let jkt = Thumbprint::of(&SigningKey::from_seed(&[seed; 32]).verifying_key());
            let key = ReplayKey { jkt, nonce: Nonce::new([9; 12], now) };
            replay.mark(&key, now + 90, now).unwrap();
        }
    };
    other(NOW - 119);
    assert_eq!(decide(NOW), "accepted");
    for now in NOW..NOW + 90 {
        other(now);
        assert_eq!(decide(now), "replayed", "{} seconds later", now - NOW);
    }
    assert_eq!(decide(NOW + 90), "window_invalid");
}
