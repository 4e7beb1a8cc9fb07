//! What a verifier follows: the whole of it, what has changed since, and changes as they come.

mod follow;
mod gone_back;

use doorkey_core::{Environment, KeyKind};
use doorkey_issuer::NewKey;
use doorkey_verifier::{DirectoryLine, DirectorySynced};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{CATALOGUE, House, OPERATOR, On, Seeded};
use crate::key_life::Scene;
use crate::verifiers::Verifier;

on_each_database!(
    it_says_all_that_there_is,
    it_goes_on_from_a_revision,
    another_history_begins_anew,
    a_key_says_what_it_may_do,
    many_changes_come_in_order_and_whole,
    a_use_is_no_change,
    processes_that_start_together_all_get_an_answer
);

/// The lines of an answer that ends.
async fn read(house: &House, verifier: &Verifier, query: &str) -> Vec<DirectoryLine> {
    let answer = house.send(verifier.get(&format!("/v1/directory{query}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The history, what `begin` says, the lines in between without the settings, and the end.
fn split(lines: &[DirectoryLine]) -> (String, u64, &[DirectoryLine], DirectorySynced) {
    let [DirectoryLine::Begin(begin), DirectoryLine::Settings(_), changes @ .., DirectoryLine::Synced(synced)] = lines
    else {
        panic!("{lines:?}")
    };
    (begin.history.clone(), begin.since, changes, *synced)
}

fn names(lines: &[DirectoryLine]) -> Vec<String> {
    let name = |line: &DirectoryLine| match line {
        DirectoryLine::Key(key) => format!("{} {}", key.id, if key.revoked { "revoked" } else { "usable" }),
        DirectoryLine::Organization(of) => format!("{} {}", of.id, of.archived),
        DirectoryLine::Workspace(of) => format!("{} {}", of.id, of.archived),
        line => panic!("{line:?}"),
    };
    lines.iter().map(name).collect()
}

async fn it_says_all_that_there_is(on: On) {
    let settings = format!(
        "{CATALOGUE}\n[[scopes]]\nname = \"pictures:download\"\nreusable_urls = true\n\
         [[limits]]\nname = \"max_pictures\"\ndefault = 7\n[[limits]]\nname = \"max_albums\"\n"
    );
    let house = House::with(on, &settings, std::sync::Arc::new(Seeded::default())).await;
    let verifier = Verifier::add(&house).await;
    house.issuer.registry().revoke_key(&OPERATOR, house.keys.publishable.id()).await.unwrap();
    let lines = read(&house, &verifier, "").await;
    let DirectoryLine::Settings(said) = &lines[1] else { panic!("{lines:?}") };
    assert_eq!(said.issuer.as_str(), "http://localhost:7700");
    let jwks: Value = serde_json::from_str(&house.issuer.public_keys().to_json()).unwrap();
    assert_eq!(said.jwks, jwks);
    assert_eq!(said.reusable_urls.iter().map(doorkey_core::Scope::as_str).collect::<Vec<_>>(), ["pictures:download"]);
    assert_eq!(json!(said.limits), json!({ "max_pictures": 7 }));
    let (_, since, changes, synced) = split(&lines);
    let keys = house.issuer.registry().keys().await.unwrap();
    let (organization, workspace) = (keys[0].organization, keys[0].workspace.unwrap());
    assert_eq!(since, 0);
    assert_eq!(
        names(changes),
        [
            format!("{organization} false"),
            format!("{workspace} false"),
            format!("{} usable", house.keys.secret.id()),
            format!("{} revoked", house.keys.publishable.id()),
        ]
    );
    // Organization, workspace, pair of keys, verifier, revocation.
    assert_eq!((synced.revision, synced.after_ms), (6, 0));
}

async fn it_goes_on_from_a_revision(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let whole = read(&scene.house, &verifier, "").await;
    let (history, _, _, synced) = split(&whole);
    let query = |since: u64| format!("?since={since}&history={history}&follow=false");
    let next = read(&scene.house, &verifier, &query(synced.revision)).await;
    assert_eq!((split(&next).1, split(&next).2.len(), split(&next).3), (synced.revision, 0, synced));

    let key = scene.create(scene.secret(json!({}))).await;
    scene.act(&key, "disable", Value::Null).await;
    let archive = format!("/v1/workspaces/{}/archive", scene.workspace);
    assert_eq!(scene.admin.post(&scene.house, &archive, Value::Null).await.status, 200);
    let next = read(&scene.house, &verifier, &query(synced.revision)).await;
    let (_, since, changes, later) = split(&next);
    assert_eq!((since, later.revision), (synced.revision, synced.revision + 3));
    // The key once, as it is now.
    assert_eq!(
        names(changes),
        [format!("{} usable", key["id"].as_str().unwrap()), format!("{} true", scene.workspace)]
    );
    let DirectoryLine::Key(line) = &changes[0] else { panic!("{changes:?}") };
    assert!(line.disabled);
    // From a revision in between, only what came after it.
    let next = read(&scene.house, &verifier, &query(synced.revision + 2)).await;
    assert_eq!(names(split(&next).2), [format!("{} true", scene.workspace)]);
}

async fn another_history_begins_anew(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let whole = read(&house, &verifier, "").await;
    let (history, _, changes, synced) = split(&whole);
    for query in [
        "?since=3".to_owned(),
        "?since=3&history=".to_owned(),
        "?since=3&history=another".to_owned(),
        format!("?since={}&history={history}", synced.revision + 1),
        format!("?since={}&history={history}", u64::MAX),
    ] {
        let lines = read(&house, &verifier, &query).await;
        assert_eq!((split(&lines).0, split(&lines).1, split(&lines).2), (history.clone(), 0, changes), "{query}");
    }
    // A copy that is put back in place goes on in another one: revisions count other changes there.
    house.place.execute("DELETE FROM settings WHERE name = 'directory_history'").await;
    let entropy = std::sync::Arc::new(doorkey_verifier::SystemEntropy);
    let (again, _) = crate::house::open(&house.store, CATALOGUE, 1, entropy).await.unwrap();
    let router = std::sync::Arc::new(again).router();
    let answer = crate::house::send(&router, verifier.get(&format!("/v1/directory?since=3&history={history}"))).await;
    let begin: DirectoryLine = serde_json::from_str(answer.text.lines().next().unwrap()).unwrap();
    assert!(matches!(begin, DirectoryLine::Begin(begin) if begin.since == 0 && begin.history != history));
}

async fn a_key_says_what_it_may_do(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let input = scene.secret(json!({
        "scopes": ["pictures:read"],
        "cidrs": ["10.0.0.0/8"],
        "rate_limit": { "requests": 5, "period": 60 },
        "monthly_quota": 1000,
        "shadow": ["cidrs"],
        "expires_at": 1_800_000_000_u64,
    }));
    let key = scene.create(input).await;
    scene.admin.confirm(&scene.house).await;
    let answer = scene.act(&key, "roll", json!({ "grace": "1h" })).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    let lines = read(&scene.house, &verifier, "").await;
    let keys: Vec<_> =
        lines.iter().filter_map(|line| if let DirectoryLine::Key(key) = line { Some(key) } else { None }).collect();
    let known = scene.house.issuer.registry().keys().await.unwrap();
    assert_eq!(keys.len(), known.len());
    let old = keys.iter().find(|line| line.id.to_string() == key["id"]).unwrap();
    assert_eq!(
        serde_json::to_value(old).unwrap(),
        json!({
            "id": key["id"],
            "kind": "secret",
            "environment": "test",
            "organization": scene.organization,
            "workspace": scene.workspace,
            "public_key": old.public_key,
            "brand": "",
            "scopes": "pictures:read",
            "cidrs": ["10.0.0.0/8"],
            "rate_limit": { "requests": 5, "period": 60 },
            "monthly_quota": 1000,
            "shadow": ["cidrs"],
            "expires_at": 1_800_000_000_u64,
            "ends_at": crate::house::NOW + 3600,
        })
    );
    for line in keys {
        let record = known.iter().find(|record| record.id == line.id).unwrap();
        assert_eq!((line.public_key.map(|key| key.0), line.kind), (record.public_key, record.kind));
    }
}

async fn many_changes_come_in_order_and_whole(on: On) {
    let settings = format!("{CATALOGUE}\n[keys]\nper_workspace = 10000\n");
    let house = House::with(on, &settings, std::sync::Arc::new(doorkey_verifier::SystemEntropy)).await;
    let verifier = Verifier::add(&house).await;
    let registry = house.issuer.registry();
    // More than are read at once.
    for _ in 0..510 {
        registry.create_key(&OPERATOR, NewKey::new(KeyKind::Publishable, Environment::Test)).await.unwrap();
    }
    let lines = read(&house, &verifier, "").await;
    let (_, _, changes, synced) = split(&lines);
    let keys = registry.keys().await.unwrap();
    assert_eq!((changes.len(), synced.revision), (keys.len() + 2, keys.len() as u64 + 3));
    let mut said = names(&changes[2..]);
    said.sort_unstable();
    let mut there: Vec<_> = keys.iter().map(|key| format!("{} usable", key.id)).collect();
    there.sort_unstable();
    assert_eq!(said, there);
}

async fn a_use_is_no_change(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let before = read(&house, &verifier, "").await;
    assert_eq!(house.send(house.browser().request()).await.status, 201);
    house.issuer.registry().wind().await.unwrap();
    assert_eq!(read(&house, &verifier, "").await, before);
}

async fn processes_that_start_together_all_get_an_answer(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let answers = (0..100).map(|_| house.send(verifier.get("/v1/directory")));
    for answer in join_all(answers).await {
        assert_eq!(answer.status, 200, "{}", answer.json);
        let last = answer.text.lines().last().unwrap();
        assert!(matches!(serde_json::from_str(last).unwrap(), DirectoryLine::Synced(_)), "{last}");
    }
}
