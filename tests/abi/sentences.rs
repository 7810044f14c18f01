//! What a refusal tells: problem body, challenge, sentences, of every status.

use std::ptr;

use auth::status::{STATUSES, Status};
use serde_json::json;

use crate::common::*;

/// Number, HTTP status, error of the challenge. By rule (RFC 6750 3): nothing but the scheme where
/// no Bearer credential was sent; none on 500 and 503.
const RULES: &[(i32, i32, Option<&str>)] = &[
    (1001, 401, Some("")),
    (1002, 401, Some("invalid_request")),
    (1003, 401, Some("")),
    (2001, 401, Some("invalid_token")),
    (2002, 401, Some("invalid_token")),
    (2003, 401, Some("invalid_token")),
    (2004, 401, Some("invalid_token")),
    (2005, 401, Some("invalid_token")),
    (2006, 401, Some("invalid_token")),
    (2007, 401, Some("invalid_token")),
    (2008, 401, Some("invalid_token")),
    (3001, 503, None),
    (3002, 503, None),
    (3003, 503, None),
    (3004, 503, None),
    (3005, 401, Some("invalid_token")),
    (3006, 401, Some("invalid_token")),
    (4001, 401, Some("invalid_token")),
    (5001, 401, Some("invalid_token")),
    (5002, 401, Some("invalid_token")),
    (5003, 401, Some("invalid_token")),
    (5004, 401, Some("invalid_token")),
    (5005, 401, Some("invalid_token")),
    (5006, 401, Some("invalid_token")),
    (5007, 401, Some("invalid_token")),
    (5008, 401, Some("invalid_token")),
    (5009, 401, Some("invalid_token")),
    (5010, 401, Some("invalid_token")),
    (6001, 403, Some("insufficient_scope")),
    (6002, 403, Some("insufficient_scope")),
    (6003, 403, Some("insufficient_scope")),
    (6004, 403, Some("insufficient_scope")),
    (6005, 403, Some("insufficient_scope")),
    (6006, 403, Some("insufficient_scope")),
    (7001, 500, None),
    (7002, 500, None),
    (7003, 500, None),
    (7004, 500, None),
    (7005, 500, None),
    (7006, 500, None),
    (7007, 500, None),
    (7099, 500, None),
];

fn described(handle: &Handle, number: i32, detail: &[u8]) -> Answer {
    answer_of(&|out, size| describe(handle.config(), number, detail, out, size))
}

#[test]
fn the_rules_name_every_refusal() {
    let numbers: Vec<i32> = RULES.iter().map(|(number, ..)| *number).collect();
    let table: Vec<i32> = STATUSES.iter().skip(1).map(|status| *status as i32).collect();
    assert_eq!(numbers, table);
    assert_eq!(STATUSES[0], Status::OK);
}

