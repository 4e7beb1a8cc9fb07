//! What the directory says decides, at each request anew.

use std::sync::Arc;
use std::time::Duration;

use doorkey_core::{Nonce, RequestTarget, SigningKey, UnsignedUrl, WorkspaceId};
use doorkey_verifier::{
    Directory, DirectoryBegin, DirectoryKey, DirectoryLine, DirectoryTenant, Principal, RequestHead, Restriction,
};

use crate::known::{
    Judge, bearer, directory, key, organization, publishable, request, secret, secret_key, settings, signed, synced,
    verdict, workspace,
};
use crate::signer::{ISSUER, NOW, PAGE, Session, issuer_key, moment};

type End = fn(DirectoryKey) -> DirectoryKey;

fn session() -> Session {
    Session::new(ISSUER, &issuer_key(), "pictures:read")
}

#[test]
fn a_secret_key_is_known_by_the_directory() {
    let judge = Judge::new();
    for request in [bearer(), signed(0)] {
        let principal = judge.decide(&request).unwrap();
        assert_eq!((principal.key_id(), principal.session_id()), (secret_key().id(), None));
        assert_eq!(principal.subject(), secret_key().id().to_string());
        assert_eq!((principal.organization(), principal.workspace()), (organization(), Some(workspace())));
        assert!(principal.require(&"pictures:write".parse().unwrap()).is_ok());
        assert!(principal.require(&"pictures:delete".parse().unwrap()).is_err());
        assert_eq!((principal.limit("max_pictures"), principal.limit("other")), (Some(10), None));
    }
    assert_eq!(verdict(&judge, &signed(0)), Err(("replayed", false)));
    judge.learn([key(DirectoryKey { limits: [("max_pictures".to_owned(), 3)].into(), ..secret() })]);
    assert_eq!(judge.decide(&bearer()).unwrap().limit("max_pictures"), Some(3));
}

#[test]
fn whatever_ends_a_key_ends_it_at_once_for_every_credential() {
    let session = session();
    let url = || request(&signed_url(0), &[]);
    let ends: [(End, &str); 5] = [
        (|key| DirectoryKey { revoked: true, ..key }, "key_revoked"),
        (|key| DirectoryKey { ends_at: Some(NOW), ..key }, "key_revoked"),
        (|key| DirectoryKey { expires_at: Some(NOW), ..key }, "key_expired"),
        (|key| DirectoryKey { disabled: true, ..key }, "key_disabled"),
        (|key| DirectoryKey { revoked: true, disabled: true, expires_at: Some(1), ..key }, "key_revoked"),
    ];
    for (counter, (end, code)) in (1..).zip(ends) {
        let judge = Judge::new();
        assert_eq!(verdict(&judge, &bearer()), Ok(()), "{code}");
        assert_eq!(verdict(&judge, &session.request("GET", "/", None)), Ok(()), "{code}");
        judge.learn([key(end(secret())), key(end(publishable()))]);
        for request in [bearer(), signed(counter), session.request("GET", "/", None), url()] {
            assert_eq!(verdict(&judge, &request), Err((code, true)));
        }
        judge.learn([key(secret()), key(publishable())]);
        assert_eq!(verdict(&judge, &bearer()), Ok(()));
        assert_eq!(verdict(&judge, &url()), Ok(()), "a refused URL is not used up");
    }
    let judge = Judge::new();
    judge.learn([key(DirectoryKey { ends_at: Some(NOW + 1), expires_at: Some(NOW + 1), ..secret() })]);
    assert_eq!(verdict(&judge, &bearer()), Ok(()));
}

#[test]
fn an_archived_workspace_or_organization_has_no_keys() {
    let judge = Judge::new();
    let organization = |archived| DirectoryLine::Organization(DirectoryTenant { id: organization(), archived });
    let workspace = |archived| DirectoryLine::Workspace(DirectoryTenant { id: workspace(), archived });
    for (archive, unarchive) in [(organization(true), organization(false)), (workspace(true), workspace(false))] {
        judge.learn([archive]);
        assert_eq!(verdict(&judge, &bearer()), Err(("key_disabled", true)));
        judge.learn([unarchive]);
        assert_eq!(verdict(&judge, &bearer()), Ok(()));
    }
}

