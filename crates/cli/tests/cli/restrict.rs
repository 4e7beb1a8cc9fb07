//! What a key may do and what holds it back, from the command line.

use serde_json::Value;

use crate::house::House;

/// A house whose issuer has run once, with a limit of the operator's own.
fn begin() -> House {
    let house = House::new();
    let limits = "\n[[limits]]\nname = \"max_pictures\"\nmaximum = 100\n";
    let settings = std::fs::read_to_string(house.path("doorkey.toml")).unwrap() + limits;
    std::fs::write(house.path("doorkey.toml"), settings).unwrap();
    drop(house.serve());
    house
}

/// What a command on keys says as JSON; its words have a space between two, and '' is one without letters.
#[track_caller]
fn print(house: &House, line: &str) -> Value {
    let words = line.split(' ').map(|word| if word == "''" { "" } else { word });
    let arguments: Vec<_> = std::iter::once("keys").chain(words).chain(["--json"]).collect();
    serde_json::from_str(&house.print(&arguments)).unwrap()
}

/// Every member that is expected is so.
#[track_caller]
fn agrees(shown: &Value, expected: &Value) {
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[member], value, "{member}");
    }
}

/// Every flag of a restriction, and the member of the REST API that it sets.
#[test]
fn the_command_line_restricts_a_key_as_the_rest_api_does() {
    let house = begin();
    let print = |line: &str| print(&house, line);
    let created = print(
        "create --secret --live --name Backend --description Shop --metadata team=shop --scope pictures:read \
         --cidr 192.0.2.0/24 --cidr 2001:db8::1 --rate-limit 100/1m --monthly-quota 1000000 --limit \
         max_pictures=10 --shadow cidrs --shadow monthly_quota --expires-at 2127-01-31 --rotation-due-at \
         2126-01-31T12:00:00Z --protected",
    );
    let expected = serde_json::json!({
        "kind": "secret", "environment": "live", "name": "Backend", "description": "Shop",
        "metadata": { "team": "shop" }, "scopes": ["pictures:read"], "cidrs": ["192.0.2.0/24", "2001:db8::1/128"],
        "rate_limit": { "requests": 100, "period": 60 }, "monthly_quota": 1_000_000, "limits": { "max_pictures": 10 },
        "shadow": ["cidrs", "monthly_quota"], "expires_at": 4_957_027_200_u64, "rotation_due_at": 4_925_534_400_u64,
        "protected": true, "session_lifetime": null, "requires_grant": false, "workspaces": null,
    });
    agrees(&created, &expected);

    let id = created["id"].as_str().unwrap();
    // What is not named stays, and each list is the new one.
    let updated = print(&format!("update {id} --rate-limit 5/s --cidr 10.0.0.0/8 --shadow none"));
    agrees(
        &updated,
        &serde_json::json!({
            "rate_limit": { "requests": 5, "period": 1 }, "cidrs": ["10.0.0.0/8"], "shadow": [], "name": "Backend",
            "monthly_quota": 1_000_000, "limits": { "max_pictures": 10 }, "scopes": ["pictures:read"], "protected": true,
        }),
    );
    let bare = print(&format!(
        "update {id} --name '' --description '' --metadata none --scope none --cidr none --rate-limit none \
         --monthly-quota none --limit none --expires-at none --rotation-due-at none"
    ));
    agrees(
        &bare,
        &serde_json::json!({
            "name": null, "description": null, "metadata": {}, "scopes": [], "cidrs": [], "rate_limit": null,
            "monthly_quota": null, "limits": {}, "expires_at": null, "rotation_due_at": null,
        }),
    );
    let listed: Vec<Value> = serde_json::from_str(&house.print(&["keys", "list", "--json"])).unwrap();
    assert_eq!(listed.last(), Some(&bare), "what was said is what is stored");
}

#[test]
fn a_publishable_key_s_own_restrictions() {
    let house = begin();
    let print = |line: &str| print(&house, line);
    let publishable = print("create --publishable --scope none --session-lifetime 60 --requires-grant");
    agrees(&publishable, &serde_json::json!({ "scopes": [], "session_lifetime": 60, "requires_grant": true }));
    let id = publishable["id"].as_str().unwrap();
    let origin = "https://shop.example";
    let updated = print(&format!("update {id} --origin {origin} --session-lifetime none --requires-grant=false"));
    agrees(&updated, &serde_json::json!({ "origins": [origin], "session_lifetime": null, "requires_grant": false }));
    assert_eq!(print(&format!("update {id} --requires-grant"))["requires_grant"], true);
    assert_eq!(print(&format!("update {id} --requires-grant=none"))["requires_grant"], false);
}

#[test]
fn a_key_belongs_where_it_is_told() {
    let house = begin();
    let print = |line: &str| print(&house, line);
    let key = print("create --secret");
    let workspace = key["workspace"].as_str().unwrap();
    let organization = key["organization"].as_str().unwrap();
    let in_it = print(&format!("create --secret --workspace {workspace}"));
    assert_eq!(in_it["workspace"], workspace);
    let of_all = print(&format!("create --secret --organization {organization}"));
    agrees(&of_all, &serde_json::json!({ "workspace": null, "workspaces": null, "organization": organization }));
    let of_all_id = of_all["id"].as_str().unwrap();
    let told = print(&format!("create --secret --organization {organization} --for-workspace all"));
    assert_eq!(told["workspaces"], Value::Null);
    let of_one = print(&format!("update {of_all_id} --for-workspace {workspace}"));
    assert_eq!(of_one["workspaces"], serde_json::json!([workspace]));
    let of_all = print(&format!("update {of_all_id} --for-workspace all"));
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
