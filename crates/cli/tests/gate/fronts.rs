//! What holds whatever stands in front: nginx, Caddy or the gate's own proxy.

use std::net::SocketAddr;
use std::time::Duration;

use doorkey_core::RequestTarget;
use doorkey_verifier::{Clock, SystemClock};
use serde_json::Value;

use crate::house::PAGE;
use crate::wire::{Answer, request, send, send_raw};
use crate::world::{World, echo, got};

/// Paths of which a server may make others than the next one.
const AMBIGUOUS: [&str; 7] =
    ["//a", "/a//b", "/public%2f..%2fadmin", "/a%2Fb", "/a;b=c", "/public/..;/admin", "/admin;x/users"];

/// A way to the service, and what differs between the ways.
pub(crate) struct Front<'a> {
    pub(crate) world: &'a World,
    pub(crate) address: SocketAddr,
    /// What the service hears of a signed body.
    pub(crate) signed_body: &'static str,
    /// What it hears of a DELETE without one, of which nothing is announced.
    pub(crate) silent_delete: &'static str,
    /// Whether the credential is taken off a signed URL.
    pub(crate) bares_urls: bool,
}

impl Front<'_> {
    fn get(&self, target: &str, headers: &str) -> Answer {
        send(self.address, request("GET", target, headers, ""))
    }

    #[track_caller]
    fn refused(&self, answer: &Answer, status: u16, code: &str) {
        assert_eq!(answer.refusal(), (status, code.to_owned()));
        assert_eq!(self.world.service.seen(), [] as [Value; 0]);
    }

    pub(crate) fn takes_every_credential_once(&self) {
        let world = self.world;
        let signed = request("GET", "/pictures?limit=1&x", &world.signed("GET", "/pictures?limit=1&x", ""), "");
        let answer = send(self.address, &signed);
        let seen = echo(&answer);
        assert_eq!((&seen["method"], &seen["target"]), (&"GET".into(), &"/pictures?limit=1&x".into()));
        assert_eq!(got(&seen, "doorkey-key-kind"), ["publishable"]);
        assert_eq!(got(&seen, "doorkey-origin"), [PAGE]);
        assert_eq!(got(&seen, "doorkey-scopes"), ["pictures:read"]);
        assert_eq!(got(&seen, "doorkey-environment"), ["test"]);
        assert_eq!(got(&seen, "doorkey-body"), ["none"]);
        assert_eq!(got(&seen, "doorkey-client-address"), ["127.0.0.1"]);
        assert_eq!(got(&seen, "x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(got(&seen, "host"), ["api.localhost"]);
        for name in ["doorkey-session-id", "doorkey-organization", "doorkey-workspace", "doorkey-request-id"] {
            assert!(got(&seen, name)[0].len() > 10, "{name}: {seen}");
        }
        for name in ["authorization", "signature", "signature-input"] {
            assert_eq!(got(&seen, name), [""; 0], "{name}");
        }
        // A page may read the answer.
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        assert!(answer.header("access-control-expose-headers").unwrap().contains("retry-after"));
        world.service.seen();
        self.refused(&send(self.address, &signed), 401, "replayed");

        let body = "a body";
        let answer = send(self.address, request("POST", "/pictures", &world.signed("POST", "/pictures", body), body));
        let seen = echo(&answer);
        assert_eq!((seen["body"].as_str(), got(&seen, "doorkey-body")), (Some(body), vec![self.signed_body]));

        let basic = base64(&format!("{}:", world.secret));
        let forms = [
            (world.bearer(), "unchecked"),
            (format!("authorization: Basic {basic}\r\n"), "unchecked"),
            (world.signed_by_key("POST", "/pictures", body), self.signed_body),
        ];
        for (headers, of_body) in forms {
            let typed = if headers.contains("content-type") { "" } else { "content-type: text/plain\r\n" };
            let seen = echo(&send(self.address, request("POST", "/pictures", &format!("{headers}{typed}"), body)));
            assert_eq!(got(&seen, "doorkey-key-id"), [world.secret_key_id()]);
            assert_eq!(got(&seen, "doorkey-subject"), [world.secret_key_id()]);
            assert_eq!((got(&seen, "doorkey-key-kind"), got(&seen, "doorkey-body")), (vec!["secret"], vec![of_body]));
            assert_eq!((seen["body"].as_str(), got(&seen, "authorization")), (Some(body), vec![]));
        }

        let url = world.signed_url("/pictures/1?size=2");
        let seen = echo(&self.get(&url, ""));
        let expected = if self.bares_urls { "/pictures/1?size=2" } else { &url };
        assert_eq!(seen["target"], expected);
        world.service.seen();
        self.refused(&self.get(&url, ""), 401, "replayed");
        self.refused(&self.get("/pictures", ""), 401, "credential_missing");
        self.refused(&self.get("/pictures", "authorization: Bearer nonsense\r\n"), 401, "credential_missing");
        let two = format!("{}signature-input: x\r\n{}", world.bearer(), world.signed_by_key("GET", "/pictures", ""));
        assert!(self.get("/pictures", &two).status >= 400);
        assert_eq!(world.service.seen(), [] as [Value; 0]);
    }

    /// The service sees the path that was verified, byte for byte, or nothing.
    pub(crate) fn hands_on_what_was_verified(&self) {
        let world = self.world;
        for target in ["/", "/%61dmin", "/zo%C3%AB", "/...", "/a?", "/a?b=%2e%2e/&c=d+e;//%2f"] {
            self.hands_on(target);
        }
        for target in ["/a/./b", "/a/../b", "/a/%2e%2e/b", "/a\\b", "/a b", "*", "api.localhost", "/a/%2E"] {
            let answer = self.get(target, &world.signed("GET", "/b", ""));
            assert!((400..500).contains(&answer.status), "{target}: {}", answer.status);
            assert_eq!(world.service.seen(), [] as [Value; 0], "{target}");
            // Caddy escapes some of them; then that is what gate and service see.
            let answer = self.get(target, &world.bearer());
            assert!(answer.status == 200 || (400..500).contains(&answer.status), "{target}: {}", answer.status);
            for seen in world.service.seen().iter().filter_map(|seen| seen["target"].as_str()) {
                assert!(RequestTarget::parse(seen).is_ok() && seen != target, "{target}: {seen}");
            }
        }
        // Another method than was signed, another host, another body.
        let answer = send(self.address, request("DELETE", "/pictures", &world.signed("GET", "/pictures", ""), ""));
        self.refused(&answer, 401, "signature_invalid");
        let other_query = self.get("/pictures?limit=2", &world.signed("GET", "/pictures?limit=1", ""));
        self.refused(&other_query, 401, "signature_invalid");
    }

    /// The same of a path that front and service may read differently.
    pub(crate) fn hands_on_what_has_two_readings(&self) {
        for target in AMBIGUOUS {
            self.hands_on(target);
        }
    }

    /// Where the front chooses by the path what is asked of a request, the path has one reading.
    pub(crate) fn refuses_what_has_two_readings(&self) {
        for target in AMBIGUOUS {
            let answer = self.get(target, &self.world.signed("GET", target, ""));
            self.refused(&answer, 400, "malformed_request");
            self.refused(&self.get(target, &self.world.bearer()), 400, "malformed_request");
        }
    }

    fn hands_on(&self, target: &str) {
        let world = self.world;
        let answer = self.get(target, &world.signed("GET", target, ""));
        let seen = echo(&answer);
        assert_eq!(seen["target"], target);
        assert_eq!(got(&seen, "doorkey-key-kind"), ["publishable"]);
        world.service.seen();
        // Signed for one, sent to another that a server may take for the same.
        for other in [format!("{target}/"), target.replace("%2f", "/"), target.replace("//", "/"), format!("/{target}")]
        {
            if other != target {
                let answer = self.get(&other, &world.signed("GET", target, ""));
                assert!((400..500).contains(&answer.status), "{target} as {other}: {}", answer.status);
                assert_eq!(world.service.seen(), [] as [Value; 0], "{target} as {other}");
            }
        }
    }

    /// What a client says in the name of a gate or a front changes nothing and reaches nobody.
    pub(crate) fn believes_no_client(&self) {
        let world = self.world;
        let pretences = [
            "Doorkey-Key-Id: key_1",
            "doorkey_key_id: key_1",
            "DOORKEY_SCOPES: everything",
            "Doorkey-Refusal: replayed;req_AAAAAAAAAAAAAAAA;0",
            "X-Original-URI: /allowed",
            "X_Original_URI: /allowed",
            "X-Original-Method: GET",
            "X-Forwarded-Uri: /allowed",
            "X_Forwarded_Uri: /allowed",
            "X-Forwarded-Method: GET",
            "X-Forwarded-Host: evil.example",
            "X-Forwarded-Proto: gopher",
            "X-Forwarded-For: 192.0.2.66",
            "X-Forwarded-Content-Length: 0",
            "X-Original-Content-Length: 0",
            "X-Original-Address: 192.0.2.66",
            "Forwarded: for=192.0.2.66",
            "X-Real-IP: 192.0.2.66",
            "X-Rewrite-URL: /allowed",
            "X-HTTP-Method-Override: DELETE",
        ];
        for pretence in pretences {
            // Without a credential of its own none of them gets anything through.
            let answer = self.get("/denied", &format!("{pretence}\r\n"));
            assert!((400..500).contains(&answer.status), "{pretence}: {}", answer.status);
            assert_eq!(world.service.seen(), [] as [Value; 0], "{pretence}");
            // Signed for another path it stays a request for this one.
            let answer = self.get("/denied", &format!("{pretence}\r\n{}", world.signed("GET", "/allowed", "")));
            assert!((400..500).contains(&answer.status), "{pretence}: {}", answer.status);
            assert_eq!(world.service.seen(), [] as [Value; 0], "{pretence}");
            // With one, it is refused or dropped.
            let answer = self.get("/denied", &format!("{pretence}\r\n{}", world.bearer()));
            if answer.status == 200 {
                let seen = echo(&answer);
                let (name, value) = pretence.split_once(": ").unwrap();
                let name = name.to_ascii_lowercase();
                assert!(!got(&seen, &name).contains(&value), "{pretence}: {seen}");
                assert_eq!(got(&seen, "doorkey-key-id"), [world.secret_key_id()]);
                assert_eq!(got(&seen, "doorkey-client-address"), ["127.0.0.1"]);
                assert_eq!(seen["target"], "/denied");
            } else {
                assert_eq!(answer.refusal(), (400, "malformed_request".to_owned()), "{pretence}");
            }
            world.service.seen();
        }
        // Named as headers for one hop they would be taken off on the way.
        let named = "connection: Doorkey-Key-Id, Doorkey-Body, X-Forwarded-Content-Length, X-Forwarded-Uri, Host\r\n";
        let answer = self.get("/denied", &format!("{named}{}", world.bearer()));
        if answer.status == 200 {
            let seen = echo(&answer);
            assert_eq!(got(&seen, "doorkey-key-id"), [world.secret_key_id()]);
            assert_eq!((got(&seen, "doorkey-body"), got(&seen, "host")), (vec!["unchecked"], vec!["api.localhost"]));
        } else {
            assert_eq!(answer.refusal(), (400, "malformed_request".to_owned()));
        }
        let signed = world.signed("GET", "/denied", "");
        let answer = send(self.address, request("GET", "/denied", &format!("{named}{signed}"), "surprise"));
        assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.body);
        assert!(world.service.seen().iter().all(|seen| seen["body"] != "surprise"));
    }

    /// Of two requests in one, or of one that is framed in two ways, nothing gets through that nobody decided about.
    pub(crate) fn cannot_be_smuggled_past(&self) {
        let world = self.world;
        let smuggled = "GET /smuggled HTTP/1.1\r\nhost: api.localhost\r\n\r\n";
        let head =
            |headers: &str| format!("POST /seen HTTP/1.1\r\nhost: api.localhost\r\n{}{headers}\r\n", world.bearer());
        let length = smuggled.len() + 5;
        let attempts = [
            head(&format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n")) + "0\r\n\r\n" + smuggled,
            head(&format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n")) + "0\r\n\r\n" + smuggled,
            head("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n") + "0\r\n\r\n" + smuggled,
            head("transfer-encoding: xchunked\r\n") + "0\r\n\r\n" + smuggled,
            head("transfer-encoding : chunked\r\n") + "0\r\n\r\n" + smuggled,
            head("transfer-encoding:\tchunked\r\ncontent-length: 3\r\n") + "0\r\n\r\n" + smuggled,
            head(&format!("content-length: 0\r\ncontent-length: {}\r\n", smuggled.len())) + smuggled,
            head("content-length: 0, 5\r\n") + smuggled,
            head("content-length: +0\r\n") + smuggled,
            head("content_length: 5\r\ncontent-length: 0\r\n") + smuggled,
            head("content-length: 0\r\nx: y\rGET /smuggled HTTP/1.1\r\n") + smuggled,
            head("content-length: 0\r\nx: y\nGET: /smuggled\r\n") + smuggled,
            head(
                "content-length: 0\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
            ) + smuggled,
            head("content-length: 0\r\nexpect: 100-continue\r\n") + smuggled,
            format!("GET http://evil.example/seen HTTP/1.1\r\nhost: api.localhost\r\n{}\r\n", world.bearer())
                + smuggled,
            format!("GET /seen HTTP/1.1\r\nhost: api.localhost\r\nhost: evil.example\r\n{}\r\n", world.bearer())
                + smuggled,
            format!(
                "GET /seen HTTP/1.0\r\nhost: api.localhost\r\ntransfer-encoding: chunked\r\n{}\r\n0\r\n\r\n",
                world.bearer()
            ) + smuggled,
            format!("CONNECT api.localhost:80 HTTP/1.1\r\nhost: api.localhost\r\n{}\r\n", world.bearer()) + smuggled,
            format!("GET /seen#/smuggled HTTP/1.1\r\nhost: api.localhost\r\n{}\r\n", world.bearer()) + smuggled,
        ];
        for attempt in attempts {
            // Ends the connection wherever it stands by then.
            let last = "GET /last HTTP/1.1\r\nhost: api.localhost\r\nconnection: close\r\n\r\n";
            let answer = send_raw(self.address, attempt.clone() + last);
            assert!(!answer.is_empty(), "{attempt:?}");
            for seen in world.service.seen() {
                let target = seen["target"].as_str().or(seen["hungUp"].as_str()).unwrap();
                assert!(target.starts_with("/seen"), "{attempt:?}: {seen}");
                assert!(seen["upgrade"].is_null(), "{attempt:?}: {seen}");
            }
        }
    }

    /// A body that the proof does not know of does not get through, however it is announced.
    pub(crate) fn lets_no_unsigned_body_through(&self) {
        let world = self.world;
        let signed = || world.signed("POST", "/pictures", "");
        self.refused(
            &send(self.address, request("POST", "/pictures", &signed(), "surprise")),
            401,
            "components_incomplete",
        );
        let chunked = format!("{}transfer-encoding: chunked\r\n", signed());
        let answer = send(self.address, request("POST", "/pictures", &chunked, "") + "8\r\nsurprise\r\n0\r\n\r\n");
        self.refused(&answer, 401, "components_incomplete");
        // A method that goes without one may have one all the same.
        let chunked = format!("{}transfer-encoding: chunked\r\n", world.signed("GET", "/pictures", ""));
        let answer = send(self.address, request("GET", "/pictures", &chunked, "") + "8\r\nsurprise\r\n0\r\n\r\n");
        assert!(answer.status >= 400, "{} {}", answer.status, answer.body);
        assert!(world.service.seen().iter().all(|seen| seen["target"].is_null()));
        // And none is none.
        let answer =
            send(self.address, request("POST", "/pictures", &format!("{}content-length: 0\r\n", signed()), ""));
        assert_eq!(got(&echo(&answer), "doorkey-body"), ["none"]);
        // Browsers do not say it of DELETE.
        let answer = send(self.address, request("DELETE", "/pictures", &world.signed("DELETE", "/pictures", ""), ""));
        assert_eq!(got(&echo(&answer), "doorkey-body"), [self.silent_delete]);
        world.service.seen();
        let chunked = format!("{}transfer-encoding: chunked\r\n", world.signed("DELETE", "/pictures", ""));
        let answer = send(self.address, request("DELETE", "/pictures", &chunked, "") + "8\r\nsurprise\r\n0\r\n\r\n");
        if self.silent_delete == "none" {
            self.refused(&answer, 401, "components_incomplete");
        } else {
            // Whoever cannot tell whether one comes says so.
            assert_eq!(got(&echo(&answer), "doorkey-body"), ["unchecked"]);
            world.service.seen();
        }
    }

    /// However the client has spelled it.
    pub(crate) fn says_the_audience_as_host(&self) {
        let request = request("GET", "/pictures", &self.world.bearer(), "");
        let seen = echo(&send(self.address, request.replace("host: api.localhost", "host: API.localhost:80")));
        assert_eq!([got(&seen, "host"), got(&seen, "x-forwarded-host")], [["api.localhost"]; 2]);
        self.world.service.seen();
    }

    pub(crate) fn answers_pages(&self) {
        let world = self.world;
        let preflight = |origin: &str| {
            let headers = format!(
                "origin: {origin}\r\naccess-control-request-method: PUT\r\naccess-control-request-headers: authorization,signature\r\n"
            );
            send(self.address, request("OPTIONS", "/pictures", &headers, ""))
        };
        let answer = preflight(PAGE);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(PAGE)));
        assert_eq!(answer.header("access-control-allow-methods"), Some("PUT"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,signature"));
        assert_eq!(answer.header("access-control-max-age"), Some("7200"));
        assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), None);
        assert_eq!(world.service.seen(), [] as [Value; 0]);

        // A page reads why it was refused.
        let answer = self.get("/pictures", &format!("origin: {PAGE}\r\n"));
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        self.refused(&answer, 401, "credential_missing");
        // OPTIONS that is no preflight needs a credential as anything else does.
        self.refused(&send(self.address, request("OPTIONS", "/pictures", "", "")), 401, "credential_missing");
        let half = format!("origin: {PAGE}\r\n");
        self.refused(&send(self.address, request("OPTIONS", "/pictures", &half, "")), 401, "credential_missing");
        let answer = send(self.address, request("OPTIONS", "/pictures", &world.bearer(), ""));
        assert_eq!(echo(&answer)["method"], "OPTIONS");
        world.service.seen();
    }

    /// The issuer is away: soon nobody knows which keys are revoked, and nobody gets through.
    pub(crate) fn fails_closed(&self) {
        let since = SystemClock.monotonic();
        let refused = loop {
            let answer = self.get("/pictures", &self.world.bearer());
            if answer.status != 200 {
                break answer;
            }
            assert!(SystemClock.monotonic() < since + Duration::from_secs(20), "it goes on for ever");
        };
        assert_eq!(refused.refusal(), (503, "directory_stale".to_owned()));
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(refused.header("cache-control"), Some("no-store"));
        assert_eq!(refused.json()["request_id"].as_str(), refused.header("x-request-id"));
    }
}

/// Base64 with padding, as Basic wants it.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let symbol = |bits: u32| char::from(ALPHABET[(bits & 63) as usize]);
    let groups = text.as_bytes().chunks(3).map(|group| {
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        let four = [18, 12, 6, 0].map(|shift| symbol(bits >> shift));
        four.into_iter().take(group.len() + 1).chain("==".chars().take(3 - group.len())).collect::<String>()
    });
    groups.collect()
}
