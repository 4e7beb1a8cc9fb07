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

/// Every flag of a restriction, and the member of the REST API that it sets.
#[test]
fn the_command_line_restricts_a_key_as_the_rest_api_does() {
    let house = House::new();
    let limits = "\n[[limits]]\nname = \"max_pictures\"\nmaximum = 100\n";
    let settings = std::fs::read_to_string(house.path("doorkey.toml")).unwrap() + limits;
    std::fs::write(house.path("doorkey.toml"), settings).unwrap();
    drop(house.serve());
    let print = |arguments: &[&str]| -> Value {
        serde_json::from_str(&house.print(&[&["keys"], arguments, &["--json"]].concat())).unwrap()
    };
    let created = print(&[
        "create",
        "--secret",
        "--live",
        "--name",
        "Backend",
        "--description",
        "The shop's",
        "--metadata",
        "team=shop",
        "--scope",
        "pictures:read",
        "--cidr",
        "192.0.2.0/24",
        "--cidr",
        "2001:db8::1",
        "--rate-limit",
        "100/1m",
        "--monthly-quota",
        "1000000",
        "--limit",
        "max_pictures=10",
        "--shadow",
        "cidrs",
        "--shadow",
        "monthly_quota",
        "--expires-at",
        "2127-01-31",
        "--rotation-due-at",
        "2126-01-31T12:00:00Z",
        "--protected",
    ]);
    let expected = serde_json::json!({
        "kind": "secret", "environment": "live", "name": "Backend", "description": "The shop's",
        "metadata": { "team": "shop" }, "scopes": ["pictures:read"], "cidrs": ["192.0.2.0/24", "2001:db8::1/128"],
        "rate_limit": { "requests": 100, "period": 60 }, "monthly_quota": 1_000_000, "limits": { "max_pictures": 10 },
        "shadow": ["cidrs", "monthly_quota"], "expires_at": 4_957_027_200_u64, "rotation_due_at": 4_925_534_400_u64,
        "protected": true, "session_lifetime": null, "requires_grant": false, "workspaces": null,
    });
    let agrees = |shown: &Value, expected: &Value| {
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&shown[member], value, "{member}");
        }
    };
    agrees(&created, &expected);

    let id = created["id"].as_str().unwrap();
    // What is not named stays, and each list is the new one.
    let updated = print(&["update", id, "--rate-limit", "5/s", "--cidr", "10.0.0.0/8", "--shadow", "none"]);
    agrees(
        &updated,
        &serde_json::json!({
            "rate_limit": { "requests": 5, "period": 1 }, "cidrs": ["10.0.0.0/8"], "shadow": [], "name": "Backend",
            "monthly_quota": 1_000_000, "limits": { "max_pictures": 10 }, "scopes": ["pictures:read"], "protected": true,
        }),
    );
    let bare = print(&[
        "update",
        id,
        "--name",
        "",
        "--description",
        "",
        "--metadata",
        "none",
        "--scope",
        "none",
        "--cidr",
        "none",
        "--rate-limit",
        "none",
        "--monthly-quota",
        "none",
        "--limit",
        "none",
        "--expires-at",
        "none",
        "--rotation-due-at",
        "none",
    ]);
    agrees(
        &bare,
        &serde_json::json!({
            "name": null, "description": null, "metadata": {}, "scopes": [], "cidrs": [], "rate_limit": null,
            "monthly_quota": null, "limits": {}, "expires_at": null, "rotation_due_at": null,
        }),
    );
    let listed: Vec<Value> = serde_json::from_str(&house.print(&["keys", "list", "--json"])).unwrap();
    assert_eq!(listed.last(), Some(&bare), "what was said is what is stored");

    let publishable =
        print(&["create", "--publishable", "--scope", "none", "--session-lifetime", "60", "--requires-grant"]);
    agrees(&publishable, &serde_json::json!({ "scopes": [], "session_lifetime": 60, "requires_grant": true }));
    let id = publishable["id"].as_str().unwrap();
    let origin = "https://shop.example";
    let updated = print(&["update", id, "--origin", origin, "--session-lifetime", "none", "--requires-grant=false"]);
    agrees(&updated, &serde_json::json!({ "origins": [origin], "session_lifetime": null, "requires_grant": false }));

    let workspace = created["workspace"].as_str().unwrap();
    let organization = created["organization"].as_str().unwrap();
    let in_it = print(&["create", "--secret", "--workspace", workspace]);
    assert_eq!(in_it["workspace"], workspace);
    let of_all = print(&["create", "--secret", "--organization", organization]);
    agrees(&of_all, &serde_json::json!({ "workspace": null, "workspaces": null, "organization": organization }));
    let of_one = print(&["update", of_all["id"].as_str().unwrap(), "--for-workspace", workspace]);
    assert_eq!(of_one["workspaces"], serde_json::json!([workspace]));
    let of_all = print(&["update", of_all["id"].as_str().unwrap(), "--for-workspace", "all"]);
    assert_eq!(of_all["workspaces"], Value::Null);
}

#[test]
fn help_is_in_the_order_of_need_and_ends_with_an_example() {
    let house = House::new();
    for command in ["create", "update"] {
        let help = house.print(&["keys", command, "--help"]);
        let places = [
            "--name",
            "What it may do:",
            "What holds it back:",
            "What is written down of it:",
            "Whose it is:",
            "Where things are:",
        ]
        .map(|heading| help.find(heading).unwrap_or_else(|| panic!("{heading}: {help}")));
        assert!(places.is_sorted(), "{help}");
        assert!(help.lines().last().unwrap().trim().starts_with(&format!("doorkey keys {command} ")), "{help}");
    }
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
