use std::sync::Arc;

use doorkey_core::{Environment, ErrorCode, KeyId, KeyKind, ScopeSet};
use doorkey_issuer::{CreatedKey, NewKey};

use crate::house::{CATALOGUE, House, NOW, OPERATOR, On, Seeded};

on_each_database!(
    the_default_pair_is_for_testing_and_has_every_scope,
    scopes_have_three_states,
    each_rule_for_new_keys_is_kept,
    all_that_is_wrong_is_said_at_once,
    a_workspace_keeps_one_secret_key,
    two_who_revoke_at_once_leave_one_secret_key,
    a_workspace_has_fifty_active_keys_at_most,
    a_brand_stands_in_front_of_every_key
);

fn publishable() -> NewKey {
    NewKey::new(KeyKind::Publishable, Environment::Test)
}

fn secret() -> NewKey {
    NewKey::new(KeyKind::Secret, Environment::Test)
}

async fn the_default_pair_is_for_testing_and_has_every_scope(on: On) {
    let house = House::new(on).await;
    let keys = house.issuer.registry().keys().await.unwrap();
    let [publishable, secret] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!((publishable.id, secret.id), (house.keys.publishable.id(), house.keys.secret.id()));
    assert_eq!((publishable.environment, secret.environment), (Environment::Test, Environment::Test));
    assert_eq!(publishable.scopes.to_string(), "pictures:read pictures:write");
    assert_eq!(secret.scopes.to_string(), "pictures:delete pictures:read pictures:write");
    let masked = house.issuer.registry().shown_key(secret);
    assert_eq!(masked, house.keys.secret.to_masked());
    assert_eq!(house.issuer.registry().shown_key(publishable), house.keys.publishable.to_string());
}

async fn scopes_have_three_states(on: On) {
    let house = House::new(on).await;
    let create = async |new: NewKey| {
        house.issuer.registry().create_key(&OPERATOR, new).await.unwrap().record().scopes.to_string()
    };
    assert_eq!(create(publishable()).await, "pictures:read pictures:write");
    assert_eq!(create(secret()).await, "pictures:delete pictures:read pictures:write");
    assert_eq!(create(publishable().with_scopes(ScopeSet::empty())).await, "");
    assert_eq!(create(secret().with_scopes("pictures:read/a".parse().unwrap())).await, "pictures:read/a");
}

async fn each_rule_for_new_keys_is_kept(on: On) {
    let house = House::new(on).await;
    let live = NewKey::new(KeyKind::Publishable, Environment::Live);
    let origin = || vec!["https://a.example".parse().unwrap()];
    for (new, field) in [
        (live.clone(), "origins"),
        (live.clone().with_origins(vec!["http://shop.example".parse().unwrap()]), "origins"),
        (publishable().with_scopes("pictures:delete".parse().unwrap()), "scopes"),
        (publishable().with_scopes("pictures:delete/a".parse().unwrap()), "scopes"),
        (secret().with_scopes("pictures:paint".parse().unwrap()), "scopes"),
        (secret().with_origins(origin()), "origins"),
        (secret().with_session_lifetime(60), "session_lifetime"),
        (publishable().with_session_lifetime(0), "session_lifetime"),
        (publishable().with_session_lifetime(601), "session_lifetime"),
        (publishable().with_name(""), "name"),
        (publishable().with_name(" a"), "name"),
        (publishable().with_name("a\nb"), "name"),
        (publishable().with_name("a".repeat(101)), "name"),
        (
            publishable().with_origins((0..101).map(|i| format!("https://a{i}.example").parse().unwrap()).collect()),
            "origins",
        ),
        (
            publishable().with_scopes((0..200).map(|i| format!("pictures:read/{i:030}").parse().unwrap()).collect()),
            "scopes",
        ),
    ] {
        let error = house.issuer.registry().create_key(&OPERATOR, new.clone()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput, "{new:?}");
        assert_eq!(error.fields().iter().map(|wrong| &wrong.field).collect::<Vec<_>>(), [field], "{new:?}");
    }
    assert_eq!(house.issuer.registry().keys().await.unwrap().len(), 2);
    let accepted = live.with_origins([origin(), origin()].concat()).with_session_lifetime(1).with_name("\u{e9}t\u{e9}");
    let created = house.issuer.registry().create_key(&OPERATOR, accepted).await.unwrap();
    assert_eq!(created.record().origins, origin());
}

async fn all_that_is_wrong_is_said_at_once(on: On) {
    let house = House::new(on).await;
    let new = NewKey::new(KeyKind::Publishable, Environment::Live).with_name("").with_session_lifetime(0);
    let error = house.issuer.registry().create_key(&OPERATOR, new).await.unwrap_err();
    assert_eq!(error.fields().len(), 3);
}

async fn a_workspace_keeps_one_secret_key(on: On) {
    let house = House::new(on).await;
    let registry = house.issuer.registry();
    let first = house.keys.secret.id();
    assert_eq!(registry.revoke_key(&OPERATOR, first).await.unwrap_err().code(), ErrorCode::LastKey);
    let CreatedKey::Secret { record, .. } = registry.create_key(&OPERATOR, secret()).await.unwrap() else { panic!() };
    assert_eq!(registry.revoke_key(&OPERATOR, first).await.unwrap().revoked_at, Some(NOW));
    // Final, and the same however often it is asked for.
    assert_eq!(registry.revoke_key(&OPERATOR, first).await.unwrap().revoked_at, Some(NOW));
    assert_eq!(registry.revoke_key(&OPERATOR, record.id).await.unwrap_err().code(), ErrorCode::LastKey);
    assert_eq!(registry.revoke_key(&OPERATOR, house.keys.publishable.id()).await.unwrap().revoked_at, Some(NOW));
    let unknown = registry.revoke_key(&OPERATOR, KeyId::from_bytes([0; 16])).await.unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::NotFound);
}

async fn two_who_revoke_at_once_leave_one_secret_key(on: On) {
    let house = House::new(on).await;
    let registry = house.issuer.registry();
    let CreatedKey::Secret { record, .. } = registry.create_key(&OPERATOR, secret()).await.unwrap() else { panic!() };
    let (one, other) =
        tokio::join!(registry.revoke_key(&OPERATOR, record.id), registry.revoke_key(&OPERATOR, house.keys.secret.id()));
    assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|ok| **ok).count(), 1);
}

async fn a_workspace_has_fifty_active_keys_at_most(on: On) {
    let house = House::new(on).await;
    let registry = house.issuer.registry();
    let created = futures_util::future::join_all((0..60).map(|_| registry.create_key(&OPERATOR, publishable()))).await;
    assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 48);
    assert!(
        created.iter().filter_map(|created| created.as_ref().err()).all(|error| error.code() == ErrorCode::Conflict)
    );
    registry.revoke_key(&OPERATOR, house.keys.publishable.id()).await.unwrap();
    assert!(registry.create_key(&OPERATOR, publishable()).await.is_ok());
}

async fn a_brand_stands_in_front_of_every_key(on: On) {
    let house = House::with(on, &format!("brand = \"acme\"\n{CATALOGUE}"), Arc::new(Seeded::default())).await;
    assert!(house.keys.publishable.to_string().starts_with("acme_pk_test_"));
    assert!(house.keys.secret.to_key_string().starts_with("acme_sk_test_"));
    let keys = house.issuer.registry().keys().await.unwrap();
    assert_eq!(house.issuer.registry().shown_key(&keys[1]), house.keys.secret.to_masked());
    assert_eq!(house.send(house.browser().request()).await.status, 201);
}
