use doorkey_core::{ErrorCode, SignInId};

use super::{ADA, House, OTHER, PASSWORD, START, actor, code, new_password, password, token, visit, visit_from};
use crate::actor::Actor;
use crate::audit::Action;

const REFUSED: Option<ErrorCode> = Some(ErrorCode::SignInRefused);
const WAIT: Option<ErrorCode> = Some(ErrorCode::RateLimited);

#[tokio::test]
async fn a_sign_in_that_was_ended_is_refused_at_once() {
    for house in House::both().await {
        let (one, two, three) = (
            house.ada().await,
            house.sign_in(ADA, PASSWORD).await.unwrap(),
            house.sign_in(ADA, PASSWORD).await.unwrap(),
        );
        let listed = house.registry.sign_ins(one.signed_in.person).await.unwrap();
        assert_eq!(
            (listed.len(), listed[0].user_agent.as_str(), listed[0].address.as_str()),
            (3, "Browser/1", "192.0.2.1")
        );
        house.registry.end_sign_in(&actor(&one), two.signed_in.sign_in).await.unwrap();
        assert!(house.authenticate(&two).await.is_none() && house.authenticate(&three).await.is_some());
        assert_eq!(house.registry.end_other_sign_ins(&actor(&one)).await.unwrap(), 1);
        assert!(house.authenticate(&three).await.is_none() && house.authenticate(&one).await.is_some());
        house.registry.sign_out(&actor(&one)).await.unwrap();
        assert!(house.authenticate(&one).await.is_none());
        assert_eq!(code(house.registry.sign_out(&actor(&one)).await), Some(ErrorCode::NotFound));
        assert_eq!(house.events(Action::EndSignIn).await.len(), 4);
    }
}

#[tokio::test]
async fn nobody_ends_somebody_else_s_sign_in() {
    for house in House::both().await {
        let ada = house.ada().await;
        let eve = house.join("eve@shop.example", &ada).await;
        let not_found = Some(ErrorCode::NotFound);
        assert_eq!(code(house.registry.end_sign_in(&actor(&eve), ada.signed_in.sign_in).await), not_found);
        let unknown = SignInId::from_bytes([1; 16]);
        assert_eq!(code(house.registry.end_sign_in(&actor(&eve), unknown).await), not_found);
        assert_eq!(house.registry.end_other_sign_ins(&actor(&eve)).await.unwrap(), 0);
        assert!(house.authenticate(&ada).await.is_some());
        assert!(house.registry.end_other_sign_ins(&Actor::operator()).await.is_err());
        let events = house.events(Action::EndSignIn).await;
        assert_eq!(events.iter().filter(|event| event.refused == not_found).count(), 2);
    }
}

#[tokio::test]
async fn a_password_that_is_asked_again_counts_for_that_sign_in() {
    for house in House::both().await {
        let (one, two) = (house.ada().await, house.sign_in(ADA, PASSWORD).await.unwrap());
        assert_eq!(code(house.registry.confirm_password(&actor(&one), password(OTHER)).await), REFUSED);
        assert_eq!(house.authenticate(&one).await.unwrap().confirmed_at, 0);
        house.wait(7);
        house.registry.confirm_password(&actor(&one), password(PASSWORD)).await.unwrap();
        assert_eq!(house.authenticate(&one).await.unwrap().confirmed_at, START + 7);
        assert_eq!(house.authenticate(&two).await.unwrap().confirmed_at, 0);
        let refused: Vec<_> = house.events(Action::ConfirmPassword).await.iter().map(|event| event.refused).collect();
        assert_eq!(refused, [REFUSED, None]);
        house.registry.sign_out(&actor(&one)).await.unwrap();
        assert_eq!(code(house.registry.confirm_password(&actor(&one), password(PASSWORD)).await), REFUSED);
    }
}

#[tokio::test]
async fn who_has_signed_in_confirms_whatever_strangers_do() {
    for house in House::both().await {
        let ada = house.ada().await;
        for i in 0..60 {
            let request = visit_from(&format!("2001:db8:0:{i:x}::1")).request;
            // The last ones wait already.
            let _ = house.registry.reserve_attempt(&house.registry.subjects(ADA, &request)).await;
        }
        for _ in 0..5 {
            assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED);
        }
        assert_eq!(code(house.sign_in(ADA, PASSWORD).await), WAIT);
        house.registry.confirm_password(&actor(&ada), password(PASSWORD)).await.unwrap();
        house.registry.change_password(&actor(&ada), password(PASSWORD), new_password(OTHER)).await.unwrap();
    }
}

