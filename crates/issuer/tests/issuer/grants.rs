//! Grants at the mint: a backend's word for one session.

use doorkey_core::token::{Expected, UnverifiedToken};
use doorkey_core::{Bind, Claims, GrantClaims, JwkSet, SecretKey, SigningKey, Verified};
use doorkey_verifier::Clock;
use serde_json::{Value, json};

use crate::house::{Answer, Browser, NOW, On, PAGE, PUBLIC_URL};
use crate::key_life::{Scene, outcome};

on_each_database!(
    "multi_thread":
    a_grant_says_who_and_what_the_session_is_for,
    a_grant_gives_no_more_than_its_signer_has,
    a_token_that_would_be_too_long_is_the_grant_s_fault,
    a_grant_counts_once,
    of_two_at_once_exactly_one_wins,
    a_grant_stays_used_when_the_mint_fails,
    what_is_no_grant_of_this_place_is_refused,
    a_key_can_demand_a_grant,
    a_grant_is_a_use_of_the_key_that_signed_it,
    used_grants_are_forgotten_when_they_have_expired
);

struct Backend {
    key: SecretKey,
}

impl Backend {
    async fn new(scene: &Scene, more: Value) -> (Self, Value) {
        let created = scene.create(scene.secret(more)).await;
        (Self { key: SecretKey::parse(created["secret"].as_str().unwrap()).unwrap() }, created)
    }

    fn sign(&self, jti: &str) -> String {
        self.sign_claims(&GrantClaims { jti: jti.into(), ..claims() })
    }

    fn sign_claims(&self, claims: &GrantClaims) -> String {
        claims.sign(&self.key).unwrap()
    }
}

fn claims() -> GrantClaims {
    GrantClaims {
        iat: NOW,
        exp: NOW + 600,
        jti: "j".into(),
        aud: PUBLIC_URL.into(),
        sub: None,
        scope: None,
        bind: None,
    }
}

async fn mint(scene: &Scene, key: &Value, grant: Option<String>, origin: &'static str) -> Answer {
    let mut browser = Browser { origin: Some(origin), ..Browser::new(key["key"].as_str().unwrap()) };
    browser.claims.grant = grant;
    scene.house.send(browser.request()).await
}

async fn mint_with(scene: &Scene, key: &Value, grant: String) -> (u16, String) {
    outcome(&mint(scene, key, Some(grant), PAGE).await)
}

fn created() -> (u16, String) {
    (201, String::new())
}

fn invalid() -> (u16, String) {
    (401, "grant_invalid".into())
}

fn token(scene: &Scene, answer: &Answer) -> Verified<Claims> {
    let jwks = JwkSet::parse(scene.house.issuer.public_keys().to_json().as_bytes()).unwrap();
    let token = UnverifiedToken::parse(answer.json["token"].as_str().unwrap()).unwrap();
    let (key, audience) = (jwks.find(&token.kid()).unwrap(), PUBLIC_URL.parse().unwrap());
    token.verify(key, &Expected { issuer: PUBLIC_URL, audience: &audience, now: NOW, skew: 0 }).unwrap()
}

