use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use doorkey_core::token::{Expected, UnverifiedToken};
use doorkey_core::{
    Environment, JwkSet, KeyId, KeyKind, PublishableKey, SecretKey, SigningKey, Thumbprint, VerifyingKey,
};
use doorkey_issuer::{CreatedKey, NewKey};
use http::Request;

use crate::house::{Browser, CATALOGUE, House, NOW, OPERATOR, On, PAGE, Seeded};

on_each_database!(
    a_mint_yields_a_token_that_verifies,
    each_refusal_has_its_code,
    each_malformed_request_has_its_code,
    a_secret_key_in_a_page_is_recorded_if_it_is_one,
    a_key_s_own_origins_scopes_and_lifetime_hold,
    each_rate_limit_is_told_in_the_response,
    behind_a_trusted_proxy_each_browser_has_a_limit,
    the_browser_s_key_may_be_any_good_key,
    a_mint_has_no_authorization_and_a_secret_key_there_has_leaked,
    a_body_that_says_it_is_too_long_is_not_waited_for,
    whatever_byte_is_changed_the_answer_is_a_refusal
);

async fn a_mint_yields_a_token_that_verifies(on: On) {
    let house = House::new(on).await;
    let browser = house.browser();
    let answer = house.send(browser.request()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(answer.header("vary"), "Origin");
    assert!(answer.header("x-request-id").starts_with("req_"));
    assert_eq!(answer.json["expires_at"], NOW + 300);
    assert_eq!(answer.json["server_time"], 1_700_000_000.25);
    assert_eq!(answer.json["key_id"], house.keys.publishable.id().to_string());
    assert_eq!(answer.json["scopes"], serde_json::json!(["pictures:read", "pictures:write"]));
    assert_eq!(answer.json["audience"], serde_json::json!(["http://localhost:7700"]));
    assert_eq!(answer.json.as_object().unwrap().len(), 7);

    let jwks = house.send(Request::get("/.well-known/jwks.json").body(Body::empty()).unwrap()).await;
    let jwks = JwkSet::parse(jwks.json.to_string().as_bytes()).unwrap();
    let token = UnverifiedToken::parse(answer.json["token"].as_str().unwrap()).unwrap();
    let key = jwks.find(&token.kid()).unwrap();
    let audience = "http://localhost:7700".parse().unwrap();
    let expected = Expected { issuer: "http://localhost:7700", audience: &audience, now: NOW, skew: 0 };
    let claims = token.verify(key, &expected).unwrap();
    assert_eq!(claims.cnf.jkt, Thumbprint::of(&browser.key.verifying_key()));
    assert_eq!(claims.jti.to_string(), answer.json["session_id"].as_str().unwrap());
    assert_eq!((claims.sub.as_str(), claims.client_id), (&*claims.client_id.to_string(), house.keys.publishable.id()));
    assert_eq!((claims.iat, claims.exp), (NOW, NOW + 300));
    assert_eq!(claims.doorkey.origin.as_str(), PAGE);
    assert_eq!(claims.doorkey.env, Environment::Test);
}

/// What makes a good browser a bad one.
type Change<'a> = &'a dyn Fn(&mut Browser);

async fn each_refusal_has_its_code(on: On) {
    let house = House::new(on).await;
    let own = &house.keys.publishable;
    let foreign = PublishableKey::new(own.id(), Environment::Test, "keys.example.com".parse().unwrap());
    let made_up = PublishableKey::new(KeyId::from_bytes([9; 16]), Environment::Test, "localhost:7700".parse().unwrap());
    let secret_id = PublishableKey::new(house.keys.secret.id(), Environment::Test, "localhost:7700".parse().unwrap());
    let live = PublishableKey::new(own.id(), Environment::Live, "localhost:7700".parse().unwrap());
    let cases: [(Change, u16, &str); 14] = [
        (&|b| b.claims.publishable_key = "pk_test_typo".into(), 400, "malformed_key"),
        (&|b| b.claims.publishable_key = String::new(), 400, "malformed_key"),
        (&|b| b.claims.publishable_key = foreign.to_string(), 401, "key_unknown"),
        (&|b| b.claims.publishable_key = made_up.to_string(), 401, "key_unknown"),
        (&|b| b.claims.publishable_key = secret_id.to_string(), 401, "key_unknown"),
        (&|b| b.claims.publishable_key = live.to_string(), 401, "key_unknown"),
        (&|b| b.claims.publishable_key = house.keys.secret.to_key_string().to_string(), 403, "secret_key_in_browser"),
        (&|b| b.claims.publishable_key = "sk_live_cut".into(), 403, "secret_key_in_browser"),
        (&|b| b.claims.aud = "http://localhost:7700/v1/other".into(), 401, "token_invalid"),
        (&|b| b.claims.grant = Some("a.b.c".into()), 401, "grant_invalid"),
        (&|b| b.claims.jti = String::new(), 400, "malformed_request"),
        (&|b| b.origin = None, 403, "origin_not_allowed"),
        (&|b| b.origin = Some("null"), 403, "origin_not_allowed"),
        (&|b| b.origin = Some("https://shop.example"), 403, "origin_not_allowed"),
    ];
    for (i, (change, status, code)) in cases.into_iter().enumerate() {
        let mut browser = house.browser();
        change(&mut browser);
        let answer = house.send(browser.request()).await;
        assert_eq!(answer.refusal(), (status, code), "case {i}");
        // The page that asked may read why, if it has an origin at all.
        assert_eq!(answer.header("access-control-allow-origin"), browser.origin.unwrap_or_default(), "case {i}");
        assert!(!answer.json.to_string().contains("k_test_"), "case {i}");
    }
    let mut browser = house.browser();
    browser.claims.challenge = Some("not built yet, so passed over".into());
    assert_eq!(house.send(browser.request()).await.status, 201);
}

async fn each_malformed_request_has_its_code(on: On) {
    let house = House::new(on).await;
    let good = house.browser().body();
    let flipped = {
        let (rest, signature) = good.rsplit_once('.').unwrap();
        format!("{rest}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..])
    };
    let weak = good.replacen(
        good.split('.').next().unwrap(),
        &doorkey_core::to_base64url(
            br#"{"alg":"EdDSA","typ":"doorkey-mint+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#,
        ),
        1,
    );
    let cases: [(&str, Vec<u8>, u16, &str); 11] = [
        ("text/plain", vec![], 400, "malformed_request"),
        ("text/plain", b"{}".to_vec(), 400, "malformed_request"),
        ("text/plain", vec![0xff; 100], 400, "malformed_request"),
        ("text/plain", vec![b'a'; 8192], 400, "malformed_request"),
        ("text/plain", vec![b'a'; 8193], 413, "body_too_large"),
        ("text/plain", flipped.into(), 401, "signature_invalid"),
        ("text/plain", weak.into(), 401, "signature_invalid"),
        ("application/json", good.clone().into(), 400, "malformed_request"),
        ("", good.clone().into(), 400, "malformed_request"),
        ("application/jose", good.clone().into(), 201, ""),
        ("TEXT/PLAIN; charset=utf-8", good.clone().into(), 201, ""),
    ];
    for (content_type, body, status, code) in cases {
        let request = Request::post("/v1/sessions").header("origin", PAGE).header("content-type", content_type);
        let answer = house.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, status, "{content_type} {code}");
        if status != 201 {
            assert_eq!(answer.refusal(), (status, code));
        }
    }
    let encoded = Request::post("/v1/sessions").header("origin", PAGE).header("content-encoding", "gzip");
    let answer = house.send(encoded.body(Body::from(good.clone())).unwrap()).await;
    assert_eq!(answer.refusal(), (400, "unsupported_encoding"));
    let bare = Request::post("/v1/sessions").header("origin", PAGE).body(Body::from(good.clone())).unwrap();
    assert_eq!(house.send(bare).await.status, 201);
    let two =
        Request::post("/v1/sessions").header("origin", PAGE).header("origin", PAGE).body(Body::from(good)).unwrap();
    assert_eq!(house.send(two).await.refusal(), (403, "origin_not_allowed"));
}

async fn a_secret_key_in_a_page_is_recorded_if_it_is_one(on: On) {
    let house = House::new(on).await;
    let leaked = async || {
        let keys = house.issuer.registry().keys().await.unwrap();
        keys.iter().filter(|key| key.leaked_at == Some(NOW)).map(|key| key.id).collect::<Vec<_>>()
    };
    let id = house.keys.secret.id();
    let made_up = SecretKey::new(id, Environment::Test, SigningKey::from_seed(&[1; 32])).to_key_string();
    assert_eq!(house.send(Browser::new(&made_up).request()).await.refusal(), (403, "secret_key_in_browser"));
    assert_eq!(leaked().await, []);

    // Only who holds the browser's key can say so: a mint that does not verify says nothing.
    let mut forged = Browser::new(&house.keys.secret.to_key_string());
    let body = forged.body();
    forged.claims.jti = "other".into();
    let mixed = format!("{}.{}", forged.body().rsplit_once('.').unwrap().0, body.rsplit_once('.').unwrap().1);
    let request = Request::post("/v1/sessions").header("origin", PAGE).body(Body::from(mixed)).unwrap();
    assert_eq!(house.send(request).await.refusal(), (401, "signature_invalid"));
    assert_eq!(leaked().await, []);

    let real = Browser::new(&house.keys.secret.to_key_string());
    for _ in 0..2 {
        assert_eq!(house.send(real.request()).await.refusal(), (403, "secret_key_in_browser"));
        assert_eq!(leaked().await, [id]);
    }
}

async fn a_key_s_own_origins_scopes_and_lifetime_hold(on: On) {
    let house = House::new(on).await;
    let new = NewKey::new(KeyKind::Publishable, Environment::Live)
        .with_origins(vec!["https://*.shop.example".parse().unwrap()])
        .with_scopes("pictures:read/holidays".parse().unwrap())
        .with_session_lifetime(2);
    let CreatedKey::Publishable { key, .. } = house.issuer.registry().create_key(&OPERATOR, new).await.unwrap() else {
        panic!("a publishable key was asked for")
    };
    let mut browser = Browser::new(&key.to_string());
    assert_eq!(house.send(browser.request()).await.refusal(), (403, "origin_not_allowed"));
    browser.origin = Some("https://eu.shop.example");
    let answer = house.send(browser.request()).await;
    assert_eq!((answer.status.as_u16(), &answer.json["expires_at"]), (201, &(NOW + 2).into()));
    assert_eq!(answer.json["scopes"], serde_json::json!(["pictures:read/holidays"]));

    house.issuer.registry().revoke_key(&OPERATOR, key.id()).await.unwrap();
    assert_eq!(house.send(browser.request()).await.refusal(), (401, "key_unknown"));
}

async fn each_rate_limit_is_told_in_the_response(on: On) {
    for (policy, settings) in [
        ("key", "[mint_limits]\nper_key = 2"),
        ("address", "[mint_limits]\nper_address = 2"),
        ("origin", "[mint_limits]\nper_origin = 2"),
    ] {
        let house = House::with(on, &format!("{settings}\n{CATALOGUE}"), std::sync::Arc::new(Seeded::default())).await;
        let browser = house.browser();
        for _ in 0..2 {
            assert_eq!(house.send(browser.request()).await.status, 201);
        }
        let answer = house.send(browser.request()).await;
        assert_eq!(answer.refusal(), (429, "rate_limited"), "{policy}");
        assert_eq!(answer.header("retry-after"), "30");
        assert_eq!(answer.header("ratelimit-policy"), format!("\"{policy}\";q=2;w=60"));
        assert_eq!(answer.header("ratelimit"), format!("\"{policy}\";r=0;t=30"));
        assert!(answer.header("access-control-expose-headers").contains("Retry-After"));

        // Somebody else is not held back by it, unless it is the key that is used too much.
        let mut other = house.browser();
        other.origin = Some("http://localhost:4000");
        let mut request = other.request();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 2], 5000))));
        request.headers_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        assert_eq!(house.send(request).await.status == 201, policy != "key", "{policy}");
        // And whom nobody vouches for is not believed who it says it is.
        let mut request = browser.request();
        request.headers_mut().insert("x-forwarded-for", "192.0.2.77".parse().unwrap());
        assert_eq!(house.send(request).await.status, 429, "{policy}");
    }
}

