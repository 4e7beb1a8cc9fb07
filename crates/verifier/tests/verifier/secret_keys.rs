//! How a secret key is shown to an API, from where, and what is told to who shows it otherwise.

use doorkey_core::{Environment, PublishableKey, SigningKey};
use doorkey_verifier::{DirectoryKey, Restriction, TrustedProxies};

use crate::known::{Judge, bearer, key, publishable, request, secret, secret_key, signed, verdict};
use crate::signer::{ISSUER, PAGE};

#[test]
fn a_secret_key_works_from_its_networks_alone() {
    let mut judge = Judge::new();
    let limited = || DirectoryKey { cidrs: vec!["10.0.0.0/8".parse().unwrap()], ..secret() };
    judge.learn([key(limited())]);
    let code = |judge: &Judge, peer, header: &[(&str, &str)]| {
        let mut with = bearer();
        for (name, value) in header {
            with.headers_mut().append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        judge.decide_from(&with, peer).map_or_else(|(code, _)| code, |_| "accepted")
    };
    assert_eq!(code(&judge, "10.1.2.3", &[]), "accepted");
    assert_eq!(code(&judge, "::ffff:10.1.2.3", &[]), "accepted");
    for peer in ["192.0.2.1", "2001:db8::1", "nobody knows"] {
        assert_eq!(code(&judge, peer, &[]), "ip_not_allowed");
        assert_eq!(code(&judge, peer, &[("x-forwarded-for", "10.1.2.3")]), "ip_not_allowed");
    }
    // As an older issuer may have kept it.
    judge.learn([key(DirectoryKey { cidrs: vec!["::ffff:10.0.0.0/104".parse().unwrap()], ..secret() })]);
    assert_eq!(code(&judge, "10.1.2.3", &[]), "accepted");
    assert_eq!(code(&judge, "192.0.2.1", &[]), "ip_not_allowed");
    judge.policy = judge.policy.clone().with_trusted_proxies(TrustedProxies::parse(&["192.0.2.1"]).unwrap());
    assert_eq!(code(&judge, "192.0.2.1", &[("x-forwarded-for", "10.1.2.3")]), "accepted");
    assert_eq!(code(&judge, "192.0.2.1", &[("x-forwarded-for", "10.1.2.3, 198.51.100.1")]), "ip_not_allowed");
    judge.learn([key(DirectoryKey { shadow: [Restriction::Cidrs].into(), ..limited() })]);
    assert_eq!(code(&judge, "192.0.2.7", &[]), "accepted");
}

#[test]
fn a_caller_from_elsewhere_learns_which_address_counts() {
    let mut judge = Judge::new();
    judge.policy = judge.policy.clone().with_trusted_proxies(TrustedProxies::parse(&["192.0.2.1"]).unwrap());
    judge.learn([key(DirectoryKey { cidrs: vec!["10.0.0.0/8".parse().unwrap()], ..secret() })]);
    let mut forwarded = bearer();
    forwarded.headers_mut().insert("x-forwarded-for", "198.51.100.7".parse().unwrap());
    for (request, peer, address) in [
        (bearer(), "203.0.113.9", Some("203.0.113.9,")),
        (bearer(), "::ffff:203.0.113.9", Some(" 203.0.113.9,")),
        (bearer(), "2001:db8::1", Some("2001:db8::1,")),
        (forwarded.clone(), "192.0.2.1", Some("198.51.100.7,")),
        // Whom nobody trusts is the one who calls: its owner sees that a proxy is missing from the list.
        (forwarded, "192.0.2.2", Some("192.0.2.2,")),
        (bearer(), "nobody knows", None),
    ] {
        let refusal = judge.judge(&request, peer).unwrap_err();
        let (code, detail) = (refusal.error().code().as_str(), refusal.error().detail());
        let expected = address.unwrap_or("not known where the request comes from");
        assert!(code == "ip_not_allowed" && detail.contains(expected), "{detail}");
        assert!(!detail.contains("10.0.0.0"), "where it is allowed is the owner's to tell");
    }
}

#[test]
fn a_key_that_was_shown_in_the_clear_is_refused() {
    let mut judge = Judge::new();
    judge.policy = judge.policy.clone().with_trusted_proxies(TrustedProxies::parse(&["192.0.2.1"]).unwrap());
    let over = |proto| {
        let mut with = bearer();
        with.headers_mut().insert("x-forwarded-proto", http::HeaderValue::from_static(proto));
        with
    };
    assert_eq!(verdict(&judge, &over("https")), Ok(()));
    assert_eq!(verdict(&judge, &over("http")), Err(("insecure_transport", true)));
    assert_eq!(verdict(&judge, &over("https, HTTP")), Err(("insecure_transport", true)));
    // Who is not believed says nothing.
    assert!(judge.decide_from(&over("http"), "192.0.2.9").is_ok());
    judge.policy = doorkey_verifier::Policy::new(ISSUER, "http://api.example.com").unwrap();
    assert_eq!(verdict(&judge, &bearer()), Err(("insecure_transport", true)));
    judge.policy = doorkey_verifier::Policy::new(ISSUER, "http://localhost:7701").unwrap();
    assert_eq!(verdict(&judge, &bearer()), Ok(()));
}

#[test]
fn a_leak_is_counted_for_the_key_that_was_proven_alone() {
    let judge = Judge::new();
    let from_page = |mut request: http::Request<Vec<u8>>| {
        request.headers_mut().insert("origin", http::HeaderValue::from_static(PAGE));
        request
    };
    assert_eq!(verdict(&judge, &from_page(bearer())), Err(("secret_key_in_browser", true)));
    // No signature covers the header: anybody on the way may have added it.
    assert_eq!(verdict(&judge, &from_page(signed(0))), Err(("secret_key_in_browser", false)));
    let forged = doorkey_core::SecretKey::new(
        secret_key().id(),
        doorkey_core::Environment::Live,
        SigningKey::from_seed(&[8; 32]),
    );
    let forged = request("/", &[("authorization", &format!("Bearer {}", *forged.to_key_string()))]);
    assert_eq!(verdict(&judge, &from_page(forged.clone())), Err(("secret_key_in_browser", false)));
    assert_eq!(verdict(&judge, &forged), Err(("key_unknown", false)));
    judge.learn([key(DirectoryKey { revoked: true, ..secret() })]);
    assert_eq!(verdict(&judge, &forged), Err(("key_unknown", false)), "only its holder learns that it is revoked");
}

#[test]
fn a_secret_key_stands_behind_bearer() {
    let judge = Judge::new();
    let text = secret_key().to_key_string();
    for before in ["Negotiate ", "Doorkey ", "Token ", ""] {
        let request = request("/", &[("authorization", &format!("{before}{}", *text))]);
        assert_eq!(verdict(&judge, &request), Err(("credential_missing", false)));
        let refusal = judge.judge(&request, "192.0.2.1").unwrap_err();
        assert!(refusal.error().detail().contains("Authorization: Bearer sk_"), "{refusal:?}");
    }
    let page = ("origin", PAGE);
    let leaked = request("/", &[("authorization", text.as_str()), page]);
    assert_eq!(verdict(&judge, &leaked), Err(("secret_key_in_browser", true)), "a leak, without a scheme, too");
}

#[test]
fn a_refusal_says_which_credential_belongs_there() {
    let publishable = PublishableKey::new(publishable().id, Environment::Live, "keys.example.com".parse().unwrap());
    let refused = |authorization: &[(&str, &str)]| {
        let refusal = Judge::new().judge(&request("/", authorization), "192.0.2.1").unwrap_err();
        let error = refusal.error().clone();
        (error.code().as_str(), error.detail().to_owned(), error.code().hint())
    };
    for authorization in [format!("Bearer {publishable}"), publishable.to_string()] {
        let (code, detail, hint) = refused(&[("authorization", &authorization)]);
        assert_eq!(code, "wrong_key_kind");
        assert!(
            detail.contains("a publishable key (pk_) was sent") && detail.contains("a secret key (sk_)"),
            "{detail}"
        );
        assert!(hint.contains("(pk_) belongs in a page") && hint.contains("(sk_) on a server"), "{hint}");
    }
    let (code, _, hint) = refused(&[]);
    assert_eq!(code, "credential_missing");
    assert!(hint.contains("Authorization: Bearer sk_") && hint.contains("SDK"), "{hint}");
}

#[test]
fn a_key_has_one_spelling() {
    let judge = Judge::new();
    let spelled = |brand: Option<&str>| {
        let key = secret_key().with_brand(brand.map(|brand| brand.parse().unwrap()));
        request("/", &[("authorization", &format!("Bearer {}", *key.to_key_string()))])
    };
    assert_eq!(verdict(&judge, &spelled(Some("acme"))), Err(("key_unknown", false)));
    judge.learn([key(DirectoryKey { brand: Some(Some("acme".parse().unwrap())), ..secret() })]);
    assert_eq!(verdict(&judge, &spelled(Some("acme"))), Ok(()));
    assert_eq!(verdict(&judge, &spelled(None)), Err(("key_unknown", false)));
    judge.learn([key(DirectoryKey { brand: None, ..secret() })]);
    assert_eq!(verdict(&judge, &spelled(None)), Ok(()));
}

#[test]
fn a_key_in_a_url_counts_where_that_is_turned_on() {
    let mut judge = Judge::new();
    let text = secret_key().to_key_string();
    let in_url = request(&format!("/pictures?api_key={}&limit=1", *text), &[]);
    let bearer_value = format!("Bearer {}", *text);
    let twice = request(&format!("/pictures?api_key={}", *text), &[("authorization", &bearer_value)]);
    let two = request(&format!("/pictures?api_key={0}&api_key={0}", *text), &[]);
    let other = request("/pictures?api_key=theirs", &[("authorization", &bearer_value)]);
    assert_eq!(verdict(&judge, &in_url), Err(("credential_missing", false)));
    for turned_on in [false, true] {
        if turned_on {
            judge.policy = judge.policy.clone().with_api_key_parameter();
            assert_eq!(verdict(&judge, &in_url), Ok(()));
        }
        assert_eq!(verdict(&judge, &twice), Err(("multiple_credentials", false)));
        assert_eq!(verdict(&judge, &two), Err(("multiple_credentials", false)));
        assert_eq!(verdict(&judge, &other), Ok(()), "a parameter of the API's own");
    }
}
