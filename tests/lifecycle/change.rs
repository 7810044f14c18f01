//! A provider that changes its keys or their place, or sends what is too much.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use auth::config::Config;
use auth::keys::driver::Waiting;
use auth::keys::jwks::Wanted;
use auth::keys::source::HeldSet;
use auth::keys::{Found, jwks::Key};
use auth::report::Outcome;
use auth::signature::Algorithm;
use auth::status::Status;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::provider::issuer::base64url;
use crate::provider::*;

/// The ES256 key that a provider publishes.
fn key_of(issuer: &Issuer) -> Value {
    issuer.jwks()["keys"][0].clone()
}

fn kid_of(issuer: &Issuer) -> String {
    key_of(issuer)["kid"].as_str().unwrap().to_owned()
}

fn publish(issuer: &Issuer, keys: &[Value]) {
    let text = json!({ "keys": keys }).to_string();
    issuer.fault(Endpoint::Jwks, Fault::Body { text });
}

/// The set that a handle of one issuer holds; `kid` is in it.
fn held(config: &Config, kid: &str) -> Arc<HeldSet> {
    let (issuer, keys) = config.runtime().unwrap().issuer(0).unwrap();
    let alg = Algorithm::from_name(ALG).unwrap();
    let wanted = Wanted { kid: Some(kid), alg, tenant: None };
    match keys.find(&issuer.name.text(), wanted, Waiting::HeldOnly).unwrap() {
        Found::Held(set) => set.as_ref().unwrap().clone(),
        Found::Local(_) => panic!("the keys are not the configuration's"),
    }
}

fn named(set: &HeldSet, kid: &str) -> Arc<Key> {
    set.set.keys.iter().find(|key| key.kid.as_deref() == Some(kid)).unwrap().clone()
}

#[test]
fn a_withdrawn_key_is_retired_and_an_unchanged_one_stays_the_same_object() {
    let (stays, goes, comes) = (provider(), provider(), provider());
    let config = handle(&stays, &[]);
    let token_of = |signer: &Issuer| token_in_the_name_of(&stays.url(), signer);
    publish(&stays, &[key_of(&stays), key_of(&goes)]);
    assert_eq!(status(&config, &token_of(&stays)), Status::OK);
    assert_eq!(status(&config, &token_of(&goes)), Status::OK);
    let before = held(&config, &kid_of(&goes));

    publish(&stays, &[key_of(&stays), key_of(&comes)]);
    assert_eq!(status(&config, &token_of(&comes)), Status::OK);
    assert_eq!(status(&config, &token_of(&goes)), Status::KEY_NOT_FOUND);
    assert_eq!(status(&config, &token_of(&stays)), Status::OK);
    let after = held(&config, &kid_of(&comes));
    let (one, other) = (named(&before, &kid_of(&stays)), named(&after, &kid_of(&stays)));
    assert!(Arc::ptr_eq(&one, &other));
    let retired = |key: &Key| key.retired.load(Ordering::Acquire);
    assert!(retired(&named(&before, &kid_of(&goes))));
    assert!(!retired(&one) && !retired(&named(&after, &kid_of(&comes))));
    let kids: Vec<_> = report(&config).keys.into_iter().map(|key| key.kid.unwrap()).collect();
    assert_eq!(kids, [kid_of(&stays), kid_of(&comes)]);
}

#[test]
fn a_set_that_did_not_change_is_not_sent_again() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.ttl", "1s")]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    let before = held(&config, &kid_of(&issuer));
    until("refreshed", || {
        assert_eq!(status(&config, &good), Status::OK);
        let told = report(&config);
        issuer.fetches().jwks == 2 && !told.fetching
    });
    let told = report(&config);
    assert_eq!(count_of(&told, Outcome::Ok), 1);
    assert_eq!(count_of(&told, Outcome::NotModified), 1);
    assert!(Arc::ptr_eq(&before.set, &held(&config, &kid_of(&issuer)).set));
}

// ---------------------------------------------------------------- another place

/// `old` names the key set of `new` from now on.
fn move_keys(old: &Issuer, new: &Issuer) {
    let value = format!("{}/jwks", new.url());
    old.fault(Endpoint::Discovery, Fault::JwksUri { value });
}

#[test]
fn a_moved_key_set_is_found_at_once_when_its_old_place_answers_404() {
    let (old, new) = (provider(), provider());
    let config = handle(&old, &[]);
    assert_eq!(status(&config, &token(&old)), Status::OK);
    move_keys(&old, &new);
    old.fault(Endpoint::Jwks, Fault::Status { code: 404, retry_after_s: None });
    assert_eq!(status(&config, &token_in_the_name_of(&old.url(), &new)), Status::OK);
    assert_eq!((old.fetches().jwks, new.fetches().jwks), (2, 1));
}