async fn behind_a_trusted_proxy_each_browser_has_a_limit(on: On) {
    let settings = format!("trusted_proxies = [\"192.0.2.1\"]\n[mint_limits]\nper_address = 1\n{CATALOGUE}");
    let house = House::with(on, &settings, std::sync::Arc::new(Seeded::default())).await;
    for (from, status) in [("198.51.100.1", 201), ("198.51.100.1", 429), ("198.51.100.1, 198.51.100.2", 201)] {
        let mut request = house.browser().request();
        request.headers_mut().insert("x-forwarded-for", from.parse().unwrap());
        assert_eq!(house.send(request).await.status, status, "{from}");
    }
}

async fn the_browser_s_key_may_be_any_good_key(on: On) {
    let house = House::new(on).await;
    for seed in 0..8 {
        let mut browser = house.browser();
        browser.key = SigningKey::from_seed(&[seed; 32]);
        let answer = house.send(browser.request()).await;
        let token = answer.json["token"].as_str().unwrap();
        assert!(token.len() < doorkey_core::token::MAX_TOKEN_LEN);
        let _: VerifyingKey = browser.key.verifying_key();
    }
}

async fn whatever_byte_is_changed_the_answer_is_a_refusal(on: On) {
    let house = House::new(on).await;
    let good = house.browser().body().into_bytes();
    for at in 0..good.len() {
        for change in [0x01, 0x20, 0x80] {
            let mut body = good.clone();
            body[at] ^= change;
            let request = Request::post("/v1/sessions").header("origin", PAGE).body(Body::from(body)).unwrap();
            let answer = house.send(request).await;
            assert!(matches!(answer.refusal().0, 400 | 401), "byte {at} ^ {change}: {}", answer.json);
        }
    }
}

