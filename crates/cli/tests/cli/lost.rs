//! What is printed and reaches nobody.

use std::fs::File;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::house::House;

/// Runs a command whose output is lost: the disk is full, or nobody reads.
fn lose(house: &House, arguments: &[&str], stdout: impl Into<Stdio>) -> Output {
    house.doorkey(arguments).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

fn closed() -> std::io::PipeWriter {
    std::io::pipe().unwrap().1
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_secret_that_reached_nobody_is_revoked_again() {
    let house = House::new();
    drop(house.serve());
    let keys = || serde_json::from_str::<Vec<Value>>(&house.print(&["keys", "list", "--json"])).unwrap();
    let before = keys().len();
    for (arguments, stdout) in [
        (&["keys", "create", "--secret"][..], Stdio::from(full())),
        (&["keys", "create", "--secret", "--protected", "--json"], Stdio::from(full())),
        (&["keys", "create", "--secret"], Stdio::from(closed())),
    ] {
        let text = refused(&lose(&house, arguments, stdout));
        let key = keys().pop().unwrap();
        assert_eq!(key["state"], "revoked");
        let id = key["id"].as_str().unwrap();
        assert!(text.contains(&format!("{id} was created and is revoked again")) && !text.contains("sk_"), "{text}");
    }
    assert_eq!(keys().len(), before + 3);
    assert!(house.print(&["audit", "verify"]).contains(':'));

    // Nothing is lost of a key that is no secret.
    let text = refused(&lose(&house, &["keys", "create", "--publishable"], full()));
    let key = keys().pop().unwrap();
    assert!(key["state"] == "active" && text.contains(key["id"].as_str().unwrap()), "{text}");

    let text = refused(&lose(&house, &["verifiers", "add", "Gate"], full()));
    let verifiers: Vec<Value> = serde_json::from_str(&house.print(&["verifiers", "list", "--json"])).unwrap();
    assert_eq!(verifiers[0]["state"], "revoked");
    assert!(text.contains(verifiers[0]["id"].as_str().unwrap()) && !text.contains("vk_"), "{text}");
}

#[test]
fn who_reads_no_more_of_a_list_has_seen_enough() {
    let house = House::new();
    drop(house.serve());
    for arguments in [&["keys", "list"][..], &["keys", "list", "--json"], &["verifiers", "list"]] {
        let output = lose(&house, arguments, closed());
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(refused(&lose(&house, arguments, full())).contains("cannot write to stdout"));
    }
}