/// `Bearer`, then `name="value"` with commas between; the values of RFC 6750 3.
fn read_challenge(text: &str) -> Vec<(&str, &str)> {
    if text == "Bearer" {
        return Vec::new();
    }
    let parameters = text.strip_prefix("Bearer ").unwrap();
    parameters
        .split("\", ")
        .map(|parameter| {
            let (name, value) = parameter.split_once("=\"").unwrap();
            let value = value.trim_end_matches('"');
            let allowed = |b: u8| matches!(b, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
            assert!(value.bytes().all(allowed) && !value.is_empty(), "{text}");
            (name, value)
        })
        .collect()
}

#[test]
fn the_challenge_of_every_status_is_by_rule() {
    let metadata = "https://api.example/.well-known/oauth-protected-resource";
    let realm = ("verdict.realm", "orders and more");
    let plain = Handle::local(&[]);
    let named = Handle::local(&[realm, ("verdict.resource_metadata", metadata)]);
    for (number, http_status, error) in RULES {
        let message = Status::from_number(*number).unwrap().row().message;
        let told = described(&plain, *number, b"");
        assert_eq!(told.http_status, *http_status, "{number}");
        let Some(error) = error else {
            assert_eq!(told.text("challenge"), "", "{number}");
            assert_eq!(described(&named, *number, b"").text("challenge"), "", "{number}");
            continue;
        };
        let expected = match error.is_empty() {
            true => vec![],
            false => vec![("error", *error), ("error_description", message)],
        };
        assert_eq!(read_challenge(told.text("challenge")), expected, "{number}");
        let told = described(&named, *number, b"");
        let mut all = vec![("realm", "orders and more")];
        all.extend(expected);
        all.push(("resource_metadata", metadata));
        assert_eq!(read_challenge(told.text("challenge")), all, "{number}");
    }
}

#[test]
fn the_problem_of_every_status_is_a_json_object_of_five_members() {
    let handle = Handle::local(&[]);
    for (number, http_status, _) in RULES {
        let row = Status::from_number(*number).unwrap().row();
        let title = match http_status {
            401 => "Unauthorized",
            403 => "Forbidden",
            500 => "Internal Server Error",
            _ => "Service Unavailable",
        };
        let told = described(&handle, *number, b"detail for the log alone");
        let problem: serde_json::Value = serde_json::from_str(told.text("problem")).unwrap();
        assert_eq!(
            problem,
            json!({"type": "about:blank", "title": title, "status": http_status,
                "detail": row.message, "code": row.code})
        );
        told.assert_refused(row.status);
    }
}

#[test]
fn a_detail_goes_into_the_log_alone_escaped_and_cut() {
    let handle = Handle::local(&[]);
    let long = "x".repeat(5_000);
    for (detail, log) in [
        (b"two headers".as_slice(), "two headers"),
        (b"a\r\nb\0\x1b[31m\x7f", r"a\x0d\x0ab\x00\x1b[31m\x7f"),
        ("é\u{202e}\u{1f600}".as_bytes(), r"\u{e9}\u{202e}\u{1f600}"),
        (b"\xff\xc3", r"\u{fffd}\u{fffd}"),
        (long.as_bytes(), &long[..512]),
    ] {
        let told = described(&handle, 1002, detail);
        told.assert_refused(Status::HEADER_MALFORMED);
        assert_eq!(told.text("log"), log);
        for name in ["message", "challenge", "problem", "code"] {
            assert_eq!(told.text(name), described(&handle, 1002, b"").text(name));
        }
    }
}

#[test]
fn a_log_is_cut_between_characters() {
    let handle = Handle::local(&[]);
    for shift in 0..12 {
        let detail = format!("{}{}", "x".repeat(shift), "\u{1f600}".repeat(200));
        let told = described(&handle, 1002, detail.as_bytes());
        let log = told.text("log");
        assert!(log.ends_with('}') && log.len() <= 512 && log.len() > 500, "{log}");
    }
}

#[test]
fn without_a_detail_the_log_is_the_sentence_of_the_table() {
    let handle = Handle::local(&[]);
    for status in STATUSES.iter().skip(1) {
        let told = described(&handle, *status as i32, b"");
        assert_eq!(told.text("log"), status.row().doc.trim());
    }
}

#[test]
fn describe_answers_by_a_handle_that_cannot_be_used() {
    let handle = Handle::empty();
    assert_eq!(handle.set("verdict.realm", "orders"), Status::OK);
    assert_eq!(handle.set("audence", "x"), Status::OPTION_UNKNOWN);
    let told = described(&handle, 2004, b"");
    told.assert_refused(Status::TOKEN_MALFORMED);
    assert!(told.text("challenge").starts_with("Bearer realm=\"orders\", error="));
}

#[test]
fn foreign_numbers_and_ok_are_no_refusals() {
    let handle = Handle::local(&[]);
    for number in [0, 1, 1000, 1004, 9999, -1001, i32::MIN, i32::MAX] {
        described(&handle, number, b"x").assert_refused(Status::ARGUMENT_INVALID);
    }
}

#[test]
fn a_missing_scope_is_told_with_all_that_are_needed() {
    let handle = Handle::local(&[("verdict.require", "orders:read audit")]);
    let header = format!("Bearer {}", good_token("EdDSA"));
    for (require, scope) in [
        ("", "orders:read audit"),
        ("orders:drop audit", "orders:read audit orders:drop"),
        ("orders:read", "orders:read audit"),
    ] {
        let told = handle.authorize_at(&header, require);
        told.assert_refused(Status::SCOPE_MISSING);
        let parameters = read_challenge(told.text("challenge"));
        assert_eq!(parameters[0], ("error", "insufficient_scope"));
        assert!(parameters.contains(&("scope", scope)), "{parameters:?}");
    }
    let verified = handle.verify_at(&good_token("EdDSA"));
    verified.assert_refused(Status::SCOPE_MISSING);
}

#[test]
fn texts_for_a_header_that_could_split_it_are_refused() {
    let handle = Handle::local(&[]);
    for value in ["a\"b", "a\\b", "a\r\nb", "é", "a\u{7f}", &"r".repeat(129)] {
        assert_eq!(handle.set("verdict.realm", value), Status::OPTION_INVALID, "{value:?}");
        let url = format!("https://api.example/{value}");
        if value.len() < 129 {
            let set = handle.set("verdict.resource_metadata", &url);
            assert_eq!(set, Status::OPTION_INVALID, "{url:?}");
        }
    }
    let none = set(handle.config(), b"verdict.realm", None, ptr::null_mut(), 0);
    assert_eq!(none, Status::OPTION_INVALID);
}

#[test]
fn values_of_a_token_stand_in_the_log_alone() {
    let handle = Handle::local(&[]);
    let odd = r"evil\r\n\u001b[31m\u202e\ud83d\ude00";
    let payload = format!(r#"{{"iss":"{odd}","aud":"{AUDIENCE}","exp":{EXP}}}"#);
    let told = handle.verify_at(&token("EdDSA", &payload));
    told.assert_refused(Status::ISSUER_INVALID);
    let log = told.text("log");
    assert!(log.contains(r"evil\x0d\x0a\x1b[31m\u{202e}\u{1f600}"), "{log}");
    for name in ["message", "challenge", "problem"] {
        assert!(!told.text(name).contains("evil"), "{name}");
    }
    let payload = payload_with(r#","sub":"mallory","nbf":99999999999"#);
    let told = handle.verify_at(&token("EdDSA", &payload));
    told.assert_refused(Status::TOKEN_NOT_YET_VALID);
    for name in TEXTS {
        assert!(!told.text(name).contains("mallory"), "{name}: the subject is never told");
    }
}

#[test]
fn values_in_a_log_are_cut_at_64_characters() {
    let handle = Handle::local(&[]);
    let long = "v".repeat(200);
    let quoted = format!("\"{}\"...", "v".repeat(64));
    let iss = format!(r#"{{"iss":"{long}","aud":"{AUDIENCE}","exp":{EXP}}}"#);
    let aud = format!(r#"{{"iss":"{ISSUER}","aud":"{long}","exp":{EXP}}}"#);
    let with_header = |name: &str| {
        let kid = if name == "kid" { "" } else { r#","kid":"EdDSA""# };
        let alg = if name == "alg" { "" } else { r#","alg":"EdDSA""# };
        let header = format!(r#"{{"{name}":"{long}"{kid}{alg}}}"#);
        signed("EdDSA", header.as_bytes(), good_payload().as_bytes())
    };
    for (token, status) in [
        (token("EdDSA", &iss), Status::ISSUER_INVALID),
        (token("EdDSA", &aud), Status::AUDIENCE_INVALID),
        (with_header("alg"), Status::ALGORITHM_NOT_ALLOWED),
        (with_header("typ"), Status::TYPE_NOT_ALLOWED),
        (with_header("kid"), Status::KEY_NOT_FOUND),
    ] {
        let told = handle.verify_at(&token);
        told.assert_refused(status);
        let log = told.text("log");
        assert!(log.contains(&quoted) && !log.contains(&"v".repeat(65)), "{log}");
    }
}