#[test]
fn a_session_ends_with_the_key_that_granted_it() {
    let judge = Judge::new();
    let session = Session::granted(ISSUER, &issuer_key(), "pictures:read", None, Some(secret_key().id()));
    let call = || session.request("GET", "/", None);
    assert_eq!(verdict(&judge, &call()), Ok(()));
    judge.learn([key(DirectoryKey { revoked: true, ..secret() })]);
    assert_eq!(verdict(&judge, &call()), Err(("key_revoked", true)));
    judge.learn([key(DirectoryKey { disabled: true, ..secret() })]);
    assert_eq!(verdict(&judge, &call()), Err(("key_disabled", true)));
    let stranger = doorkey_core::KeyId::from_parts(3, [8; 10]);
    let session = Session::granted(ISSUER, &issuer_key(), "pictures:read", None, Some(stranger));
    assert_eq!(verdict(&judge, &session.request("GET", "/", None)), Err(("key_unknown", true)));
}

#[test]
fn an_archived_workspace_is_not_chosen() {
    let judge = Judge::new();
    let other = WorkspaceId::from_parts(1, [5; 10]);
    let archive = |id| DirectoryLine::Workspace(DirectoryTenant { id, archived: true });
    judge.learn([key(DirectoryKey { workspace: None, workspaces: Some(vec![workspace(), other]), ..secret() })]);
    judge.learn([archive(other)]);
    let principal = judge.decide(&bearer()).unwrap();
    assert_eq!(principal.workspaces(), Some(&[workspace()][..]));
    assert!(principal.require_workspace(organization(), other).is_err());
    judge.learn([archive(workspace())]);
    assert_eq!(verdict(&judge, &bearer()), Err(("key_disabled", true)));
}

#[test]
fn before_the_first_word_of_the_issuer_nothing_is_known_of_a_token_either() {
    let judge = Judge { directory: Arc::new(Directory::new(Duration::from_secs(10))), ..Judge::new() };
    let session = Session::new(ISSUER, &SigningKey::from_seed(&[99; 32]), "pictures:read");
    assert_eq!(verdict(&judge, &session.request("GET", "/", None)), Err(("directory_stale", false)));
    assert_eq!(verdict(&Judge::new(), &session.request("GET", "/", None)), Err(("token_invalid", false)));
}

#[test]
fn what_is_too_old_decides_nothing() {
    let mut judge = Judge::new();
    let session = session();
    for (seconds, verdict_then) in [(10, Ok(())), (11, Err(("directory_stale", false)))] {
        judge.now = moment(NOW + seconds);
        assert_eq!(verdict(&judge, &bearer()), verdict_then);
        assert_eq!(verdict(&judge, &session.request("GET", "/", None)).is_ok(), verdict_then.is_ok());
    }
    // Whichever clock says so: one may be set back, the other may have stood still.
    judge.now = moment(NOW);
    judge.now.monotonic += Duration::from_secs(11);
    assert_eq!(verdict(&judge, &bearer()), Err(("directory_stale", false)));
    judge.learn([]);
    assert_eq!(verdict(&judge, &bearer()), Ok(()));
}

#[test]
fn freshness_counts_from_when_the_issuer_looked() {
    let directory = directory();
    let late = |after_ms| DirectoryLine::Synced(doorkey_verifier::DirectorySynced { revision: 2, after_ms });
    directory.apply([late(4000)], moment(NOW)).unwrap();
    assert_eq!(directory.age(&moment(NOW + 60)), Some(Duration::from_secs(56)));
    // One that was overtaken makes it no older.
    directory.apply([late(1000)], moment(NOW)).unwrap();
    assert_eq!(directory.age(&moment(NOW + 60)), Some(Duration::from_secs(56)));
}

#[test]
fn a_new_history_replaces_the_old_one_as_a_whole() {
    let judge = Judge::new();
    let begin = |history: &str, since| DirectoryLine::Begin(DirectoryBegin { history: history.into(), since });
    judge.directory.apply([begin("other", 0), key(publishable())], judge.now).unwrap();
    assert_eq!(verdict(&judge, &bearer()), Ok(()), "the old one holds until the new one is complete");
    judge.directory.apply([synced(7)], judge.now).unwrap();
    assert_eq!(verdict(&judge, &bearer()), Err(("key_unknown", false)));
    assert_eq!(judge.directory.position().revision, 7);
    for misfit in [begin("h", 7), begin("other", 8), synced(6)] {
        assert!(judge.directory.apply([misfit], judge.now).is_err());
    }
    assert!(judge.directory.apply([begin("other", 7), key(secret()), synced(8)], judge.now).is_ok());
    assert_eq!(verdict(&judge, &bearer()), Ok(()));
    assert_eq!(judge.directory.len(), 2);
}

