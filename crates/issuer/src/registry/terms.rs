//! The rules for what a key may be like, the same for a new one and for one that is edited.

use doorkey_core::token::{Claims, Confirmation, DoorkeyClaims};
use doorkey_core::{
    Environment, FieldError, KeyId, KeyKind, OrganizationId, ScopeSet, SessionId, SigningKey, Thumbprint, WorkspaceId,
    token,
};

use crate::error::Error;
use crate::settings::{Settings, is_token_lifetime};
use crate::store::{KeyRecord, Restriction};

/// Most characters of a name.
const MAX_NAME_LEN: usize = 100;
const MAX_DESCRIPTION_LEN: usize = 1000;
/// Most origins, and most networks, of a key.
const MAX_LISTED: usize = 100;
const MAX_SCOPES: usize = 1000;
const MAX_METADATA: usize = 50;
const MAX_METADATA_KEY_LEN: usize = 40;
const MAX_METADATA_VALUE_LEN: usize = 500;
/// The year 9999.
const MAX_TIME: u64 = 253_402_300_799;
/// What is a whole number in every language.
const MAX_COUNT: u64 = (1 << 53) - 1;

/// Applies the rules to a key as it shall be, `before` being what it was; all that is wrong is said at once.
///
/// What was allowed once and is not changed stays: a catalogue that has shrunk, or a time that has passed, is no reason
/// to refuse another change.
pub(super) fn check(key: &KeyRecord, before: Option<&KeyRecord>, settings: &Settings, now: u64) -> Result<(), Error> {
    let mut wrong = Vec::new();
    check_texts(key, &mut wrong);
    match key.kind {
        KeyKind::Publishable => check_publishable(key, &mut wrong),
        KeyKind::Secret => check_secret(key, &mut wrong),
    }
    check_scopes(key, before, settings, &mut wrong);
    check_limits(key, before, settings, &mut wrong);
    let times = [
        ("expires_at", key.expires_at, before.and_then(|before| before.expires_at)),
        ("rotation_due_at", key.rotation_due_at, before.and_then(|before| before.rotation_due_at)),
    ];
    for (name, time, earlier) in times {
        if time != earlier && time.is_some_and(|time| time <= now || time > MAX_TIME) {
            wrong.push(field(name, "Unix seconds, later than now and before the year 10000"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::invalid_fields(wrong)) }
}

fn check_texts(key: &KeyRecord, wrong: &mut Vec<FieldError>) {
    if key.name.as_deref().is_some_and(|name| !is_name(name)) {
        wrong.push(field("name", "1 to 100 characters on one line, without spaces around them"));
    }
    let is_text = |text: &str, most| text.chars().count() <= most && !text.contains('\0');
    if key.description.as_deref().is_some_and(|text| text.is_empty() || !is_text(text, MAX_DESCRIPTION_LEN)) {
        wrong.push(field("description", "1 to 1000 characters"));
    }
    let is_entry = |(name, value): (&String, &String)| {
        !name.is_empty() && is_text(name, MAX_METADATA_KEY_LEN) && is_text(value, MAX_METADATA_VALUE_LEN)
    };
    if key.metadata.len() > MAX_METADATA || !key.metadata.iter().all(is_entry) {
        wrong.push(field("metadata", "at most 50 names of 1 to 40 characters, each with a text of at most 500"));
    }
}

fn check_publishable(key: &KeyRecord, wrong: &mut Vec<FieldError>) {
    if key.workspace.is_none() {
        wrong.push(field("workspace", "a publishable key belongs to a workspace: its tokens name one"));
    }
    if key.origins.is_empty() && key.environment != Environment::Test {
        wrong.push(field("origins", "a live publishable key needs at least one"));
    }
    if key.origins.iter().any(|origin| !origin.is_secure() && !origin.is_loopback()) {
        wrong.push(field(
            "origins",
            "http is for loopback addresses alone: whoever is on the way could change the page",
        ));
    }
    if key.origins.len() > MAX_LISTED {
        wrong.push(field("origins", "at most 100 of them"));
    }
    if !key.cidrs.is_empty() || key.shadow.contains(&Restriction::Cidrs) {
        wrong.push(field("cidrs", "a publishable key has none: browsers are anywhere"));
    }
    if key.session_lifetime.is_some_and(|seconds| !is_token_lifetime(seconds)) {
        wrong.push(field("session_lifetime", "1 to 600 seconds"));
    }
}

fn check_secret(key: &KeyRecord, wrong: &mut Vec<FieldError>) {
    if !key.origins.is_empty() || key.shadow.contains(&Restriction::Origins) {
        wrong.push(field("origins", "a secret key has none: it never stands in a page"));
    }
    if key.cidrs.len() > MAX_LISTED {
        wrong.push(field("cidrs", "at most 100 of them"));
    }
    if key.cidrs.iter().any(|network| network.trunc() != *network) {
        wrong.push(field(
            "cidrs",
            "a network's address ends in zeros: 10.0.0.0/8, or a single address with /32 or /128",
        ));
    }
    if key.session_lifetime.is_some() {
        wrong.push(field("session_lifetime", "a secret key has no sessions"));
    }
    if key.requires_grant {
        wrong.push(field("requires_grant", "a secret key signs grants, and needs none"));
    }
}

fn check_scopes(key: &KeyRecord, before: Option<&KeyRecord>, settings: &Settings, wrong: &mut Vec<FieldError>) {
    let is_publishable = key.kind == KeyKind::Publishable;
    let is_new = |scope| before.is_none_or(|before| !before.scopes.permits(scope));
    let so_far = wrong.len();
    for scope in key.scopes.iter().take(MAX_SCOPES).filter(|scope| is_new(scope)) {
        match settings.catalogue().find(scope) {
            None => wrong.push(field("scopes", format!("{scope} is not in the catalogue"))),
            Some(entry) if is_publishable && !entry.browser => {
                wrong.push(field("scopes", format!("{scope} is not for publishable keys")));
            }
            Some(_) => {}
        }
    }
    if key.scopes.iter().count() > MAX_SCOPES {
        wrong.push(field("scopes", "at most 1000 of them"));
    } else if is_publishable && wrong.len() == so_far && !fits_a_token(&key.scopes, settings) {
        wrong.push(field("scopes", "a token with all of them would have more than 4096 bytes"));
    }
}

fn check_limits(key: &KeyRecord, before: Option<&KeyRecord>, settings: &Settings, wrong: &mut Vec<FieldError>) {
    if key.rate_limit.is_some_and(|limit| limit.requests() > MAX_COUNT) {
        wrong.push(field("rate_limit", "at most 9007199254740991 requests"));
    }
    if key.monthly_quota.is_some_and(|quota| quota > MAX_COUNT) {
        wrong.push(field("monthly_quota", "at most 9007199254740991"));
    }
    for (name, value) in &key.limits {
        let is_new = before.is_none_or(|before| before.limits.get(name) != Some(value));
        match settings.limits().find(name) {
            _ if !is_new => {}
            None => wrong.push(field("limits", "the catalogue has no limit of this name")),
            Some(limit) if limit.maximum.is_some_and(|most| *value > most) || *value > MAX_COUNT => {
                wrong.push(field("limits", format!("{name} is more than the catalogue allows")));
            }
            Some(_) => {}
        }
    }
}

fn field(name: &str, detail: impl Into<String>) -> FieldError {
    FieldError { field: name.to_owned(), detail: detail.into() }
}

/// Whether a text is fit to be the name of a key, an organization, a workspace or a role.
pub(super) fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=MAX_NAME_LEN).contains(&length)
        && name.trim() == name
        && !name.chars().any(|c| c.is_control() || is_deceptive(c))
        && name.chars().any(|c| !is_joiner(c))
}

