use doorkey_core::ErrorCode;
use doorkey_verifier::Clock;
use futures_util::future::join_all;

use super::{ADA, House, OTHER, PASSWORD, START, actor, code, new_password, password, token, visit, visit_from};
use crate::actor::Actor;
use crate::audit::{Action, Target};
use crate::registry::people::{SignedInNow, forget_old};
use crate::store::Failures;

const REFUSED: Option<ErrorCode> = Some(ErrorCode::SignInRefused);
const WAIT: Option<ErrorCode> = Some(ErrorCode::RateLimited);
const NOBODY: &str = "nobody@shop.example";

#[tokio::test]
async fn who_is_unknown_gets_the_answer_of_who_is_wrong() {
    for house in House::both().await {
        house.ada().await;
        let wrong = house.sign_in(ADA, OTHER).await.unwrap_err();
        let unknown = house.sign_in(NOBODY, OTHER).await.unwrap_err();
        assert_eq!((wrong.code(), wrong.to_string()), (unknown.code(), unknown.to_string()));
        for email in [ADA, NOBODY] {
            let mut codes = Vec::new();
            for _ in 0..6 {
                codes.push(code(house.sign_in(email, OTHER).await));
            }
            assert_eq!(codes, [REFUSED, REFUSED, REFUSED, REFUSED, WAIT, WAIT], "{email}");
        }
        let events = house.events(Action::SignIn).await;
        assert!(events.iter().all(|event| event.actor.name() == ADA && event.refused == REFUSED));
        assert_eq!(events.len(), 5, "of somebody unknown, and of who only waits, there is nothing");
    }
}

#[tokio::test]
async fn the_back_off_grows_ends_with_the_clock_and_with_a_success() {
    for house in House::both().await {
        house.ada().await;
        for _ in 0..5 {
            assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED);
        }
        for wait in [1, 2, 4, 8] {
            assert_eq!(code(house.sign_in(ADA, PASSWORD).await), WAIT, "the right one waits too");
            house.wait(wait - 1);
            assert_eq!(code(house.sign_in(ADA, OTHER).await), WAIT);
            house.wait(1);
            assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED, "{wait}");
        }
        assert!(house.sign_in(ADA, OTHER).await.unwrap_err().to_string().contains("in 16 s"));
        assert_eq!(code(house.sign_in_from("198.51.100.1", ADA, OTHER).await), REFUSED, "another network is free");
        assert!(house.sign_in_from("198.51.100.1", ADA, PASSWORD).await.is_ok());
        assert_eq!(code(house.sign_in(ADA, PASSWORD).await), WAIT, "one network's success is not another's");
        house.wait(16);
        assert!(house.sign_in(ADA, PASSWORD).await.is_ok());
        for _ in 0..5 {
            assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED, "counted from the start");
        }
        assert_eq!(code(house.sign_in(ADA, OTHER).await), WAIT);
        house.wait(24 * 3600);
        for _ in 0..5 {
            assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED, "forgotten after a day");
        }
    }
}