#[test]
fn a_session_has_what_its_key_has_now() {
    let judge = Judge::new();
    let session = session();
    let call = || session.request("GET", "/", None);
    assert_eq!(judge.decide(&call()).unwrap().scopes().to_string(), "pictures:read");
    judge.learn([key(DirectoryKey { scopes: "pictures:read/holidays".parse().unwrap(), ..publishable() })]);
    assert!(judge.decide(&call()).unwrap().scopes().is_empty());
    let elsewhere = || vec!["https://elsewhere.example".parse().unwrap()];
    judge.learn([key(DirectoryKey { origins: elsewhere(), ..publishable() })]);
    assert_eq!(verdict(&judge, &call()), Err(("origin_not_allowed", true)));
    judge.learn([key(DirectoryKey { origins: elsewhere(), shadow: [Restriction::Origins].into(), ..publishable() })]);
    assert_eq!(verdict(&judge, &call()), Ok(()));
    for moved in [
        DirectoryKey { workspace: None, ..publishable() },
        DirectoryKey { environment: doorkey_core::Environment::Live, ..publishable() },
    ] {
        judge.learn([key(moved)]);
        assert_eq!(verdict(&judge, &call()), Err(("token_invalid", true)));
    }
}

#[test]
fn what_is_withdrawn_while_a_body_arrives_is_not_accepted() {
    let judge = Judge::new();
    let entered = |request: &http::Request<Vec<u8>>| {
        let head = RequestHead {
            method: request.method().as_str(),
            target: request.uri().path_and_query().unwrap().as_str(),
            authority: None,
            headers: request.headers(),
            peer: "192.0.2.1".parse().ok(),
        };
        let decision = judge.decision();
        decision.mark(decision.examine(&head).unwrap_or_else(|_| panic!("it is examined"))).unwrap()
    };
    let mut counter = 0;
    let mut after = |request: Option<http::Request<Vec<u8>>>, now: DirectoryKey| {
        judge.learn([key(publishable()), key(secret())]);
        counter += 1;
        let marked = entered(&request.unwrap_or_else(|| signed(counter)));
        judge.learn([key(now)]);
        let accepted = judge.decision().accept(marked, b"").map(Principal::from);
        accepted.map_err(|refusal| (refusal.error().code().as_str(), refusal.key()))
    };
    let session = session();
    let call = || Some(session.request("GET", "/", None));
    let shadow = |restriction| [restriction].into();
    let origins = || vec!["https://elsewhere.example".parse().unwrap()];
    let refused = after(call(), DirectoryKey { origins: origins(), ..publishable() }).unwrap_err();
    assert_eq!(refused, ("origin_not_allowed", Some(publishable().id)));
    let tried = DirectoryKey { origins: origins(), shadow: shadow(Restriction::Origins), ..publishable() };
    assert_eq!(after(call(), tried).unwrap().scopes().to_string(), "pictures:read");
    let narrower = DirectoryKey { scopes: "pictures:read/holidays".parse().unwrap(), ..publishable() };
    assert!(after(call(), narrower).unwrap().scopes().is_empty());

    let cidrs = || vec!["10.0.0.0/8".parse().unwrap()];
    let refused = after(None, DirectoryKey { cidrs: cidrs(), ..secret() }).unwrap_err();
    assert_eq!(refused, ("ip_not_allowed", Some(secret().id)));
    assert!(after(None, DirectoryKey { cidrs: cidrs(), shadow: shadow(Restriction::Cidrs), ..secret() }).is_ok());
    let principal = after(None, DirectoryKey { scopes: "pictures:read".parse().unwrap(), ..secret() }).unwrap();
    assert!(principal.require(&"pictures:write".parse().unwrap()).is_err());
    assert_eq!(after(None, DirectoryKey { revoked: true, ..secret() }).unwrap_err().0, "key_revoked");
}

#[test]
fn an_api_may_be_for_one_environment_or_workspace() {
    let mut judge = Judge::new();
    let plain = judge.policy.clone();
    judge.policy = plain.clone().with_environment(doorkey_core::Environment::Test);
    assert_eq!(verdict(&judge, &bearer()), Err(("wrong_environment", true)));
    assert_eq!(verdict(&judge, &session().request("GET", "/", None)), Ok(()));
    let other = WorkspaceId::from_parts(1, [5; 10]);
    judge.policy = plain.clone().with_workspace(organization(), other);
    assert_eq!(verdict(&judge, &bearer()), Err(("wrong_workspace", true)));
    let of_organization = |workspaces| DirectoryKey { workspace: None, workspaces, ..secret() };
    for (workspaces, expected) in [
        (None, Ok(())),
        (Some(vec![other]), Ok(())),
        (Some(vec![workspace()]), Err(("wrong_workspace", true))),
        (Some(vec![]), Err(("wrong_workspace", true))),
    ] {
        judge.learn([key(of_organization(workspaces))]);
        assert_eq!(verdict(&judge, &bearer()), expected);
        judge.policy = plain.clone();
        assert_eq!(judge.decide(&bearer()).unwrap().require_workspace(organization(), other).is_ok(), expected.is_ok());
        judge.policy = plain.clone().with_workspace(organization(), other);
    }
    let stranger = doorkey_core::OrganizationId::from_parts(1, [6; 10]);
    judge.learn([key(DirectoryKey { organization: stranger, ..of_organization(None) })]);
    assert_eq!(verdict(&judge, &bearer()), Err(("wrong_workspace", true)));
}

