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
        &["keys", "usage", "nonsense"],
        &["serve", "--listen", "localhost:0"],
        &["nonsense"],
    ] {
        assert_eq!(refusal(arguments).0, 2, "{arguments:?}");
    }
}

/// What is senseless before anything is looked up, and what is said of it.
#[test]
fn a_wrong_command_line_says_what_is_wrong() {
    let house = House::new();
    let id = "key_01h455vb4pex5vsknk084sn02q";
    let update = |more: &[&'static str]| [&["keys", "update", id], more].concat();
    let create = |more: &[&'static str]| [&["keys", "create", "--secret"], more].concat();
    for (arguments, expected) in [
        (update(&[]), "say what shall change"),
        (update(&["--cidr", "none", "--cidr", "10.0.0.0/8"]), "--cidr names values, and also"),
        (update(&["--metadata", "a=1", "--metadata", "a=2"]), "--metadata names a twice"),
        (create(&["--limit", "n=1", "--limit", "n=1"]), "--limit names n twice"),
        (create(&["--expires-at", "2020-01-31"]), "that lies in the past"),
        (create(&["--expires-at", "-90d"]), "a time from now, as 90d"),
        (create(&["--monthly-quota", "-1"]), "a whole number of requests from 0 to"),
        (create(&["--rate-limit", "-1/1m"]), "requests per time, as 100/1m: 1 to"),
        (create(&["--rate-limit", "0/1m"]), "0 requests would be none at all"),
        (create(&["--session-lifetime", "0"]), "1 to 600 seconds"),
        (create(&["--requires-grant=maybe"]), "true, or false or none"),
        (create(&["--cidr", "::ffff:0:0/90"]), "write it as IPv4"),
        (create(&["--origin", "https://a.example/"]), "an origin has no path, and no slash at its end"),
        (create(&["--origin", "https://b\u{fc}cher.example"]), "punycode"),
        (vec!["serve", "--listen", "localhost:0"], "as 127.0.0.1:7700"),
        (vec!["gate", "--listen", "localhost:0"], "as 127.0.0.1:7700"),
    ] {
        let output = house.run(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(output.stdout.is_empty() && text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn a_key_in_the_place_of_its_id_is_not_shown() {
    let house = House::new();
    drop(house.serve());
    let secret = house.print(&["keys", "create", "--secret"]);
    let credential = house.print(&["verifiers", "add", "Gate"]);
    for (arguments, list) in [
        (&["keys", "revoke", &secret][..], "keys"),
        (&["keys", "update", &secret, "--name", "A"], "keys"),
        (&["keys", "usage", &secret], "keys"),
        (&["verifiers", "revoke", &credential], "verifiers"),
    ] {
        let output = house.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{text}");
        assert!(text.contains(&format!("its id is in `doorkey {list} list`")), "{text}");
        assert!(!text.contains("sk_") && !text.contains("vk_"), "{text}");
    }
}

#[test]
fn a_list_says_what_is_protected_and_until_when() {
    let house = House::new();
    drop(house.serve());
    house.print(&["keys", "create", "--secret", "--protected", "--expires-at", "2127-01-31"]);
    let table = house.print(&["keys", "list"]);
    let (head, last) = (table.lines().next().unwrap(), table.lines().last().unwrap());
    let cell = |name: &str| last[head.find(name).unwrap()..].split_whitespace().next().unwrap();
    assert_eq!((cell("PROTECTED"), cell("EXPIRES")), ("yes", "2127-01-31T00:00:00Z"), "{table}");
    assert_eq!(house.print(&["keys", "list", "--json"]).lines().count(), 1);
}

#[test]
fn a_full_workspace_says_what_to_do() {
    let house = House::new();
    let settings = std::fs::read_to_string(house.path("doorkey.toml")).unwrap();
    std::fs::write(house.path("doorkey.toml"), format!("[keys]\nper_workspace = 2\n\n{settings}")).unwrap();
    drop(house.serve());
    let output = house.run(&["keys", "create", "--secret"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("has 2 active keys already: revoke one") && text.contains("per_workspace"), "{text}");
}

#[test]
fn a_key_s_uses_of_this_month_are_shown() {
    let house = House::new();
    let server = house.serve();
    let origin = "https://shop.example";
    let create = ["keys", "create", "--publishable", "--live", "--origin", origin, "--shadow", "origins"];
    let key = house.print(&create);
    let id = PublishableKey::parse(&key).unwrap().id().to_string();
    for from in [origin, "https://elsewhere.example"] {
        assert_eq!(server.mint(&key, from).0, 201);
    }
    // What is noted in memory is written when the issuer stops.
    assert_eq!(server.stop(), Some(0));
    let usage: Value = serde_json::from_str(&house.print(&["keys", "usage", &id, "--json"])).unwrap();
    assert_eq!(usage["key"], id);
    assert_eq!(
        usage["totals"],
        serde_json::json!({
            "accepted": 0, "refused": {}, "shadowed": { "origins": 1 }, "minted": 2, "mints_refused": {}
        })
    );
    let since = usage["since"].as_u64().unwrap();
    assert!(since.is_multiple_of(86_400) && since <= usage["until"].as_u64().unwrap());
    let table = house.print(&["keys", "usage", &id]);
    let row = table.lines().find(|line| line.starts_with("would be refused, in shadow")).unwrap();
    assert_eq!(row.split_whitespace().rev().take(2).collect::<Vec<_>>(), ["1", "origins"]);
    let unknown = house.run(&["keys", "usage", "key_01h455vb4pex5vsknk084sn02q"]);
    assert_eq!(unknown.status.code(), Some(1));
}
