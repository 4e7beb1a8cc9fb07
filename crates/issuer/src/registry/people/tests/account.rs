use doorkey_core::{ErrorCode, SignInId};

use super::{ADA, House, OTHER, PASSWORD, START, actor, code, new_password, password, token, visit};
use crate::actor::Actor;
use crate::audit::Action;

const REFUSED: Option<ErrorCode> = Some(ErrorCode::SignInRefused);

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
        // The refusal took back that the password was right: one of five.
        for _ in 0..4 {
            assert_eq!(code(house.registry.confirm_password(&actor(&two), password(OTHER)).await), REFUSED);
        }
        let wait = Some(ErrorCode::RateLimited);
        assert_eq!(code(house.registry.confirm_password(&actor(&two), password(PASSWORD)).await), wait);
        assert_eq!(code(house.sign_in(ADA, PASSWORD).await), wait, "one count for all ways to guess");
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
