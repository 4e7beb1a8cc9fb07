//! How much memory a directory takes: in a process of its own, so that nothing else counts.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use doorkey_core::{Environment, KeyId, KeyKind, OrganizationId, WorkspaceId};
use doorkey_verifier::{
    Clock, Directory, DirectoryBegin, DirectoryKey, DirectoryLine, DirectorySynced, PublicKey, SystemClock,
};

const KEYS: u64 = 100_000;
const MAX_BYTES: u64 = 40_000_000;

/// The bytes of this process's memory that are in use.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// One of four kinds of keys, in one of a thousand workspaces.
fn key(number: u64) -> DirectoryLine {
    let is_secret = number.is_multiple_of(2);
    let mut public_key = [7; 32];
    public_key[..8].copy_from_slice(&number.to_be_bytes());
    DirectoryLine::Key(Box::new(DirectoryKey {
        id: KeyId::from_parts(number, [1; 10]),
        kind: if is_secret { KeyKind::Secret } else { KeyKind::Publishable },
        environment: if number % 4 < 2 { Environment::Live } else { Environment::Test },
        organization: OrganizationId::from_parts(number % 100, [2; 10]),
        workspace: Some(WorkspaceId::from_parts(number % 1000, [3; 10])),
        workspaces: None,
        public_key: is_secret.then_some(PublicKey(public_key)),
        brand: None,
        scopes: "pictures:read pictures:write".parse().unwrap(),
        origins: if is_secret {
            Vec::new()
        } else {
            vec![format!("https://{}.example", number % 1000).parse().unwrap()]
        },
        cidrs: Vec::new(),
        rate_limit: None,
        monthly_quota: None,
        limits: [].into(),
        shadow: [].into(),
        expires_at: Some(2_000_000_000 + number),
        ends_at: None,
        disabled: false,
        revoked: false,
    }))
}

#[test]
fn a_hundred_thousand_keys_fit_into_forty_megabytes() {
    let directory = Directory::new(Duration::from_secs(10));
    let before = resident();
    let begin = DirectoryLine::Begin(DirectoryBegin { history: "h".into(), since: 0 });
    let synced = DirectoryLine::Synced(DirectorySynced { revision: KEYS, after_ms: 0 });
    let lines = std::iter::once(begin).chain((0..KEYS).map(key)).chain([synced]);
    directory.apply(lines, SystemClock.moment()).unwrap();
    let taken = resident() - before;
    assert_eq!(directory.len() as u64, KEYS);
    assert!((5_000_000..MAX_BYTES).contains(&taken), "{taken} bytes");
}