fn signed_url(counter: u64) -> String {
    let session = session();
    let target = RequestTarget::parse("/pictures/1?size=2").unwrap();
    let nonce = Nonce::new([6; 12], counter);
    let key = session.key();
    let url =
        UnsignedUrl::new("api.example.com", target, session.token(), *key.verifying_key().as_bytes(), nonce, NOW, 300)
            .unwrap();
    let signature = key.sign(url.base().as_bytes());
    url.into_target(&signature)
}

#[test]
fn a_signed_url_counts_once_unless_all_that_it_may_do_is_reusable() {
    let judge = Judge::new();
    let (first, second) = (request(&signed_url(0), &[]), request(&signed_url(1), &[]));
    assert_eq!(verdict(&judge, &first), Ok(()));
    assert_eq!(verdict(&judge, &first), Err(("replayed", true)));
    let mut reusable = settings();
    reusable.reusable_urls = ["pictures:read".parse().unwrap()].into();
    judge.learn([DirectoryLine::Settings(Box::new(reusable.clone()))]);
    for _ in 0..3 {
        assert_eq!(verdict(&judge, &second), Ok(()));
    }
    reusable.reusable_urls = ["pictures:read/holidays".parse().unwrap()].into();
    judge.learn([DirectoryLine::Settings(Box::new(reusable))]);
    assert_eq!(verdict(&judge, &second), Ok(()), "nothing was remembered of it yet");
    assert_eq!(verdict(&judge, &second), Err(("replayed", true)));
}

#[test]
fn what_is_revoked_while_the_body_arrives_is_not_accepted() {
    let judge = Judge::new();
    let session = session();
    for (i, request) in [session.request("POST", "/", Some(b"a")), bearer()].into_iter().enumerate() {
        let head = doorkey_verifier::RequestHead {
            method: request.method().as_str(),
            target: "/",
            authority: None,
            headers: request.headers(),
            peer: None,
        };
        let examined = judge.decision().examine(&head).unwrap();
        let marked = judge.decision().mark(examined).unwrap();
        judge.learn([key(DirectoryKey { revoked: true, ..if i == 0 { publishable() } else { secret() } })]);
        let refusal = judge.decision().accept(marked, request.body()).unwrap_err();
        assert_eq!(refusal.error().code().as_str(), "key_revoked");
    }
}

#[test]
fn origins_come_and_go_with_their_keys() {
    let directory = directory();
    let allows = |origin: &str| directory.allows(&origin.parse().unwrap());
    assert!(allows(PAGE) && allows("http://localhost:5173") && !allows("https://other.example"));
    let learn = |lines: Vec<DirectoryLine>| {
        let revision = directory.position().revision + 1;
        directory.apply(lines.into_iter().chain([synced(revision)]), moment(NOW)).unwrap();
    };
    let second = || DirectoryKey { id: doorkey_core::KeyId::from_parts(2, [7; 10]), ..publishable() };
    let wild = || vec!["https://*.shop.example".parse().unwrap(), "https://a.example".parse().unwrap()];
    learn(vec![key(second()), key(DirectoryKey { origins: wild(), ..publishable() })]);
    assert!(allows(PAGE) && allows("https://eu.shop.example") && allows("https://a.example"));
    assert!(!allows("https://a.eu.shop.example") && !allows("http://eu.shop.example"));
    learn(vec![key(DirectoryKey { revoked: true, ..second() })]);
    assert!(!allows(PAGE) && allows("http://[::1]"));
    learn(vec![key(DirectoryKey { disabled: true, ..publishable() })]);
    assert!(!allows("https://a.example") && !allows("http://localhost:5173"));
    learn(vec![key(publishable())]);
    assert!(allows(PAGE) && allows("http://localhost:5173") && !allows("https://other.example"));
    learn(vec![key(DirectoryKey { shadow: [Restriction::Origins].into(), ..publishable() })]);
    assert!(allows("https://other.example"), "what is tried out refuses nothing");
    learn(vec![key(publishable())]);
    assert!(!allows("https://other.example"));
}
