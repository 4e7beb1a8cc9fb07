use doorkey_core::{ErrorCode, parse_base64url};
use futures_util::future::join_all;

use super::{ADA, House, OTHER, PASSWORD, START, actor, code, contains, new_password, password, token, visit};
use crate::access::OrganizationRole;
use crate::actor::Actor;
use crate::audit::Action;

const REFUSED: Option<ErrorCode> = Some(ErrorCode::SignInRefused);

#[tokio::test]
async fn the_first_person_is_operator_and_admin_and_is_signed_in() {
    for house in House::both().await {
        let link = house.registry.setup_link().await.unwrap().unwrap();
        assert!(link.as_str().starts_with("http://localhost:7700/setup#token="));
        assert_eq!(format!("{link:?}"), "Link");
        let email = "Ada@Shop.example".parse().unwrap();
        let now = house.registry.set_up(&visit(), token(&link), &email, "Ada", new_password(PASSWORD)).await.unwrap();
        let ada = house.authenticate(&now).await.unwrap();
        assert_eq!((ada.email.as_str(), ada.is_operator, ada.confirmed_at), (ADA, true, 0));
        let person = house.registry.person(ada.person).await.unwrap();
        assert_eq!((person.name.as_str(), person.created_at), ("Ada", START));
        let memberships = house.registry.store.read().await.unwrap().memberships_of(ada.person).await.unwrap();
        assert_eq!(memberships.len(), 1);
        assert_eq!(
            (memberships[0].role, memberships[0].organization),
            (OrganizationRole::Admin, house.organization().await)
        );
        let [event] = &house.events(Action::SetUp).await[..] else { panic!("one line") };
        assert_eq!((event.actor.name(), event.refused), (ADA, None));
        assert_eq!(house.registry.setup_link().await.unwrap().map(|_| ()), None);
        assert!(house.sign_in(ADA, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn a_setup_link_is_good_once_for_a_day_and_until_the_next() {
    for house in House::both().await {
        let email = ADA.parse().unwrap();
        let set_up = |token: String| {
            let (registry, email) = (&house.registry, &email);
            async move { registry.set_up(&visit(), &token, email, "Ada", new_password(PASSWORD)).await }
        };
        let replaced = house.registry.setup_link().await.unwrap().unwrap();
        let expired = house.registry.setup_link().await.unwrap().unwrap();
        assert_eq!(code(set_up(token(&replaced).into()).await), REFUSED);
        house.wait(24 * 3600);
        assert_eq!(code(set_up(token(&expired).into()).await), REFUSED);
        for wrong in [String::new(), "x".into(), "A".repeat(43)] {
            assert_eq!(code(set_up(wrong).await), REFUSED);
        }
        let link = house.registry.setup_link().await.unwrap().unwrap();
        assert!(set_up(token(&link).into()).await.is_ok());
        assert_eq!(code(set_up(token(&link).into()).await), REFUSED);
    }
}

#[tokio::test]
async fn of_two_who_set_up_at_once_one_wins() {
    for house in House::both().await {
        let link = house.registry.setup_link().await.unwrap().unwrap();
        let emails = [ADA.parse().unwrap(), "eve@shop.example".parse().unwrap()];
        let all = emails.iter().map(|email| {
            let (registry, token) = (&house.registry, token(&link));
            async move { registry.set_up(&visit(), token, email, "A", new_password(PASSWORD)).await }
        });
        let codes: Vec<_> = join_all(all).await.into_iter().map(code).collect();
        assert!(codes == [None, REFUSED] || codes == [REFUSED, None], "{codes:?}");
    }
}

#[tokio::test]
async fn a_new_person_has_a_fit_name_and_password() {
    for house in House::both().await {
        let link = house.registry.setup_link().await.unwrap().unwrap();
        let email = ADA.parse().unwrap();
        for (name, password) in [("", PASSWORD), (" Ada", PASSWORD), ("A\nda", PASSWORD), ("Ada", ADA)] {
            let done = house.registry.set_up(&visit(), token(&link), &email, name, new_password(password)).await;
            assert_eq!(code(done), Some(ErrorCode::InvalidInput), "{name:?}");
        }
    }
}

#[tokio::test]
async fn the_store_has_nothing_to_sign_in_with() {
    let [house, _] = House::both().await;
    let setup = house.registry.setup_link().await.unwrap().unwrap();
    let email = ADA.parse().unwrap();
    let first = house.registry.set_up(&visit(), token(&setup), &email, "Ada", new_password(PASSWORD)).await.unwrap();
    let recovery = house.registry.recovery_link(&Actor::operator(), &email).await.unwrap();
    let again = house.sign_in(ADA, PASSWORD).await.unwrap();
    house.registry.change_password(&actor(&again), password(PASSWORD), new_password(OTHER)).await.unwrap();
    let bytes = house.bytes().unwrap();
    assert!(contains(&bytes, ADA.as_bytes()), "what is looked for would be found");
    for text in [token(&setup), token(&recovery), &first.secret.to_text(), &again.secret.to_text()] {
        assert!(!contains(&bytes, text.as_bytes()) && !contains(&bytes, &parse_base64url(text).unwrap()));
    }
    for text in [PASSWORD, OTHER, "$argon2", "argon2id"] {
        assert!(!contains(&bytes, text.as_bytes()), "{text}");
    }
    assert_eq!(format!("{:?}", again.secret), "Secret");
}