async fn a_grant_says_who_and_what_the_session_is_for(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({}))).await;
    let (backend, signer) = Backend::new(&scene, json!({})).await;
    let plain = token(&scene, &mint(&scene, &key, Some(backend.sign("a")), PAGE).await);
    assert_eq!(
        (plain.sub.as_str(), plain.scope.to_string().as_str()),
        (key["id"].as_str().unwrap(), "pictures:read pictures:write")
    );
    assert_eq!((plain.doorkey.bind.is_none(), plain.exp), (true, NOW + 300));
    let bind = Bind::new(Some("PUT".into()), Some("/pictures/1".into()), None, Some(1000)).unwrap();
    let grant = GrantClaims {
        sub: Some("user-42".into()),
        scope: Some("pictures:read/holidays".parse().unwrap()),
        bind: Some(bind.clone()),
        ..claims()
    };
    let answer = mint(&scene, &key, Some(backend.sign_claims(&grant)), PAGE).await;
    let narrow = token(&scene, &answer);
    assert_eq!(narrow.sub, "user-42");
    assert_eq!(narrow.client_id.to_string(), key["id"]);
    for granted in [&plain, &narrow] {
        assert_eq!(granted.doorkey.granted_by.unwrap().to_string(), signer["id"]);
    }
    let ungranted = token(&scene, &mint(&scene, &key, None, PAGE).await);
    assert_eq!(ungranted.doorkey.granted_by, None);
    assert_eq!((narrow.scope.to_string().as_str(), narrow.exp), ("pictures:read/holidays", NOW + 300));
    assert_eq!(narrow.doorkey.bind, Some(bind));
    assert_eq!(answer.json["scopes"], json!(["pictures:read/holidays"]));
}

async fn a_grant_gives_no_more_than_its_signer_has(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({ "scopes": ["pictures:read", "pictures:write/new"] }))).await;
    let scopes = json!({ "scopes": ["pictures:read/holidays", "pictures:write", "pictures:delete"] });
    let (backend, _) = Backend::new(&scene, scopes).await;
    let answer = mint(&scene, &key, Some(backend.sign("a")), PAGE).await;
    assert_eq!(answer.json["scopes"], json!(["pictures:read/holidays", "pictures:write/new"]));
    assert_eq!(token(&scene, &answer).scope.to_string(), "pictures:read/holidays pictures:write/new");
    let (backend, _) = Backend::new(&scene, json!({ "scopes": ["pictures:delete"] })).await;
    let answer = mint(&scene, &key, Some(backend.sign("a")), PAGE).await;
    assert_eq!((answer.status.as_u16(), &answer.json["scopes"]), (201, &json!([])));
}

async fn a_token_that_would_be_too_long_is_the_grant_s_fault(on: On) {
    let scene = Scene::new(on).await;
    let scopes: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|c| format!("pictures:read/{}", c.repeat(240))).into();
    let key = scene.create(scene.publishable(json!({ "scopes": scopes }))).await;
    let (backend, _) = Backend::new(&scene, json!({ "scopes": ["pictures:read"] })).await;
    let bind = Bind::new(None, Some(format!("/{}", "a".repeat(1023))), None, None).unwrap();
    let grant = |jti: &str| GrantClaims { jti: jti.into(), bind: Some(bind.clone()), ..claims() };
    let answer = mint(&scene, &key, Some(backend.sign_claims(&grant("a"))), PAGE).await;
    assert_eq!(answer.refusal(), (401, "grant_invalid"));
    assert!(answer.json["detail"].as_str().unwrap().contains("4096"), "{}", answer.json);
    // It is the grant that can be another one.
    let fewer = GrantClaims { scope: Some(scopes[0].parse().unwrap()), ..grant("b") };
    assert_eq!(mint_with(&scene, &key, backend.sign_claims(&fewer)).await, created());
    assert_eq!(mint_with(&scene, &key, backend.sign("c")).await, created());
}

async fn a_grant_counts_once(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({}))).await;
    let ((one, _), (other, _)) = (Backend::new(&scene, json!({})).await, Backend::new(&scene, json!({})).await);
    assert_eq!(mint_with(&scene, &key, one.sign("a")).await, created());
    for _ in 0..2 {
        assert_eq!(mint_with(&scene, &key, one.sign("a")).await, (401, "grant_used".into()));
    }
    // The same name of another key is another one.
    assert_eq!(mint_with(&scene, &key, other.sign("a")).await, created());
    assert_eq!(mint_with(&scene, &key, one.sign("b")).await, created());
}

