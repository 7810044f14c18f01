//! The handle: refused options are remembered, the first use freezes, no set is lost in between.

use std::ptr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use auth::ffi::*;
use auth::options::OPTIONS;
use auth::status::Status;

use crate::common::*;

/// Every function that judges by the options, told the options' own mistake.
fn entry_points(handle: &Handle) -> [(&'static str, Status); 9] {
    let token = good_token("EdDSA");
    let (text, len) = (chars(token.as_bytes()), token.len());
    let header = format!("Bearer {token}");
    let (value, value_len) = (chars(header.as_bytes()), header.len());
    let (none, out) = (ptr::null(), ptr::null_mut());
    unsafe {
        [
            ("check", auth_config_check(handle.config(), out, 0)),
            ("verify", auth_verify(handle.config(), text, len, out, 0)),
            ("try_verify", auth_try_verify(handle.config(), text, len, out, 0)),
            ("refresh", auth_refresh(handle.config(), none, 0, out, 0)),
            ("ready", auth_ready(handle.config(), out, 0)),
            ("verify_at", auth_verify_at(handle.config(), text, len, NOW, out, 0)),
            ("authorize", auth_authorize(handle.config(), value, value_len, none, 0, out, 0)),
            (
                "try_authorize",
                auth_try_authorize(handle.config(), value, value_len, none, 0, out, 0),
            ),
            (
                "authorize_at",
                auth_authorize_at(handle.config(), value, value_len, none, 0, NOW, out, 0),
            ),
        ]
    }
}

fn assert_all(handle: &Handle, status: Status, why: &str) {
    for (name, answered) in entry_points(handle) {
        // The good token has expired by the clock on the wall, or will.
        let by_clock = status == Status::OK && !name.ends_with("_at");
        if by_clock {
            assert!(matches!(answered, Status::OK | Status::TOKEN_EXPIRED), "{name}: {why}");
        } else {
            assert_eq!(answered, status, "{name}: {why}");
        }
    }
}

#[test]
fn a_refused_option_refuses_every_use_until_it_is_set_right() {
    for row in OPTIONS {
        let handle = Handle::local(&[]);
        let refused = set(handle.config(), row.key.as_bytes(), None, ptr::null_mut(), 0);
        assert_eq!(refused, Status::OPTION_INVALID, "{}", row.key);
        assert_all(&handle, Status::OPTION_INVALID, row.key);
        // Another option's good value takes nothing back.
        let other = if row.key == "claims.leeway" { "keys.ttl" } else { "claims.leeway" };
        assert_eq!(handle.set(other, "60s"), Status::OK);
        assert_all(&handle, Status::OPTION_INVALID, row.key);
    }
    for (key, right) in right_values() {
        let handle = Handle::local(&[]);
        assert_eq!(handle.set(key, ""), Status::OPTION_INVALID, "{key}");
        assert_eq!(handle.set(key, &right), Status::OK, "{key}");
        assert_all(&handle, Status::OK, key);
    }
}

/// Of every option that goes together with the others of [`Handle::local`].
pub fn right_values() -> Vec<(&'static str, String)> {
    let fixed = |key: &str| match key {
        "issuer" => Some(ISSUER.to_owned()),
        "audience" => Some(AUDIENCE.to_owned()),
        "keys.jwks" => Some(jwks().to_owned()),
        // One of two, with a tenant's issuer alone, or of tokens with `iat`.
        "keys.file" | "keys.jwks_uri" | "keys.discovery_url" | "issuers" | "claims.tenants"
        | "claims.max_age" => None,
        // Of a file that is there; its tests are those of tests/tls.rs.
        "keys.ca_file" => None,
        "keys.backchannel" => Some("https://id.example=https://keycloak:8443".into()),
        "claims.required" => Some("sub".into()),
        "claims.clients" => Some("shop".into()),
        "verdict.require" => Some("orders:read".into()),
        "verdict.realm" => Some("orders".into()),
        "verdict.resource_metadata" => Some("https://api.example/metadata".into()),
        _ => OPTIONS.iter().find(|row| row.key == key).map(|row| row.default.to_owned()),
    };
    OPTIONS.iter().filter_map(|row| Some((row.key, fixed(row.key)?))).collect()
}

#[test]
fn every_one_of_many_refused_options_is_remembered() {
    let handle = Handle::local(&[]);
    let values = right_values();
    for (key, _) in &values {
        assert_eq!(handle.set(key, ""), Status::OPTION_INVALID);
    }
    let mut left = values.len();
    for (key, right) in &values {
        let why = format!("{left} options are refused");
        assert_eq!(handle.check(), Status::OPTION_INVALID, "{why}");
        assert_eq!(handle.verify_at("x").status, Status::OPTION_INVALID as i32, "{why}");
        assert_eq!(handle.set(key, right), Status::OK);
        left -= 1;
    }
    assert_eq!(handle.check(), Status::OK);
}

#[test]
fn an_unknown_key_refuses_the_handle_for_good() {
    for key in ["audence", "", "ISSUER", "issuer ", "issuer\u{fffd}", &"x".repeat(5_000)] {
        let handle = Handle::local(&[]);
        assert_eq!(handle.set(key, "x"), Status::OPTION_UNKNOWN, "{key}");
        for _ in 0..2 {
            assert_all(&handle, Status::OPTION_UNKNOWN, key);
            assert_eq!(handle.set("audience", AUDIENCE), Status::OK);
            assert_eq!(handle.set(key, "y"), Status::OPTION_UNKNOWN);
        }
    }
}

#[test]
fn a_key_is_told_by_its_nearest() {
    let handle = Handle::empty();
    let answer = answer_of(&|out, size| set(handle.config(), b"audence", Some(b"x"), out, size));
    answer.assert_refused(Status::OPTION_UNKNOWN);
    assert!(answer.text("log").contains("audience"), "{}", answer.text("log"));
}

#[test]
fn a_failed_build_freezes_nothing() {
    let handle = Handle::empty();
    assert_all(&handle, Status::OPTION_MISSING, "nothing is set");
    assert_eq!(handle.set("issuer", ISSUER), Status::OK);
    assert_eq!(handle.set("keys.jwks", jwks()), Status::OK);
    assert_all(&handle, Status::OPTION_MISSING, "no audience");
    assert_eq!(handle.set("audience", AUDIENCE), Status::OK);
    assert_all(&handle, Status::OK, "all is set");
    assert_eq!(handle.set("audience", AUDIENCE), Status::CONFIG_FROZEN);
}

#[test]
fn only_a_judged_token_freezes() {
    let handle = Handle::local(&[]);
    assert_eq!(handle.check(), Status::OK);
    assert_eq!(describe(handle.config(), 1002, b"", ptr::null_mut(), 0), Status::HEADER_MALFORMED);
    assert_eq!(handle.set("audience", "other"), Status::OK, "still open");
    assert_eq!(handle.verify_at("x").status, Status::TOKEN_OPAQUE as i32);
    let frozen = set(handle.config(), b"no such key", None, ptr::null_mut(), 0);
    assert_eq!(frozen, Status::CONFIG_FROZEN);
    assert_eq!(handle.check(), Status::OK, "a set that came too late is no mistake to remember");
    assert_eq!(
        handle.verify_at(&good_token("EdDSA")).status,
        Status::AUDIENCE_INVALID as i32,
        "the later set replaced the first"
    );
}

#[test]
fn two_handles_do_not_influence_each_other() {
    let (one, other) = (Handle::local(&[]), Handle::local(&[("audience", "other")]));
    let token = good_token("EdDSA");
    assert_eq!(one.verify_at(&token).status, 0);
    assert_eq!(other.set("claims.leeway", "1s"), Status::OK);
    assert_eq!(other.verify_at(&token).status, Status::AUDIENCE_INVALID as i32);
    drop(other);
    assert_eq!(one.verify_at(&token).status, 0);
}

/// Sets n = 1, 2, 3 … until the handle is frozen; gives the last n that was in force.
fn set_until_frozen(handle: &Handle, key: &str, value: impl Fn(u32) -> String) -> u32 {
    for n in 1..200_000 {
        match handle.set(key, &value(n)) {
            Status::OK => {}
            Status::CONFIG_FROZEN => return n - 1,
            other => panic!("{key}: {other:?}"),
        }
    }
    panic!("{key}: the handle was never frozen")
}

fn race() {
    let handle = &Handle::local(&[]);
    let barrier = &Barrier::new(6);
    let started = &AtomicBool::new(false);
    let told = std::thread::scope(|scope| {
        let setter = |key: &'static str, value: fn(u32) -> String| {
            scope.spawn(move || {
                barrier.wait();
                let last = set_until_frozen(handle, key, |n| {
                    started.fetch_or(n > 3, Ordering::Relaxed);
                    value(n)
                });
                assert_eq!(handle.set(key, &value(1)), Status::CONFIG_FROZEN);
                last
            })
        };
        let setters = [
            setter("audience", |n| format!("aud-{n}")),
            setter("claims.leeway", |n| format!("{}s", n % 301)),
            setter("token.max_bytes", |n| format!("{}", 2_000 + n)),
            setter("verdict.realm", |n| format!("realm-{n}")),
            setter("verdict.resource_metadata", |n| format!("https://api.example/{n}")),
        ];
        barrier.wait();
        while !started.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        assert_eq!(handle.verify_at("x").status, Status::TOKEN_OPAQUE as i32);
        setters.map(|setter| setter.join().unwrap())
    });
    let [audience, leeway, max_bytes, realm, metadata] = told;
    let expired = token("EdDSA", &format!(r#"{{"iss":"{ISSUER}","aud":"x","exp":1}}"#));
    let log = |answer: &Answer| answer.text("log").to_owned();
    if audience > 0 {
        let foreign = handle.verify_at(&good_token("EdDSA"));
        foreign.assert_refused(Status::AUDIENCE_INVALID);
        assert!(log(&foreign).ends_with(&format!("expected \"aud-{audience}\"")));
    }
    let expired = handle.verify_at(&expired);
    expired.assert_refused(Status::TOKEN_EXPIRED);
    let leeway = if leeway == 0 { 30 } else { leeway % 301 };
    assert!(log(&expired).ends_with(&format!("leeway {leeway} s")), "{}", log(&expired));
    let large = log(&handle.verify_at(&"a".repeat(2_000_000)));
    let max_bytes = if max_bytes == 0 { 16 * 1024 } else { 2_000 + max_bytes };
    assert!(large.ends_with(&format!("token.max_bytes is {max_bytes}")), "{large}");
    let challenge = expired.text("challenge");
    assert_eq!(challenge.contains(&format!("realm=\"realm-{realm}\"")), realm > 0);
    let metadata_told = challenge.contains(&format!("\"https://api.example/{metadata}\""));
    assert_eq!(metadata_told, metadata > 0, "{challenge}");
}

#[test]
fn every_set_is_in_force_or_told_that_it_came_too_late() {
    for _ in 0..40 {
        race();
    }
}

#[test]
fn no_value_of_any_option_turns_a_check_off() {
    let expired = format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{}}}"#, NOW - 301);
    let payload = good_payload();
    let with_header = |header: &str| signed("EdDSA", header.as_bytes(), payload.as_bytes());
    let tokens = [
        (tampered(&good_token("EdDSA")), Status::SIGNATURE_INVALID),
        (token("EdDSA", &expired), Status::TOKEN_EXPIRED),
        (with_header(r#"{"alg":"none","kid":"EdDSA"}"#), Status::ALGORITHM_NOT_ALLOWED),
        (with_header(r#"{"alg":"EdDSA","kid":"EdDSA","crit":[]}"#), Status::CRITICAL_UNSUPPORTED),
    ];
    let mut accepted = 0;
    for row in OPTIONS {
        for value in ["*", "off", "none", "no", "never", "always", "0", "0s", "false", "absent"] {
            let handle = Handle::local(&[]);
            if handle.set(row.key, value) != Status::OK || handle.check() != Status::OK {
                continue;
            }
            accepted += 1;
            for (token, status) in &tokens {
                let answered = handle.verify_at(token).status;
                // An option of an earlier stage may refuse for its own reason.
                assert_ne!(answered, 0, "{}={value} lets {status:?} pass", row.key);
                let own = matches!(row.key, "issuer" | "token.types" | "token.algorithms")
                    || (row.key.starts_with("claims.") && *status == Status::TOKEN_EXPIRED);
                assert!(own || answered == *status as i32, "{}={value}: {answered}", row.key);
            }
        }
    }
    assert!(accepted >= 5, "some of these values are values of options");
}
