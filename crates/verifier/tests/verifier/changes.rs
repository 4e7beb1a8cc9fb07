//! No single character of an accepted request can be changed, added or dropped without it being refused.

use doorkey_core::JwkSet;
use doorkey_verifier::{Decision, Policy, ReplayMemory, RequestHead, TokenCache};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::signer::{API, ISSUER, NOW, Session, issuer_key, moment};

const BODY: &[u8] = b"picture";
const TARGET: &str = "/pictures?limit=10";

struct Decider {
    policy: Policy,
    keys: JwkSet,
    tokens: TokenCache,
}

impl Decider {
    fn accepts(&self, method: &str, target: &str, headers: &HeaderMap, body: &[u8]) -> bool {
        // New memory each time: what is looked for here is anything but a replay.
        let replay = ReplayMemory::new(16, 16, 30);
        let decision = Decision::new(&self.policy, &self.keys, &self.tokens, &replay, moment(NOW));
        match decision.examine(&RequestHead { method, target, authority: None, headers, peer: None }) {
            Ok(examined) => decision.mark(examined).and_then(|marked| decision.accept(marked, body)).is_ok(),
            Err(_) => false,
        }
    }
}

/// All texts that are one character away: changed to a few others, dropped, doubled.
fn neighbours(text: &str) -> impl Iterator<Item = (usize, String)> {
    (0..text.len()).flat_map(move |at| {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let here = &text[at..=at];
        ["A", "z", "0", "_", "/", ",", "\"", "", &here.repeat(2)]
            .into_iter()
            .filter(|other| *other != here)
            .map(|other| (at, format!("{before}{other}{after}")))
            .collect::<Vec<_>>()
    })
}

#[test]
fn one_character_makes_another_request() {
    let decider = Decider {
        policy: Policy::new(ISSUER, API).unwrap(),
        keys: JwkSet::new([issuer_key().verifying_key()]),
        tokens: TokenCache::new(100_000),
    };
    let session = Session::new(ISSUER, &issuer_key(), "pictures:write");
    let (parts, _) = session.request("POST", TARGET, Some(BODY)).into_parts();
    let headers = parts.headers;
    assert!(decider.accepts("POST", TARGET, &headers, BODY));

    let mut tried = 0;
    for (at, method) in neighbours("POST") {
        assert!(!decider.accepts(&method, TARGET, &headers, BODY), "method, character {at}");
    }
    for (at, target) in neighbours(TARGET) {
        assert!(!decider.accepts("POST", &target, &headers, BODY), "target, character {at}: {target}");
    }
    for (at, body) in neighbours("picture") {
        assert!(!decider.accepts("POST", TARGET, &headers, body.as_bytes()), "body, character {at}");
    }
    for name in ["origin", "authorization", "signature-input", "signature", "content-type", "content-digest"] {
        let name: HeaderName = name.parse().unwrap();
        let original = headers[&name].to_str().unwrap().to_owned();
        for (at, changed) in neighbours(&original) {
            // A second space between the members of an inner list means nothing (RFC 9651, section 4.2.1.2).
            if name == "signature-input" && changed.contains("  ") {
                continue;
            }
            let mut bent = headers.clone();
            bent.insert(&name, HeaderValue::from_str(&changed).unwrap());
            assert!(!decider.accepts("POST", TARGET, &bent, BODY), "{name}, character {at}: {changed}");
            tried += 1;
        }
        let mut without = headers.clone();
        without.remove(&name);
        let is_optional = name == "origin";
        assert_eq!(decider.accepts("POST", TARGET, &without, BODY), is_optional, "without {name}");
    }
    assert!(tried > 5000, "{tried}");
}