#[tokio::test]
async fn many_networks_together_wait_for_a_minute_at_most() {
    for house in House::both().await {
        house.ada().await;
        let address = |i: u64| format!("2001:db8:0:{i:x}::1");
        let subjects = house.registry.subjects(ADA, &visit().request);
        for i in 0..50 {
            // Nobody's hash is needed to count.
            let request = visit_from(&address(i)).request;
            house.registry.reserve_attempt(&house.registry.subjects(ADA, &request)).await.unwrap();
        }
        assert_eq!(code(house.sign_in_from(&address(99), ADA, PASSWORD).await), WAIT);
        house.wait(1);
        assert!(house.sign_in_from(&address(99), ADA, PASSWORD).await.is_ok());
        assert_eq!(code(house.registry.reserve_attempt(&subjects).await), WAIT, "a success elsewhere clears nothing");
        house.wait(1);
        for i in 100..120 {
            let request = visit_from(&address(i)).request;
            let subjects = house.registry.subjects(ADA, &request);
            house.registry.reserve_attempt(&subjects).await.unwrap();
            house.wait(60);
        }
        assert!(house.sign_in_from("203.0.113.1", ADA, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn strangers_keep_nobody_out_of_a_network_that_is_known() {
    for house in House::both().await {
        let ada = house.ada().await;
        let mut tried = 0u64;
        let mut attack = async |house: &House| {
            for _ in 0..70 {
                tried += 1;
                let request = visit_from(&format!("2001:db8:0:{tried:x}::1")).request;
                let _ = house.registry.reserve_attempt(&house.registry.subjects(ADA, &request)).await;
            }
        };
        attack(&house).await;
        assert_eq!(code(house.sign_in_from("198.51.100.1", ADA, PASSWORD).await), WAIT, "a network like any other");
        house.registry.sign_out(&actor(&ada)).await.unwrap();
        assert!(house.sign_in(ADA, PASSWORD).await.is_ok(), "the network is known without the sign-in");
        for _ in 0..5 {
            assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED);
        }
        assert_eq!(code(house.sign_in(ADA, PASSWORD).await), WAIT, "guesses in a known network wait too");
        for (days, expected) in [(29, None), (30, WAIT)] {
            house.wait(days * 86_400);
            let mut transaction = house.registry.store.begin().await.unwrap();
            forget_old(&mut transaction, house.hand.now()).await.unwrap();
            transaction.commit().await.unwrap();
            attack(&house).await;
            assert_eq!(code(house.sign_in(ADA, PASSWORD).await), expected, "{days}");
        }
    }
}

#[tokio::test]
async fn guesses_at_once_are_checked_no_more_often_than_in_a_row() {
    for house in House::both().await {
        house.ada().await;
        let all = (0..100).map(|i| {
            let house = &house;
            // One network, whatever address it uses.
            async move { house.sign_in_from(&format!("2001:db8::{i:x}"), ADA, OTHER).await }
        });
        let codes: Vec<_> = join_all(all).await.into_iter().map(code).collect();
        assert_eq!(codes.iter().filter(|code| **code == REFUSED).count(), 5);
        assert_eq!(codes.iter().filter(|code| **code == WAIT).count(), 95);
    }
}

/// Uses a sign-in and waits until that is written, which happens beside the request.
async fn use_now(house: &House, now: &SignedInNow) {
    let person = house.authenticate(now).await.unwrap().person;
    loop {
        let sign_ins = house.registry.sign_ins(person).await.unwrap();
        let sign_in = sign_ins.iter().find(|sign_in| sign_in.id == now.signed_in.sign_in).unwrap();
        if sign_in.last_seen_at == house.hand.now() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_was_sent_away_before_the_password_was_looked_at_did_not_fail() {
    for house in House::both().await {
        let ada = house.ada().await;
        let full = house.registry.people.passwords.take_every_place();
        for _ in 0..10 {
            let error = house.sign_in(ADA, OTHER).await.unwrap_err();
            assert!(error.code() == ErrorCode::RateLimited && error.to_string().contains("in 1 s"));
        }
        house.registry.confirm_password(&actor(&ada), password(PASSWORD)).await.unwrap();
        house.registry.change_password(&actor(&ada), password(PASSWORD), new_password(PASSWORD)).await.unwrap();
        let link = house.registry.recovery_link(&Actor::operator(), &ADA.parse().unwrap()).await.unwrap();
        house.registry.recover(&visit(), token(&link), new_password(PASSWORD)).await.unwrap();
        drop(full);
        assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED);
        let anywhere = house.registry.subjects(ADA, &visit().request);
        house.registry.give_attempt_back(&anywhere).await.unwrap();
        assert_eq!(house.events(Action::SignIn).await.len(), 1);
        for _ in 0..5 {
            assert_eq!(code(house.sign_in(ADA, OTHER).await), REFUSED);
        }
        assert_eq!(code(house.sign_in(ADA, OTHER).await), WAIT);
    }
}

#[tokio::test]
async fn a_sign_in_ends_after_a_week_and_after_a_day_without_use() {
    for house in House::both().await {
        let (used, idle) = (house.ada().await, house.sign_in(ADA, PASSWORD).await.unwrap());
        assert_eq!((used.created_at, used.expires_at), (START, START + 7 * 86_400));
        house.wait(86_399);
        use_now(&house, &used).await;
        house.wait(1);
        assert!(house.authenticate(&idle).await.is_none());
        assert_eq!(house.registry.sign_ins(used.signed_in.person).await.unwrap().len(), 1);
        for _ in 0..6 {
            house.wait(86_000);
            use_now(&house, &used).await;
        }
        house.wait(7 * 86_400 - 86_400 - 6 * 86_000 - 1);
        assert!(house.authenticate(&used).await.is_some());
        house.wait(1);
        assert!(house.authenticate(&used).await.is_none());
    }
}

#[tokio::test]
async fn who_is_recognized_waits_for_no_writer() {
    for house in House::both().await {
        let ada = house.ada().await;
        house.wait(3600);
        let writing = house.registry.store.begin().await.unwrap();
        assert!(house.authenticate(&ada).await.is_some());
        for wrong in ["", "x", &"A".repeat(43), &ada.secret.to_text()[1..]] {
            assert!(house.registry.authenticate(wrong).await.unwrap().is_none(), "{wrong}");
        }
        writing.commit().await.unwrap();
        use_now(&house, &ada).await;
    }
}

#[tokio::test]
async fn a_person_has_a_hundred_sign_ins_and_the_oldest_ends() {
    let [house, _] = House::both().await;
    let first = house.ada().await;
    let person = house.registry.person(first.signed_in.person).await.unwrap();
    for i in 0..100 {
        assert!(house.authenticate(&first).await.is_some(), "{i}");
        house.wait(1);
        let new = house.registry.make_sign_in(&visit(), &person);
        let actor = new.actor(&visit());
        let mut change = house.registry.change(&actor, Action::SignIn, new.id().into()).await.unwrap();
        let done = change.insert_sign_in(new).await;
        change.finish(done).await.unwrap();
    }
    assert!(house.authenticate(&first).await.is_none());
    assert_eq!(house.registry.sign_ins(person.id).await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_password_that_was_changed_while_it_was_checked_is_wrong() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (request, target) = (visit().request, Target::new("sgn"));
        let checked =
            house.registry.check_password(Action::SignIn, target, &request, ADA, password(PASSWORD)).await.unwrap();
        house.registry.change_password(&actor(&ada), password(PASSWORD), new_password(OTHER)).await.unwrap();
        assert_eq!(code(house.registry.sign_in_checked(&visit(), &checked).await), REFUSED);
    }
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_nothing_else() {
    for house in House::both().await {
        let ada = house.ada().await;
        let (old, new) = ([1; 32], [2; 32]);
        let forget = async || {
            let mut transaction = house.registry.store.begin().await.unwrap();
            forget_old(&mut transaction, house.hand.now()).await.unwrap();
            let person = ada.signed_in.person;
            let left = (
                transaction.sign_ins_of(person).await.unwrap().len(),
                transaction.failures(&old).await.unwrap().count,
                transaction.failures(&new).await.unwrap().count,
            );
            transaction.commit().await.unwrap();
            left
        };
        let mut transaction = house.registry.store.begin().await.unwrap();
        let now = house.hand.now();
        transaction.put_failures(&old, Failures { count: 1, last_at: now - 86_399 }).await.unwrap();
        transaction.put_failures(&new, Failures { count: 1, last_at: now }).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(forget().await, (1, 1, 1));
        house.wait(1);
        assert_eq!(forget().await, (1, 0, 1));
        house.wait(7 * 86_400 - 2);
        assert_eq!(forget().await, (1, 0, 0));
        house.wait(1);
        assert_eq!(forget().await, (0, 0, 0));
    }
}

#[tokio::test]
async fn what_is_old_is_forgotten_until_nothing_is_left() {
    for house in House::both().await {
        let mut transaction = house.registry.store.begin().await.unwrap();
        let last_at = house.hand.now();
        for i in 0..2500u64 {
            let mut subject = [0; 32];
            subject[..8].copy_from_slice(&i.to_be_bytes());
            transaction.put_failures(&subject, Failures { count: 1, last_at }).await.unwrap();
        }
        transaction.commit().await.unwrap();
        house.wait(86_400);
        for expected in [true, true, false, false] {
            let mut transaction = house.registry.store.begin().await.unwrap();
            assert_eq!(forget_old(&mut transaction, house.hand.now()).await.unwrap(), expected);
            transaction.commit().await.unwrap();
        }
        let mut reader = house.registry.store.read().await.unwrap();
        assert_eq!(reader.failures(&[0; 32]).await.unwrap(), Failures::default());
    }
}