/// What is not seen, or turns what follows around: with it one name could pass for another.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// What some scripts and emoji need between letters, and what is nothing by itself.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether the longest token that the key's sessions can have is short enough for every verifier.
fn fits_a_token(scopes: &ScopeSet, settings: &Settings) -> bool {
    let longest_host = "a.".repeat(126) + "a";
    let Ok(origin) = format!("https://{longest_host}:65535").parse() else { return false };
    let key = SigningKey::from_seed(&[0; 32]);
    let id = KeyId::from_bytes([0xff; 16]);
    let claims = Claims {
        iss: settings.public_url().as_str().to_owned(),
        aud: settings.audiences().to_vec(),
        sub: id.to_string(),
        client_id: id,
        iat: 9_999_999_998,
        exp: 9_999_999_999,
        jti: SessionId::from_bytes([0xff; 16]),
        scope: scopes.clone(),
        cnf: Confirmation { jkt: Thumbprint::of(&key.verifying_key()) },
        doorkey: DoorkeyClaims {
            org: OrganizationId::from_bytes([0xff; 16]),
            workspace: Some(WorkspaceId::from_bytes([0xff; 16])),
            env: Environment::Live,
            origin,
            // What a grant binds is for who signs it to keep short: the mint says so.
            bind: None,
            granted_by: Some(id),
        },
    };
    token::issue(&claims, &key).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_is_one_line_that_is_what_it_seems() {
        for accepted in [
            "a",
            "\u{dc}bersicht 2",
            "\u{1f469}\u{200d}\u{1f4bb}",
            "\u{645}\u{6cc}\u{200c}\u{62e}",
            &"\u{1f511}".repeat(100),
        ] {
            assert!(is_name(accepted), "{accepted}");
        }
        for refused in [
            "",
            " a",
            "a ",
            "a\nb",
            "\u{200b}",
            "a\u{202e}b",
            "\u{feff}a",
            "\u{200d}",
            "a\u{fffe}",
            "a\u{0}",
            &"a".repeat(101),
        ] {
            assert!(!is_name(refused), "{refused:?}");
        }
    }
}