async fn a_mint_has_no_authorization_and_a_secret_key_there_has_leaked(on: On) {
    let house = House::new(on).await;
    let with = |authorization: &str| {
        let mut request = house.browser().request();
        request.headers_mut().insert("authorization", authorization.parse().unwrap());
        request
    };
    assert_eq!(house.send(with("Doorkey a.b.c")).await.refusal(), (400, "multiple_credentials"));
    assert_eq!(house.send(with("Bearer sk_live_cut")).await.refusal(), (403, "secret_key_in_browser"));
    let secret = house.keys.secret.to_key_string();
    assert_eq!(house.send(with(&format!("Bearer {}", *secret))).await.refusal(), (403, "secret_key_in_browser"));
    let keys = house.issuer.registry().keys().await.unwrap();
    let leaked: Vec<_> = keys.iter().filter(|key| key.leaked_at.is_some()).map(|key| key.id).collect();
    assert_eq!(leaked, [house.keys.secret.id()]);
}

async fn a_body_that_says_it_is_too_long_is_not_waited_for(on: On) {
    let house = House::new(on).await;
    let never = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let request =
        Request::post("/v1/sessions").header("origin", PAGE).header("content-length", 8193).body(never).unwrap();
    assert_eq!(house.send(request).await.refusal(), (413, "body_too_large"));
}
