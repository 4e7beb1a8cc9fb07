//! What somebody does to the events who has the database but not the master key.

use doorkey_issuer::{AuditFault, AuditHead};
use sqlx::{AnyConnection, Connection};

use super::busy;
use crate::house::{House, On, Place};

on_each_database!(
    an_audit_that_nobody_touched_is_whole,
    whatever_is_done_to_the_events_is_found,
    an_end_that_was_cut_off_shows_against_a_head_that_was_noted
);

/// Runs statements behind the issuer's back.
async fn tamper(house: &House, statements: &'static str) {
    sqlx::any::install_default_drivers();
    let url = match &house.place {
        Place::Folder(folder) => format!("sqlite://{}", folder.path().join("doorkey.db").display()),
        Place::Server(database) => database.url().to_owned(),
    };
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn verify(house: &House, expected: Option<AuditHead>) -> Result<AuditHead, AuditFault> {
    house.issuer.registry().verify_audit(expected).await.unwrap()
}

async fn an_audit_that_nobody_touched_is_whole(on: On) {
    let house = House::new(on).await;
    let first = verify(&house, None).await.unwrap();
    busy(&house, 10).await;
    let head = verify(&house, Some(first)).await.unwrap();
    assert_eq!(head.sequence, first.sequence + 10);
    // While others write, too.
    let (verified, ()) = tokio::join!(verify(&house, Some(head)), busy(&house, 5));
    assert!(verified.unwrap().sequence >= head.sequence);
    assert_eq!(verify(&house, Some(AuditHead::default())).await.unwrap().sequence, head.sequence + 5);
}

async fn whatever_is_done_to_the_events_is_found(on: On) {
    // Three events are of the first start.
    let last = 13;
    for (what, sequence) in [
        ("UPDATE audit_events SET at = at + 1 WHERE sequence = 1", 1),
        ("UPDATE audit_events SET detail = '{}' WHERE sequence = 4", 4),
        ("UPDATE audit_events SET detail = 'x' WHERE sequence = 4", 4),
        ("UPDATE audit_events SET refused = NULL WHERE sequence = 6", 6),
        ("UPDATE audit_events SET refused = 'x' WHERE sequence = 6", 6),
        ("UPDATE audit_events SET actor_name = 'x' WHERE sequence = 7", 7),
        ("UPDATE audit_events SET action = 'key.create' WHERE sequence = 8", 8),
        ("UPDATE audit_events SET organization_id = NULL WHERE sequence = 9", 9),
        ("UPDATE audit_events SET target_id = NULL WHERE sequence = 13", 13),
        ("UPDATE audit_events SET mac = (SELECT mac FROM audit_events WHERE sequence = 4) WHERE sequence = 5", 5),
        // What is no id must not pass for none.
        ("UPDATE audit_events SET workspace_id = mac WHERE sequence = 3", 3),
        ("UPDATE audit_events SET actor_id = mac WHERE sequence = 7", 7),
        ("UPDATE audit_events SET request_id = '' WHERE sequence = 7", 7),
        ("DELETE FROM audit_events WHERE sequence = 1", 1),
        ("DELETE FROM audit_events WHERE sequence = 5", 5),
        ("DELETE FROM audit_events WHERE sequence = 13", 13),
        ("DELETE FROM audit_events", 1),
        // Removed, and the rest moved up.
        (
            "DELETE FROM audit_events WHERE sequence = 5; \
             UPDATE audit_events SET sequence = -sequence WHERE sequence > 5; \
             UPDATE audit_events SET sequence = -sequence - 1 WHERE sequence < 0",
            5,
        ),
        // Swapped.
        (
            "UPDATE audit_events SET sequence = -6 WHERE sequence = 6; \
             UPDATE audit_events SET sequence = 6 WHERE sequence = 7; \
             UPDATE audit_events SET sequence = 7 WHERE sequence = -6",
            6,
        ),
        // Added: in the middle, at the end, and before the first.
        (
            "UPDATE audit_events SET sequence = -sequence WHERE sequence > 5; \
             UPDATE audit_events SET sequence = -sequence + 1 WHERE sequence < 0; \
             INSERT INTO audit_events SELECT 6, at, organization_id, workspace_id, actor_kind, actor_id, actor_name, \
             action, target_kind, target_id, refused, detail, request_id, address, mac \
             FROM audit_events WHERE sequence = 5",
            6,
        ),
        (
            "INSERT INTO audit_events SELECT 14, at, organization_id, workspace_id, actor_kind, actor_id, actor_name, \
             action, target_kind, target_id, refused, detail, request_id, address, mac \
             FROM audit_events WHERE sequence = 13",
            14,
        ),
        (
            "INSERT INTO audit_events SELECT 0, at, organization_id, workspace_id, actor_kind, actor_id, actor_name, \
             action, target_kind, target_id, refused, detail, request_id, address, mac \
             FROM audit_events WHERE sequence = 1",
            0,
        ),
        ("DELETE FROM settings WHERE name = 'audit_head'", 0),
    ] {
        let house = House::new(on).await;
        busy(&house, 10).await;
        assert_eq!(verify(&house, None).await.unwrap().sequence, last);
        tamper(&house, what).await;
        let Err(fault) = verify(&house, None).await else { panic!("{what}: not found") };
        assert_eq!(fault.sequence, sequence, "{what}: {fault:?}");
    }
}

async fn an_end_that_was_cut_off_shows_against_a_head_that_was_noted(on: On) {
    let house = House::new(on).await;
    let before = verify(&house, None).await.unwrap();
    tamper(&house, "INSERT INTO settings SELECT 'kept', value FROM settings WHERE name = 'audit_head'").await;
    busy(&house, 5).await;
    let noted = verify(&house, Some(before)).await.unwrap();
    tamper(
        &house,
        "DELETE FROM audit_events WHERE sequence > 3; \
         UPDATE settings SET value = (SELECT value FROM settings WHERE name = 'kept') WHERE name = 'audit_head'",
    )
    .await;
    assert_eq!(verify(&house, None).await.unwrap(), before);
    assert_eq!(verify(&house, Some(noted)).await.unwrap_err().sequence, noted.sequence);
}
