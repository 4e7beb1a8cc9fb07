use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Front, Original};
use crate::decision::AnnouncedBody;

const NGINX: [(&str, &str); 6] = [
    ("x-original-method", "POST"),
    ("x-original-uri", "/pictures?limit=1"),
    ("x-original-host", "api.example.com"),
    ("x-original-scheme", "https"),
    ("x-original-address", "198.51.100.7"),
    ("x-original-protocol", "HTTP/1.1"),
];
const CADDY: [(&str, &str); 5] = [
    ("x-forwarded-method", "GET"),
    ("x-forwarded-uri", "/pictures"),
    ("x-forwarded-host", "api.example.com"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-for", "198.51.100.7"),
];

fn map<'a>(headers: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut headers_ = HeaderMap::new();
    for (name, value) in headers.into_iter().map(pair) {
        headers_.append(name, value);
    }
    headers_
}

#[test]
fn a_front_says_everything_once() {
    for (front, words) in [(Front::Nginx, &NGINX[..5]), (Front::Forwarding, &CADDY)] {
        assert!(Original::read(front, true, map(words)).is_ok());
        for missing in 0..words.len() {
            let mut fewer = words.to_vec();
            let (name, value) = fewer.remove(missing);
            assert!(Original::read(front, true, map(&fewer)).is_err(), "without {name}");
            let twice: Vec<_> = words.iter().copied().chain([(name, value)]).collect();
            assert!(Original::read(front, true, map(&twice)).is_err(), "{name} twice");
            let empty: Vec<_> = fewer.iter().copied().chain([(name, "")]).collect();
            assert!(Original::read(front, true, map(&empty)).is_err(), "{name} empty");
        }
    }
}

#[test]
fn what_a_client_adds_is_refused_or_nothing() {
    let read = |front, words: &[(&str, &str)], more: (&str, &str)| {
        Original::read(front, true, map(words.iter().chain([&more])))
    };
    for name in
        ["x-original-uri", "X-Original-Method", "x_original_uri", "X_Forwarded_Uri", "Doorkey-Key-Id", "doorkey_key_id"]
    {
        assert!(read(Front::Forwarding, &CADDY, (name, "/")).is_err(), "{name}");
    }
    for name in ["x-forwarded-uri", "X-Forwarded-Method", "x_forwarded_for", "X_Original_Uri", "DOORKEY_SCOPES"] {
        assert!(read(Front::Nginx, &NGINX, (name, "/")).is_err(), "{name}");
    }
    let original = read(Front::Nginx, &NGINX, ("x-forwarded-host", "evil.example")).unwrap();
    assert_eq!((original.host.as_str(), original.target.as_str()), ("api.example.com", "/pictures?limit=1"));
    for (front, words) in [(Front::Nginx, &NGINX[..]), (Front::Forwarding, &CADDY)] {
        let original = read(front, words, ("forwarded", "for=192.0.2.66")).unwrap();
        assert!(!original.headers.contains_key("forwarded"));
    }
}

#[test]
fn who_asked_the_front_is_told_apart_from_what_that_one_said() {
    let read = |front, words: &[(&str, &str)]| {
        let original = Original::read(front, true, map(words)).ok()?;
        let before: Vec<_> =
            original.headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap().to_owned()).collect();
        Some((original.peer.to_string(), before))
    };
    let nginx: Vec<_> = NGINX.iter().copied().chain([("x-forwarded-for", "192.0.2.66")]).collect();
    assert_eq!(read(Front::Nginx, &nginx), Some(("198.51.100.7".into(), vec!["192.0.2.66".into()])));
    for (told, expected) in [
        ("198.51.100.7", Some(("198.51.100.7", vec![]))),
        ("192.0.2.66, 198.51.100.7", Some(("198.51.100.7", vec!["192.0.2.66"]))),
        ("192.0.2.66,10.0.0.1,[2001:db8::1]:80", Some(("2001:db8::1", vec!["192.0.2.66,10.0.0.1"]))),
        ("unix:", None),
        ("198.51.100.7,", None),
    ] {
        let words: Vec<_> = CADDY[..4].iter().copied().chain([("x-forwarded-for", told)]).collect();
        let expected =
            expected.map(|(peer, before)| (peer.to_owned(), before.into_iter().map(str::to_owned).collect()));
        assert_eq!(read(Front::Forwarding, &words), expected, "{told}");
    }
}

