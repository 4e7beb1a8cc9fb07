use std::sync::Arc;

use doorkey_core::{Environment, ErrorCode, KeyKind};
use doorkey_issuer::{NewKey, Store};
use doorkey_verifier::SystemEntropy;

use crate::house::{CATALOGUE, House, NOW, OPERATOR, On, Place, Seeded, open};

on_each_database!(
    "multi_thread":
    no_private_key_is_in_the_store,
    a_second_start_makes_nothing,
    another_master_key_is_refused_at_the_start,
    two_registries_on_one_database_see_each_other_s_keys,
    many_first_starts_at_once_are_one,
    an_absent_store_is_not_made_by_accident
);

async fn no_private_key_is_in_the_store(on: On) {
    let entropy = Arc::new(Seeded::default());
    let house = House::with(on, CATALOGUE, entropy.clone()).await;
    let created =
        house.issuer.registry().create_key(&OPERATOR, NewKey::new(KeyKind::Secret, Environment::Live)).await.unwrap();
    assert_eq!(house.send(house.browser().request()).await.status, 201);

    if let Place::Folder(folder) = &house.place {
        let database = folder.path().join("doorkey.db");
        Store::back_up(&database, &folder.path().join("copy")).await.unwrap();
    }
    let stored = house.place.bytes();
    let holds = |needle: &[u8]| stored.windows(needle.len()).any(|window| window == needle);
    // Seeds are the only 32 bytes that are ever drawn: those of two secret keys and one signing key.
    let seeds: Vec<_> = entropy.drawn.lock().unwrap().iter().filter(|bytes| bytes.len() == 32).cloned().collect();
    assert_eq!(seeds.len(), 3);
    for seed in seeds {
        let hex: String = seed
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect();
        let base64url = doorkey_core::to_base64url(&seed);
        let base64 = base64url.replace('-', "+").replace('_', "/");
        let base58 = bs58::encode(&seed).into_string();
        let hash = doorkey_core::sha256(&seed);
        for form in [&seed[..], &hash, hex.as_bytes(), hex.to_uppercase().as_bytes(), base64url.as_bytes()] {
            assert!(!holds(form));
        }
        assert!(!holds(base64.as_bytes()) && !holds(base58.as_bytes()));
    }
    for key in [created.to_key_string().unwrap(), house.keys.secret.to_key_string()] {
        assert!(!holds(key.as_bytes()) && !holds(key.rsplit('_').next().unwrap().as_bytes()));
    }
    // The search would find what is there.
    assert!(holds(&created.record().public_key.unwrap()));
}

async fn a_second_start_makes_nothing(on: On) {
    let house = House::new(on).await;
    let store = Store::open(&house.place.database()).await.unwrap();
    let (again, keys) = open(&store, CATALOGUE, 1, Arc::new(SystemEntropy)).await.unwrap();
    assert!(keys.is_none());
    assert_eq!(again.registry().keys().await.unwrap(), house.issuer.registry().keys().await.unwrap());
    assert_eq!(again.public_keys().to_json(), house.issuer.public_keys().to_json());
    assert_eq!(store.public_url().await.unwrap().unwrap().as_str(), "http://localhost:7700");
}

async fn another_master_key_is_refused_at_the_start(on: On) {
    let house = House::new(on).await;
    let error = open(&house.store, CATALOGUE, 2, Arc::new(SystemEntropy)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(error.to_string().contains("master key"), "{error}");
}

async fn two_registries_on_one_database_see_each_other_s_keys(on: On) {
    let house = House::new(on).await;
    let store = Store::open_existing(&house.place.database()).await.unwrap();
    let (other, _) = open(&store, CATALOGUE, 1, Arc::new(SystemEntropy)).await.unwrap();
    let created =
        other.registry().create_key(&OPERATOR, NewKey::new(KeyKind::Publishable, Environment::Test)).await.unwrap();
    let mut browser = house.browser();
    browser.claims.publishable_key = created.to_key_string().unwrap().to_string();
    assert_eq!(house.send(browser.request()).await.status, 201);
    house.issuer.registry().revoke_key(&OPERATOR, created.record().id).await.unwrap();
    let seen = other.registry().keys().await.unwrap();
    assert!(!seen.iter().find(|key| key.id == created.record().id).unwrap().is_usable(NOW));
}

async fn many_first_starts_at_once_are_one(on: On) {
    for _ in 0..5 {
        let place = Place::new(on);
        let starts = (0..6).map(|_| {
            let database = place.database();
            tokio::spawn(async move {
                let store = Store::open(&database).await.unwrap();
                let (issuer, keys) = open(&store, CATALOGUE, 1, Arc::new(SystemEntropy)).await.unwrap();
                (issuer.public_keys().to_json(), issuer.registry().keys().await.unwrap(), keys.is_some())
            })
        });
        let started = futures_util::future::join_all(starts).await;
        let started: Vec<_> = started.into_iter().map(Result::unwrap).collect();
        assert_eq!(started.iter().filter(|(_, _, first)| *first).count(), 1);
        assert_eq!(started[0].1.len(), 2);
        assert!(started.iter().all(|(jwks, keys, _)| *jwks == started[0].0 && *keys == started[0].1));
    }
}

async fn an_absent_store_is_not_made_by_accident(on: On) {
    let place = Place::new(on);
    let error = Store::open_existing(&place.database()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    let is_empty = match &place {
        Place::Folder(folder) => std::fs::read_dir(folder.path()).unwrap().count() == 0,
        Place::Server(database) => !String::from_utf8(database.dump()).unwrap().contains("CREATE"),
    };
    assert!(is_empty);
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new(On::Sqlite).await;
    let Place::Folder(folder) = &house.place else { panic!("SQLite is in a folder") };
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}
