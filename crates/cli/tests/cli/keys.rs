use doorkey_core::{PublishableKey, SecretKey};
use serde_json::Value;

use crate::house::{House, PAGE};

#[test]
fn keys_are_made_used_and_revoked_while_the_issuer_runs() {
    let house = House::new();
    let server = house.serve();
    let key = house.print(&[
        "keys",
        "create",
        "--publishable",
        "--live",
        "--origin",
        "https://*.shop.example",
        "--session-lifetime",
        "2",
    ]);
    assert_eq!(PublishableKey::parse(&key).unwrap().issuer().as_str(), server.url());
    let (status, session) = server.mint(&key, "https://eu.shop.example");
    assert_eq!(status, 201);
    let lifetime = session["expires_at"].as_f64().unwrap() - session["server_time"].as_f64().unwrap();
    assert!((1.0..=2.0).contains(&lifetime), "{lifetime}");
    let (status, problem) = server.mint(&key, PAGE);
    assert_eq!((status, problem["code"].as_str()), (403, Some("origin_not_allowed")));

    let id = PublishableKey::parse(&key).unwrap().id().to_string();
    for _ in 0..2 {
        let output = house.run(&["keys", "revoke", &id]);
        assert!(output.status.success() && output.stdout.is_empty());
        let (status, problem) = server.mint(&key, "https://eu.shop.example");
        assert_eq!((status, problem["code"].as_str()), (401, Some("key_unknown")));
    }
}

#[test]
fn the_forms_of_output_agree() {
    let house = House::new();
    drop(house.serve());
    let secret = house.print(&["keys", "create", "--secret", "--live", "--name", "Backend"]);
    let secret_key = SecretKey::parse(&secret).unwrap();
    let created: Value =
        serde_json::from_str(&house.print(&["keys", "create", "--publishable", "--no-scopes", "--json"])).unwrap();
    assert_eq!((&created["scopes"], &created["environment"]), (&serde_json::json!([]), &"test".into()));

    let table = house.print(&["keys", "list"]);
    assert_eq!(table.lines().count(), 5);
    assert!(table.starts_with("ID "));
    assert!(table.contains(&secret_key.to_masked()) && !table.contains(&secret));
    assert!(table.contains(created["key"].as_str().unwrap()));
    let list: Vec<Value> = serde_json::from_str(&house.print(&["keys", "list", "--json"])).unwrap();
    assert_eq!(list[3], created);
    assert_eq!(list[2]["key"], secret_key.to_masked());
    assert_eq!((&list[2]["name"], &list[2]["id"]), (&"Backend".into(), &secret_key.id().to_string().into()));
}

#[test]
fn a_refusal_is_one_line_with_its_code_and_a_hint() {
    let house = House::new();
    let refusal = |arguments: &[&str]| {
        let output = house.run(arguments);
        assert!(output.stdout.is_empty());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = refusal(&["keys", "create", "--secret"]);
    assert!(
        code == 1 && text.contains("run doorkey serve first") && text.contains("[not_found]\nhint: Check the path"),
        "{text}"
    );
    assert!(!house.path("doorkey-data").exists());

    let server = house.serve();
    let secret = SecretKey::parse(server.ready["secret_key"].as_str().unwrap()).unwrap().id().to_string();
    for (arguments, expected) in [
        (vec!["create", "--publishable", "--live"], "[invalid_input]"),
        (vec!["create", "--publishable", "--scope", "pictures:delete"], "[invalid_input]"),
        (vec!["create", "--secret", "--scope", "pictures:paint"], "pictures:paint is not in the catalogue"),
        (vec!["create", "--secret", "--origin", "https://a.example"], "[invalid_input]"),
        (vec!["create", "--publishable", "--cidr", "10.0.0.0/8"], "cidrs: a publishable key has none"),
        (vec!["create", "--secret", "--cidr", "10.1.2.3/8"], "cidrs: a network's address ends in zeros"),
        (vec!["create", "--secret", "--limit", "max_pictures=1"], "limits: the catalogue has no limit of this name"),
        (vec!["update", "key_01h455vb4pex5vsknk084sn02q", "--name", "A"], "[not_found]"),
        (vec!["update", &secret, "--session-lifetime", "60"], "session_lifetime: a secret key has no sessions"),
        (vec!["revoke", "key_01h455vb4pex5vsknk084sn02q"], "[not_found]"),
        (vec!["revoke", &secret], "[last_key]"),
    ] {
        let (code, text) = refusal(&[&["keys"], &arguments[..]].concat());
        assert_eq!(code, 1, "{text}");
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{text}");
        assert!(lines[0].contains(expected), "{text}");
    }
    let unchanged = refusal(&["keys", "update", &secret]);
    assert!(unchanged.0 == 1 && unchanged.1.contains("say what shall change"), "{unchanged:?}");
    let both = refusal(&["keys", "update", &secret, "--cidr", "none", "--cidr", "10.0.0.0/8"]);
    assert!(both.0 == 1 && both.1.contains("--cidr names values"), "{both:?}");
    for arguments in [
        &["keys", "create"][..],
        &["keys", "create", "--publishable", "--secret"],
        &["keys", "create", "--secret", "--live", "--test"],
        &["keys", "create", "--secret", "--scope", "pictures:read", "--no-scopes"],
        &["keys", "create", "--publishable", "--origin", "nonsense"],
        &["keys", "create", "--secret", "--rate-limit", "100"],
        &["keys", "create", "--secret", "--cidr", "office"],
        &["keys", "create", "--secret", "--shadow", "scopes"],
        &["keys", "create", "--secret", "--expires-at", "soon"],
        &["keys", "create", "--secret", "--for-workspace", "wsp_01h455vb4pex5vsknk084sn02q"],
        &["keys", "update", "nonsense", "--name", "A"],
        &["keys", "revoke", "nonsense"],
        &["nonsense"],
    ] {
        assert_eq!(refusal(arguments).0, 2, "{arguments:?}");
    }
}