async fn of_two_at_once_exactly_one_wins(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({}))).await;
    let (backend, _) = Backend::new(&scene, json!({})).await;
    for round in 0..5 {
        let grant = backend.sign(&format!("r{round}"));
        let mints = (0..6).map(|_| mint_with(&scene, &key, grant.clone()));
        let mut answers = futures_util::future::join_all(mints).await;
        answers.sort();
        assert_eq!(answers[0], created());
        assert!(answers[1..].iter().all(|answer| *answer == (401, "grant_used".to_owned())), "{answers:?}");
    }
}

async fn a_grant_stays_used_when_the_mint_fails(on: On) {
    let settings = format!("[mint_limits]\nper_address = 1\n{}", crate::house::CATALOGUE);
    let scene = Scene::with(on, &settings).await;
    let key = scene.create(scene.publishable(json!({ "origins": ["https://a.example"] }))).await;
    let (backend, _) = Backend::new(&scene, json!({})).await;
    let used = (401, "grant_used".to_owned());
    let refused = mint(&scene, &key, Some(backend.sign("a")), "https://evil.example").await;
    assert_eq!(outcome(&refused), (403, "origin_not_allowed".into()));
    assert_eq!(mint_with(&scene, &key, backend.sign("a")).await, used);
    assert_eq!(mint_with(&scene, &key, backend.sign("b")).await, created());
    assert_eq!(mint_with(&scene, &key, backend.sign("c")).await, (429, "rate_limited".into()));
    assert_eq!(mint_with(&scene, &key, backend.sign("c")).await, used);
}

async fn what_is_no_grant_of_this_place_is_refused(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({ "scopes": ["pictures:read"] }))).await;
    let (backend, record) = Backend::new(&scene, json!({ "scopes": ["pictures:read", "pictures:delete"] })).await;
    let good = backend.sign("good");
    let made_up =
        Backend { key: SecretKey::new(backend.key.id(), backend.key.environment(), SigningKey::from_seed(&[3; 32])) };
    let unknown = Backend {
        key: SecretKey::new(
            doorkey_core::KeyId::from_bytes([9; 16]),
            backend.key.environment(),
            SigningKey::from_seed(&[3; 32]),
        ),
    };
    let (live, _) = Backend::new(&scene, json!({ "environment": "live" })).await;
    let place = format!("/v1/organizations/{}/workspaces", scene.organization);
    let other = scene.admin.post(&scene.house, &place, json!({ "name": "Other" })).await;
    assert_eq!(other.status, 201, "{}", other.json);
    let elsewhere =
        scene.create(json!({ "workspace": other.json["id"], "kind": "secret", "environment": "test" })).await;
    let elsewhere = Backend { key: SecretKey::parse(elsewhere["secret"].as_str().unwrap()).unwrap() };
    let (disabled, disabled_record) = Backend::new(&scene, json!({})).await;
    scene.act(&disabled_record, "disable", Value::Null).await;
    let with = |claims: GrantClaims| backend.sign_claims(&claims);
    for (what, grant) in [
        ("no grant", "x".to_owned()),
        ("cut", good[..good.len() - 1].to_owned()),
        ("of nobody", unknown.sign("a")),
        ("of another seed", made_up.sign("a")),
        ("of another environment", live.sign("a")),
        ("of another workspace", elsewhere.sign("a")),
        ("of a disabled key", disabled.sign("a")),
        ("expired", with(GrantClaims { iat: NOW - 600, exp: NOW, ..claims() })),
        ("of the future", with(GrantClaims { iat: NOW + 31, ..claims() })),
        ("for another issuer", with(GrantClaims { aud: "https://keys.example.com".into(), ..claims() })),
        (
            "beyond the publishable key",
            with(GrantClaims { scope: Some("pictures:delete".parse().unwrap()), ..claims() }),
        ),
        ("beyond both", with(GrantClaims { scope: Some("pictures:write".parse().unwrap()), ..claims() })),
    ] {
        assert_eq!(mint_with(&scene, &key, grant).await, invalid(), "{what}");
    }
    let long = "x".repeat(1000);
    let bind = Bind::new(None, Some(format!("/{long}")), None, None).unwrap();
    let subject = "\u{1f511}".repeat(255);
    let too_long = with(GrantClaims { jti: "long".into(), sub: Some(subject), bind: Some(bind), ..claims() });
    assert!(matches!(mint_with(&scene, &key, too_long).await, (201 | 401, _)));
    // None of them has used anything up.
    assert_eq!(mint_with(&scene, &key, good).await, created());
    let key_of_organization = json!({ "organization": scene.organization, "kind": "secret", "environment": "test" });
    let of_all = scene.create(key_of_organization).await;
    let of_all = Backend { key: SecretKey::parse(of_all["secret"].as_str().unwrap()).unwrap() };
    assert_eq!(mint_with(&scene, &key, of_all.sign("a")).await, created());
    scene.act(&record, "revoke", Value::Null).await;
    assert_eq!(mint_with(&scene, &key, backend.sign("last")).await, invalid());
}

