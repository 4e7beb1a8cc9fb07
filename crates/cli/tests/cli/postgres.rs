use doorkey_core::to_base64url;
use doorkey_servers::Postgres;
use serde_json::Value;

use crate::house::{House, PAGE, Server};

/// The public half of what an issuer signs with.
fn jwks(server: &Server) -> Value {
    server.send("GET", "/.well-known/jwks.json", PAGE, "").1
}

#[test]
fn issuers_side_by_side_are_one() {
    let house = House::on(&Postgres::shared().create_database());
    let serve = || {
        let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--public-url", "http://localhost:7700"];
        house.serve_with(house.doorkey(&arguments))
    };
    let servers = std::thread::scope(|scope| {
        let starts = [(); 3].map(|()| scope.spawn(serve));
        starts.map(|start| start.join().unwrap())
    });
    let firsts: Vec<_> = servers.iter().filter_map(|server| server.ready["publishable_key"].as_str()).collect();
    let [first] = firsts[..] else { panic!("{firsts:?} were printed") };
    let created = house.print(&["keys", "create", "--publishable"]);
    for server in &servers {
        assert_eq!(jwks(server), jwks(&servers[0]));
        assert_eq!((server.mint(first, PAGE).0, server.mint(&created, PAGE).0), (201, 201));
    }
    let keys: Vec<Value> = serde_json::from_str(&house.print(&["keys", "list", "--json"])).unwrap();
    assert_eq!(keys.len(), 3);
    house.print(&["keys", "revoke", keys[2]["id"].as_str().unwrap()]);
    for server in &servers {
        assert_eq!(server.mint(&created, PAGE).1["code"], "key_unknown");
    }
    assert!(!house.path("doorkey-data/doorkey.db").exists());
}

#[test]
fn a_database_that_went_away_is_said_to_be_and_comes_back() {
    let postgres = Postgres::start();
    let house = House::on(&postgres.create_database());
    let server = house.serve();
    let key = server.ready["publishable_key"].as_str().unwrap().to_owned();
    assert_eq!(server.mint(&key, PAGE).0, 201);
    for _ in 0..2 {
        postgres.stop();
        for _ in 0..3 {
            let (status, problem) = server.mint(&key, PAGE);
            assert_eq!((status, problem["code"].as_str()), (503, Some("store_unavailable")));
            assert_eq!(server.send("GET", "/readyz", PAGE, "").0, 503);
        }
        assert_eq!(server.send("GET", "/healthz", PAGE, "").0, 200);
        let output = house.run(&["keys", "create", "--secret"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("[store_unavailable]") && !text.contains("serve first"), "{text}");
        postgres.start_again();
        assert_eq!(server.send("GET", "/readyz", PAGE, "").0, 200);
        assert_eq!(server.mint(&key, PAGE).0, 201);
        house.print(&["keys", "create", "--secret"]);
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn issuers_on_one_database_share_the_master_key() {
    let database = Postgres::shared().create_database();
    let (first, second) = (House::on(&database), House::on(&database));
    let server = first.serve();
    let refused = |key: Option<&str>| {
        let mut command = second.doorkey(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(key.map(|key| ("DOORKEY_MASTER_KEY", key)));
        let output = command.output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(Some(&to_base64url(&[1; 32]))).contains("the master key is not the one"));
    assert!(refused(None).contains("master.key is missing: restore it, or set DOORKEY_MASTER_KEY"));
    assert!(!second.path("doorkey-data/master.key").exists());

    let key = std::fs::read_to_string(first.path("doorkey-data/master.key")).unwrap();
    let mut command = second.doorkey(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    command.env("DOORKEY_MASTER_KEY", key.trim());
    let other = second.serve_with(command);
    assert!(other.ready["secret_key"].is_null());
    assert_eq!(jwks(&other), jwks(&server));
}

#[test]
fn commands_make_nothing_in_an_empty_database() {
    let database = Postgres::shared().create_database();
    let house = House::on(&database);
    let output = house.run(&["keys", "list"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("run doorkey serve first, or name another one") && text.contains("[not_found]"), "{text}");
    assert!(!String::from_utf8(database.dump()).unwrap().contains("CREATE TABLE"));
}

#[test]
fn a_password_is_shown_nowhere() {
    let house = House::new();
    for url in [
        "postgres://doorkey:hunter2@%2Fnowhere/keys",
        "postgres://doorkey@%2Fnowhere/keys?password=hunter2",
        "postgres://doorkey:hunter2@%2Fnowhere/keys?pass=hunter2",
        "mysql://doorkey:hunter2@localhost/keys",
        "hunter2",
    ] {
        for arguments in [&["serve", "--log", "trace"][..], &["keys", "list"], &["backup", "copy"], &["--help"], &["x"]]
        {
            for by_flag in [true, false] {
                let mut command = house.doorkey(arguments);
                if by_flag {
                    command.args(["--database", url])
                } else {
                    command.env("DOORKEY_DATABASE", url)
                };
                let output = command.output().unwrap();
                let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
                assert!(!text.contains("hunter2"), "{url} {arguments:?}: {text}");
            }
        }
    }
}