#[test]
fn a_moved_key_set_whose_old_place_still_answers_is_found_at_the_next_refresh() {
    let (old, new) = (provider(), provider());
    let config = handle(&old, &[("keys.ttl", "1s")]);
    let of_old = token(&old);
    assert_eq!(status(&config, &of_old), Status::OK);
    move_keys(&old, &new);
    let of_new = token_in_the_name_of(&old.url(), &new);
    until("accepted", || {
        status(&config, &of_old);
        status(&config, &of_new) == Status::OK
    });
    assert_eq!(status(&config, &of_old), Status::KEY_NOT_FOUND);
}

/// After a move all tokens are signed by new keys: nobody uses an old one, whose use would start
/// the refresh.
#[test]
fn a_moved_key_set_is_found_also_when_no_token_of_an_old_key_comes() {
    let (old, new) = (provider(), provider());
    let config = handle(&old, &[("keys.ttl", "1s"), ("keys.cooldown", "1s")]);
    assert_eq!(status(&config, &token(&old)), Status::OK);
    move_keys(&old, &new);
    let of_new = token_in_the_name_of(&old.url(), &new);
    until("accepted", || status(&config, &of_new) == Status::OK);
}

// ---------------------------------------------------------------- too much

fn new_key(kid: &str) -> Value {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": base64url(x), "y": base64url(y)})
}

#[test]
fn ten_thousand_keys_are_held_and_sixty_four_of_them_named() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.max_bytes", "16m"), ("keys.timeout", "60s")]);
    let mut keys: Vec<Value> = (0..9_999).map(|n| new_key(&format!("key-{n}"))).collect();
    keys.insert(7_000, key_of(&issuer));
    publish(&issuer, &keys);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    // A key id decides: the signature is not that of the key it names.
    assert_eq!(status(&config, &unknown_kid(&issuer, "key-9998")), Status::SIGNATURE_INVALID);
    assert_eq!(status(&config, &unknown_kid(&issuer, "key-9999")), Status::KEY_NOT_FOUND);
    let told = report(&config);
    assert_eq!((told.key_count, told.keys.len()), (10_000, 64));
}

/// Answers one request with blanks, and tells how many were taken off its hands.
fn endless() -> (String, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let answering = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(&stream).lines().map(|line| line.unwrap());
        assert!(lines.take_while(|line| !line.is_empty()).count() > 1, "a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let blanks = [b' '; 64 * 1024];
        let mut sent = 0;
        while sent < 100_000_000 && stream.write_all(&blanks).is_ok() {
            sent += blanks.len();
        }
        sent
    };
    (url, std::thread::spawn(answering))
}

/// What is not taken cannot be held: a few megabytes stay in the buffers of the two sockets.
#[test]
fn a_body_of_a_hundred_megabytes_is_refused_and_not_read_to_its_end() {
    let (url, endless) = endless();
    let issuer = provider();
    let config = handle(&issuer, &[("keys.jwks_uri", &url), ("keys.timeout", "60s")]);
    let refusal = refused(&config, &token(&issuer));
    assert_eq!(refusal.status, Status::KEYS_UNAVAILABLE);
    assert!(refusal.log.contains("more than 524288 bytes"), "{}", refusal.log);
    let sent = endless.join().unwrap();
    println!("{sent} bytes were sent before the connection was closed");
    assert!(sent < 50_000_000, "{sent} bytes were taken");
}

#[test]
fn a_redirect_to_the_metadata_address_of_a_cloud_is_told_and_not_followed() {
    let to = "http://169.254.169.254/latest/meta-data";
    for (endpoint, status) in [
        (Endpoint::Jwks, Status::KEYS_UNAVAILABLE),
        (Endpoint::Discovery, Status::DISCOVERY_FAILED),
    ] {
        let issuer = provider();
        issuer.fault(endpoint, Fault::Redirect { to: to.to_owned() });
        let config = handle(&issuer, &[]);
        let refusal = refused(&config, &token(&issuer));
        assert_eq!(refusal.status, status);
        assert!(refusal.log.contains(to), "{}", refusal.log);
        assert!(refusal.log.contains("not followed"), "{}", refusal.log);
        assert_eq!(count_of(&report(&config), Outcome::HttpError), 1);
    }
}