async fn a_key_can_demand_a_grant(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({ "requires_grant": true }))).await;
    assert_eq!(key["requires_grant"], true);
    let (backend, secret) = Backend::new(&scene, json!({})).await;
    assert_eq!(outcome(&mint(&scene, &key, None, PAGE).await), (403, "grant_required".into()));
    assert_eq!(mint_with(&scene, &key, backend.sign("a")).await, created());
    let place = crate::key_life::path(&key);
    let edited = scene.admin.patch(&scene.house, &place, json!({ "requires_grant": false })).await;
    assert_eq!((edited.status.as_u16(), &edited.json["requires_grant"]), (200, &json!(false)));
    assert_eq!(scene.mint(&key).await, 201);
    let wrong =
        scene.admin.patch(&scene.house, &crate::key_life::path(&secret), json!({ "requires_grant": true })).await;
    assert_eq!(wrong.refusal(), (422, "invalid_input"));
    // It outlives a roll.
    scene.admin.patch(&scene.house, &place, json!({ "requires_grant": true })).await;
    scene.admin.confirm(&scene.house).await;
    let rolled = scene.act(&key, "roll", json!({ "grace": "1h" })).await.json;
    assert_eq!(rolled["requires_grant"], true);
}

async fn a_grant_is_a_use_of_the_key_that_signed_it(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({}))).await;
    let old = scene.create(scene.secret(json!({}))).await;
    scene.admin.confirm(&scene.house).await;
    let new = scene.act(&old, "roll", json!({ "grace": "first_use" })).await.json;
    let backend = Backend { key: SecretKey::parse(new["secret"].as_str().unwrap()).unwrap() };
    assert_eq!(mint_with(&scene, &key, backend.sign("a")).await, created());
    assert_eq!(scene.show(&old).await["state"], "revoked");
    scene.house.issuer.registry().wind().await.unwrap();
    assert_eq!(scene.show(&new).await["last_used_at"], NOW);
    let refused = scene.admin.get(&scene.house, &format!("{}/usage", crate::key_life::path(&new))).await;
    assert_eq!(refused.json["totals"]["minted"], 0);
}

async fn used_grants_are_forgotten_when_they_have_expired(on: On) {
    let mut scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({}))).await;
    let (backend, _) = Backend::new(&scene, json!({})).await;
    let grant = backend.sign("a");
    assert_eq!(mint_with(&scene, &key, grant.clone()).await, created());
    scene.pass(599).await;
    scene.house.issuer.registry().forget().await.unwrap();
    assert_eq!(mint_with(&scene, &key, grant.clone()).await, (401, "grant_used".into()));
    scene.pass(2 * 3600).await;
    scene.house.issuer.registry().forget().await.unwrap();
    assert_eq!(scene.house.place.execute("DELETE FROM used_grants").await, 0);
    assert_eq!(mint_with(&scene, &key, grant).await, invalid());
    assert!(scene.clock.now() > NOW);
}