#[test]
fn a_scheme_is_one_of_two() {
    for (scheme, expected) in [
        ("https", Some(true)),
        ("wss", Some(true)),
        ("http", Some(false)),
        ("ws", Some(false)),
        ("HTTPS", None),
        ("https, http", None),
    ] {
        let words: Vec<_> = CADDY
            .iter()
            .map(|&(name, value)| (name, if name == "x-forwarded-proto" { scheme } else { value }))
            .collect();
        assert_eq!(
            Original::read(Front::Forwarding, true, map(&words)).ok().map(|original| original.is_secure),
            expected,
            "{scheme}"
        );
    }
}

#[test]
fn a_body_is_announced_or_unknown() {
    let body = |method: &str, more: &[(&str, &str)]| {
        let words = NGINX[1..5].iter().copied().chain([("x-original-method", method)]);
        let words: Vec<_> = words.chain(more.iter().copied()).collect();
        Original::read(Front::Nginx, true, map(&words)).ok().map(|original| original.body)
    };
    let length = |length| ("x-original-content-length", length);
    let encoding = |encoding| ("x-original-transfer-encoding", encoding);
    let protocol = |protocol| ("x-original-protocol", protocol);
    for (method, more, expected) in [
        ("POST", &[length("5")][..], Some(AnnouncedBody::Length(5))),
        ("GET", &[length("5"), encoding("")], Some(AnnouncedBody::Length(5))),
        ("POST", &[length("0"), protocol("HTTP/2.0")], Some(AnnouncedBody::Length(0))),
        ("GET", &[encoding("chunked"), protocol("HTTP/1.1")], Some(AnnouncedBody::Unbounded)),
        ("POST", &[encoding("gzip, chunked")], Some(AnnouncedBody::Unbounded)),
        ("POST", &[protocol("HTTP/1.1")], Some(AnnouncedBody::Length(0))),
        ("POST", &[protocol("HTTP/2.0")], Some(AnnouncedBody::Unknown)),
        ("POST", &[], Some(AnnouncedBody::Unknown)),
        ("PURGE", &[], Some(AnnouncedBody::Unknown)),
        ("GET", &[protocol("HTTP/2.0")], Some(AnnouncedBody::Length(0))),
        ("DELETE", &[protocol("HTTP/1.1")], Some(AnnouncedBody::Length(0))),
        ("DELETE", &[length("0"), protocol("HTTP/2.0")], Some(AnnouncedBody::Length(0))),
        ("DELETE", &[protocol("HTTP/2.0")], Some(AnnouncedBody::Unlikely)),
        ("DELETE", &[], Some(AnnouncedBody::Unlikely)),
        ("DELETE", &[length("5")], Some(AnnouncedBody::Length(5))),
        ("DELETE", &[encoding("chunked")], Some(AnnouncedBody::Unbounded)),
        ("POST", &[length("5"), encoding("chunked")], None),
        ("POST", &[length("+5")], None),
        ("POST", &[length("5, 5")], None),
        ("POST", &[length("99999999999999999999")], None),
        ("PO ST", &[], None),
    ] {
        assert_eq!(body(method, more), expected, "{method} {more:?}");
    }
}

#[test]
fn who_does_not_tell_of_bodies_is_not_asked() {
    // All of these a client can say.
    let said = [
        ("x-forwarded-content-length", "0"),
        ("x-forwarded-protocol", "HTTP/1.1"),
        ("content-length", "0"),
        ("x-forwarded-transfer-encoding", ""),
    ];
    for (method, expected) in [
        ("GET", AnnouncedBody::Unlikely),
        ("HEAD", AnnouncedBody::Unlikely),
        ("OPTIONS", AnnouncedBody::Unlikely),
        ("POST", AnnouncedBody::Unknown),
        ("DELETE", AnnouncedBody::Unlikely),
        ("PURGE", AnnouncedBody::Unknown),
    ] {
        let words: Vec<_> = CADDY[1..].iter().copied().chain([("x-forwarded-method", method)]).collect();
        for more in [&said[..], &[]] {
            let original = Original::read(Front::Forwarding, false, map(words.iter().chain(more))).ok().unwrap();
            assert_eq!(original.body, expected, "{method}");
            assert!(!original.headers.contains_key("content-length"));
        }
    }
}
