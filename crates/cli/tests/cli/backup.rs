use std::os::unix::fs::PermissionsExt;

use doorkey_core::PublishableKey;
use doorkey_servers::Postgres;

use crate::house::{House, PAGE};

#[test]
fn a_copy_of_a_running_house_opens_with_its_master_key() {
    let house = House::new();
    let server = house.serve();
    let key = house.print(&["keys", "create", "--publishable"]);
    let output = house.run(&["backup", "copy"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(told.starts_with("wrote copy; the master key is not in it"), "{told}");
    assert_eq!(house.path("copy").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let jwks = server.send("GET", "/.well-known/jwks.json", PAGE, "");
    drop(server);

    let other = House::new();
    std::fs::copy(house.path("copy"), other.path("copy")).unwrap();
    let output = other.run(&["restore", "copy"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{told}");
    assert!(told.contains("the master key is not in a copy"), "{told}");
    assert_eq!(other.path("doorkey-data").metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(other.path("doorkey-data/doorkey.db").metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let refused = other.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("master.key is missing"));
    std::fs::copy(house.path("doorkey-data/master.key"), other.path("doorkey-data/master.key")).unwrap();
    let server = other.serve();
    assert!(server.ready["secret_key"].is_null());
    assert_eq!(server.send("GET", "/.well-known/jwks.json", PAGE, ""), jwks);
    let id = PublishableKey::parse(&key).unwrap().id().to_string();
    assert!(other.print(&["keys", "list", "--json"]).contains(&id));
}

#[test]
fn each_refusal_is_said_in_a_line() {
    let house = House::new();
    let refusal = |arguments: &[&str]| {
        let output = house.run(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refusal(&["backup", "copy"]).contains("[not_found]"));
    assert!(refusal(&["restore", "copy"]).contains("copy is not a file"));
    assert!(!house.path("doorkey-data").exists());
    drop(house.serve());
    house.print(&["backup", "copy"]);
    assert!(refusal(&["backup", "copy"]).contains("never written over [conflict]"));
    assert!(refusal(&["restore", "copy"]).contains("never written over [conflict]"));
    let refused = refusal(&["restore", "doorkey.toml", "--data", "another"]);
    assert!(refused.contains("cannot restore doorkey.toml") && refused.contains("[invalid_input]"), "{refused}");
    assert!(!house.path("another/doorkey.db").exists());
}

#[test]
fn postgres_is_left_to_its_own_tools() {
    let house = House::on(&Postgres::shared().create_database());
    for (command, tool) in [("backup", "pg_dump"), ("restore", "pg_restore")] {
        let output = house.run(&[command, "copy"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        assert!(String::from_utf8(output.stderr).unwrap().contains(tool));
    }
    assert!(!house.path("copy").exists() && !house.path("doorkey-data").exists());
}
