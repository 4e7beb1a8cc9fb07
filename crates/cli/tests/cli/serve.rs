use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::house::{House, PAGE};

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_first_start_makes_everything_and_a_second_nothing() {
    let house = House::new();
    let server = house.serve();
    assert_eq!(server.ready["data"], house.path("doorkey-data").canonicalize().unwrap().to_str().unwrap());
    let publishable = server.ready["publishable_key"].as_str().unwrap().to_owned();
    let secret = server.ready["secret_key"].as_str().unwrap().to_owned();
    assert_eq!(mode(&house.path("doorkey-data")), 0o700);
    assert_eq!(mode(&house.path("doorkey-data/master.key")), 0o600);
    assert_eq!(mode(&house.path("doorkey-data/doorkey.db")), 0o600);

    let (status, session) = server.mint(&publishable, PAGE);
    assert_eq!((status, &session["scopes"]), (201, &serde_json::json!(["pictures:read"])));
    let token = session["token"].as_str().unwrap().to_owned();
    let (status, problem) = server.mint(&secret, PAGE);
    assert_eq!((status, problem["code"].as_str()), (403, Some("secret_key_in_browser")));
    assert_eq!(server.send("GET", "/readyz", PAGE, "").0, 200);
    let listen = server.authority().replace("localhost", "127.0.0.1");
    assert_eq!(server.stop(), Some(0));

    let again = house.serve_with(house.doorkey(&["serve", "--json", "--listen", &listen]));
    assert_eq!((again.ready["publishable_key"].is_null(), again.ready["secret_key"].is_null()), (true, true));
    assert_eq!(again.mint(&publishable, PAGE).0, 201);
    assert!(house.print(&["keys", "list"]).contains("leaked"));
    drop(again);

    let log = house.log();
    assert!(log.contains("secret_key_in_browser") && log.contains("a secret key was sent from a web page"));
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    for credential in [&*publishable, &secret, &token] {
        assert!(!log.contains(credential) && !log.contains(credential.rsplit(['_', '.']).next().unwrap()));
    }
}

#[test]
fn a_person_is_shown_the_keys_once() {
    let house = House::new();
    let run = |more: &[&str]| {
        let mut command = house.doorkey(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(more).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut text = String::new();
        let mut stdout = child.stdout.take().unwrap();
        let mut byte = [0];
        while !text.ends_with("Ctrl-C stops it.\n") && stdout.read(&mut byte).unwrap() == 1 {
            text.push(char::from(byte[0]));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        text
    };
    let api = ["--audience", "http://localhost:3880", "--audience", "https://api.example.com"];
    let (first, second) = (run(&[]), run(&api));
    let url = first.lines().next().unwrap().strip_prefix("Doorkey runs at ").unwrap();
    assert!(first.contains(&format!("\nSessions are for {url}\n\nThat is the issuer itself")), "{first}");
    assert!(second.contains("\nSessions are for http://localhost:3880, https://api.example.com\n"), "{second}");
    assert!(!second.contains("the issuer itself"), "{second}");
    for (text, times) in [(first, 1), (second, 0)] {
        assert!(text.contains("Doorkey runs at http://localhost:"), "{text}");
        assert_eq!((text.matches("pk_test_").count(), text.matches("sk_test_").count()), (times, times), "{text}");
    }
}

#[test]
fn a_flag_comes_before_the_environment_and_that_before_the_file() {
    let house = House::new();
    let file = std::fs::read_to_string(house.path("doorkey.toml")).unwrap();
    let file = format!("public_url = \"https://file.example\"\naudiences = [\"https://file.example\"]\n{file}");
    std::fs::write(house.path("doorkey.toml"), file).unwrap();
    let issuer = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = house.doorkey(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        command.args(arguments).envs(variables.iter().copied());
        house.serve_with(command).url().to_owned()
    };
    assert_eq!(issuer(&[], &[]), "https://file.example");
    let variable = [
        ("DOORKEY_PUBLIC_URL", "https://variable.example/"),
        ("DOORKEY_AUDIENCES", "https://a.example,https://b.example"),
    ];
    assert_eq!(issuer(&[], &variable), "https://variable.example");
    assert_eq!(issuer(&["--public-url", "https://flag.example"], &variable), "https://flag.example");
}

#[test]
fn mistakes_in_the_settings_are_said_in_one_line() {
    let house = House::new();
    std::fs::write(house.path("doorkey.toml"), "brand = \"acme\"\ntoken_lifetime = 0\n").unwrap();
    let output = house.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with("error: doorkey.toml: line 2, token_lifetime: 1 to 600 seconds [invalid_input]\nhint: "),
        "{stderr}"
    );
    assert!(!house.path("doorkey-data").exists());
    assert_eq!(house.run(&["serve", "--listen", "nonsense"]).status.code(), Some(2));
    let missing = house.run(&["serve", "--config", "none.toml"]);
    assert!(String::from_utf8(missing.stderr).unwrap().starts_with("error: cannot read none.toml"));
    assert!(house.print(&["--version"]).starts_with("doorkey "));
}

#[test]
fn another_master_key_is_refused_with_a_clear_error() {
    let house = House::new();
    drop(house.serve());
    let refused = |house: &House, key: Option<&str>| {
        let mut command = house.doorkey(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(key.map(|key| ("DOORKEY_MASTER_KEY", key)));
        let output = command.output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        String::from_utf8(output.stderr).unwrap()
    };
    let other = doorkey_core::to_base64url(&[1; 32]);
    assert!(refused(&house, Some(&other)).contains("the master key is not the one"));
    assert!(refused(&house, Some("short")).contains("DOORKEY_MASTER_KEY is not base64url of 32 bytes"));

    let file = house.path("doorkey-data/master.key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refused(&house, None).contains("mode 640"));
    let key = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(refused(&house, None).contains("is missing: restore it"));
    assert!(!file.exists());

    let mut command = house.doorkey(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    command.env("DOORKEY_MASTER_KEY", key.trim());
    assert!(house.serve_with(command).ready["publishable_key"].is_null());
    assert!(!file.exists());
}

#[test]
fn a_request_that_has_begun_is_finished_after_the_signal() {
    let house = House::new();
    let mut server = house.serve();
    let body = server.mint_body(server.ready["publishable_key"].as_str().unwrap());
    let mut stream = server.connect();
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nhost: x\r\norigin: {PAGE}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body: by now the request has reached its handler.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.terminate();
    stream.write_all(body.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 201"), "{response}");
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

#[test]
fn two_first_starts_at_once_share_one_house() {
    let house = House::new();
    let (one, other) = std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(|| house.serve()), scope.spawn(|| house.serve()));
        (one.join().unwrap(), other.join().unwrap())
    });
    let firsts = [&one, &other].into_iter().filter(|server| !server.ready["secret_key"].is_null()).count();
    assert_eq!(firsts, 1);
    assert_eq!(
        one.send("GET", "/.well-known/jwks.json", PAGE, ""),
        other.send("GET", "/.well-known/jwks.json", PAGE, "")
    );
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let house = House::new();
    let server = house.serve();
    let taken = server.authority().replace("localhost", "127.0.0.1");
    let output = house.run(&["serve", "--listen", &taken]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&format!("error: cannot listen on {taken}")));
}