#[tokio::test]
async fn who_guesses_with_a_sign_in_waits_and_loses_it() {
    for house in House::both().await {
        let (one, two) = (house.ada().await, house.sign_in(ADA, PASSWORD).await.unwrap());
        let confirm = async |text| code(house.registry.confirm_password(&actor(&one), password(text)).await);
        let change =
            async |text| code(house.registry.change_password(&actor(&one), password(text), new_password(OTHER)).await);
        assert_eq!((confirm(OTHER).await, confirm(PASSWORD).await), (REFUSED, None), "what was right starts anew");
        for _ in 0..4 {
            assert_eq!(confirm(OTHER).await, REFUSED);
        }
        assert_eq!(change(OTHER).await, REFUSED, "one count for both ways to guess");
        for wait in [1, 2, 4, 8, 16] {
            assert_eq!((confirm(PASSWORD).await, change(PASSWORD).await), (WAIT, WAIT), "the right one waits too");
            house.wait(wait);
            assert!(house.authenticate(&one).await.is_some());
            assert_eq!(confirm(OTHER).await, REFUSED);
        }
        assert!(house.authenticate(&one).await.is_none() && house.authenticate(&two).await.is_some());
        assert_eq!(house.events(Action::EndSignIn).await.len(), 1);
        house.wait(32);
        assert_eq!(confirm(PASSWORD).await, REFUSED);
        house.registry.confirm_password(&actor(&two), password(PASSWORD)).await.unwrap();
        assert!(house.sign_in(ADA, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn a_changed_password_ends_all_other_sign_ins_and_every_link() {
    for house in House::both().await {
        let (one, two) = (house.ada().await, house.sign_in(ADA, PASSWORD).await.unwrap());
        let link = house.registry.recovery_link(&Actor::operator(), &ADA.parse().unwrap()).await.unwrap();
        let change = async |current, new| {
            house.registry.change_password(&actor(&one), password(current), new_password(new)).await
        };
        assert_eq!(code(change(OTHER, OTHER).await), REFUSED);
        assert_eq!(code(change(PASSWORD, ADA).await), Some(ErrorCode::InvalidInput));
        assert!(house.authenticate(&two).await.is_some());
        change(PASSWORD, OTHER).await.unwrap();
        assert!(house.authenticate(&two).await.is_none() && house.authenticate(&one).await.is_some());
        assert_eq!(code(house.sign_in(ADA, PASSWORD).await), REFUSED);
        assert!(house.sign_in(ADA, OTHER).await.is_ok());
        assert_eq!(code(house.registry.recover(&visit(), token(&link), new_password(PASSWORD)).await), REFUSED);
        house.registry.sign_out(&actor(&one)).await.unwrap();
        assert_eq!(code(change(OTHER, PASSWORD).await), REFUSED, "the sign-in has ended");
    }
}

#[tokio::test]
async fn a_name_changes_and_the_revision_with_it() {
    for house in House::both().await {
        let ada = house.ada().await;
        let person = house.registry.update_person(&actor(&ada), "Ada L.").await.unwrap();
        assert_eq!((person.name.as_str(), person.revision), ("Ada L.", 2));
        assert_eq!(house.registry.person(person.id).await.unwrap(), person);
        assert_eq!(code(house.registry.update_person(&actor(&ada), "").await), Some(ErrorCode::InvalidInput));
    }
}

#[tokio::test]
async fn a_recovery_link_gives_a_new_password_once() {
    for house in House::both().await {
        let ada = house.ada().await;
        let email = ADA.parse().unwrap();
        let operator = Actor::operator();
        let by_person = house.registry.recovery_link(&actor(&ada), &email).await;
        assert_eq!(code(by_person), Some(ErrorCode::InsufficientScope), "not even by an operator over HTTP");
        let nobody = house.registry.recovery_link(&operator, &"nobody@shop.example".parse().unwrap()).await;
        assert_eq!(code(nobody), Some(ErrorCode::NotFound));
        let replaced = house.registry.recovery_link(&operator, &email).await.unwrap();
        let expired = house.registry.recovery_link(&operator, &email).await.unwrap();
        let recover = async |token: &str| house.registry.recover(&visit(), token, new_password(OTHER)).await;
        assert_eq!(code(recover(token(&replaced)).await), REFUSED);
        house.wait(3600);
        assert_eq!(code(recover(token(&expired)).await), REFUSED);
        for _ in 0..5 {
            assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED);
        }
        let link = house.registry.recovery_link(&operator, &email).await.unwrap();
        assert!(link.as_str().starts_with("http://localhost:7700/recover#token="));
        let other_use = house.registry.set_up(&visit(), token(&link), &email, "Ada", new_password(OTHER)).await;
        assert_eq!(code(other_use), REFUSED);
        let now = recover(token(&link)).await.unwrap();
        assert!(house.authenticate(&now).await.is_some() && house.authenticate(&ada).await.is_none());
        assert_eq!(code(recover(token(&link)).await), REFUSED);
        assert!(house.sign_in(ADA, OTHER).await.is_ok(), "nobody has to wait any more");
        assert_eq!(code(house.sign_in(ADA, PASSWORD).await), REFUSED);
    }
}
