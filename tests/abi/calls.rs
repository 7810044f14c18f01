//! One call for each answer that a caller can get without a network.

use std::collections::BTreeSet;
use std::ptr;

use auth::ffi::*;
use auth::record::auth_verdict;
use auth::status::{STATUSES, Status};

use crate::common::*;

pub struct Case {
    pub name: String,
    pub status: Status,
    pub call: Box<Call<'static>>,
}

pub struct Cases(Vec<Case>);

impl Cases {
    fn add(
        &mut self,
        name: impl Into<String>,
        status: Status,
        call: impl Fn(*mut auth_verdict, usize) -> Status + 'static,
    ) {
        self.0.push(Case { name: name.into(), status, call: Box::new(call) });
    }

    fn header(&mut self, status: Status, header: &'static str, require: &'static str) {
        let handle = Handle::local(&[("verdict.realm", "orders")]);
        self.add(format!("header {header:?} {require:?}"), status, move |out, size| {
            authorize_at(handle.config(), header.as_bytes(), require.as_bytes(), NOW, out, size)
        });
    }

    fn token(&mut self, status: Status, token: impl Into<String>) {
        let (handle, token) = (Handle::local(&[]), token.into());
        self.add(format!("token {status:?}"), status, move |out, size| {
            verify_at(handle.config(), token.as_bytes(), NOW, out, size)
        });
    }

    fn claims(&mut self, status: Status, payload: &str) {
        self.token(status, token("ES256", payload));
    }

    fn jose(&mut self, status: Status, header: &str) {
        self.token(status, signed("EdDSA", header.as_bytes(), good_payload().as_bytes()));
    }
}

pub fn all() -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    headers(&mut cases);
    tokens(&mut cases);
    claims(&mut cases);
    mistakes(&mut cases);
    configuration(&mut cases);
    loads(&mut cases);
    requirements(&mut cases);
    for status in STATUSES.iter().filter(|status| **status != Status::OK) {
        let (handle, number) = (Handle::local(&[]), *status as i32);
        cases.add(format!("describe {status:?}"), *status, move |out, size| {
            describe(handle.config(), number, b"two headers", out, size)
        });
    }
    cases.0
}

fn headers(cases: &mut Cases) {
    cases.header(Status::HEADER_MISSING, "", "");
    cases.header(Status::HEADER_MALFORMED, "Bearer a b", "");
    cases.header(Status::SCHEME_UNSUPPORTED, "Basic YTpi", "");
    cases.header(Status::REQUIREMENT_INVALID, "Bearer a", "a  b");
    let (handle, header) = (Handle::local(&[]), format!("Bearer {}", good_token("ES256")));
    cases.add("header accepted", Status::OK, move |out, size| {
        authorize_at(handle.config(), header.as_bytes(), b"orders:read", NOW, out, size)
    });
    let (handle, header) = (Handle::local(&[]), format!("Bearer {}", good_token("ES256")));
    cases.add("scope missing", Status::SCOPE_MISSING, move |out, size| {
        authorize_at(handle.config(), header.as_bytes(), b"orders:read orders:drop", NOW, out, size)
    });
    let handle = Handle::local(&[]);
    cases.add("authorize now", Status::TOKEN_OPAQUE, move |out, size| unsafe {
        let none = ptr::null();
        auth_authorize(handle.config(), chars(b"Bearer opaque"), 13, none, 0, out, size)
    });
}

fn tokens(cases: &mut Cases) {
    for alg in ["RS256", "ES256", "EdDSA"] {
        cases.token(Status::OK, good_token(alg));
        cases.token(Status::SIGNATURE_INVALID, tampered(&good_token(alg)));
    }
    cases.token(Status::TOKEN_TOO_LARGE, "a".repeat(16 * 1024 + 1));
    cases.token(Status::TOKEN_OPAQUE, "opaque");
    cases.token(Status::TOKEN_ENCRYPTED, "a.a.a.a.a");
    cases.token(Status::TOKEN_MALFORMED, "");
    cases.jose(Status::ALGORITHM_NOT_ALLOWED, r#"{"alg":"none"}"#);
    cases.jose(Status::CRITICAL_UNSUPPORTED, r#"{"alg":"EdDSA","crit":["exp"]}"#);
    cases.jose(Status::TYPE_NOT_ALLOWED, r#"{"alg":"EdDSA","typ":"dpop+jwt"}"#);
    cases.jose(Status::KEY_NOT_FOUND, r#"{"alg":"EdDSA","kid":"other"}"#);
    cases.jose(Status::KEY_UNUSABLE, r#"{"alg":"EdDSA","kid":"enc"}"#);
    let handle = Handle::remote(&[]);
    let token =
        token("EdDSA", &format!(r#"{{"iss":"https://127.0.0.1:1","aud":"{AUDIENCE}","exp":1}}"#));
    cases.add("keys pending", Status::KEYS_PENDING, move |out, size| {
        verify_at(handle.config(), token.as_bytes(), NOW, out, size)
    });
    let handle = Handle::local(&[]);
    cases.add("verify now", Status::TOKEN_OPAQUE, move |out, size| unsafe {
        auth_verify(handle.config(), chars(b"opaque"), 6, out, size)
    });
}

fn claims(cases: &mut Cases) {
    let other_issuer = format!(r#"{{"iss":"https://evil.example","aud":"{AUDIENCE}","exp":1}}"#);
    cases.claims(Status::ISSUER_INVALID, &other_issuer);
    cases.claims(Status::CLAIM_MISSING, &format!(r#"{{"iss":"{ISSUER}","sub":"bob"}}"#));
    cases.claims(Status::CLAIM_MALFORMED, &payload_with(r#","sub":7"#));
    cases.claims(Status::NOT_AN_ACCESS_TOKEN, &payload_with(r#","typ":"ID""#));
    let at = |exp: i64, nbf: i64, aud: &str| {
        format!(r#"{{"iss":"{ISSUER}","aud":"{aud}","exp":{exp},"nbf":{nbf},"sub":"bob"}}"#)
    };
    cases.claims(Status::TOKEN_EXPIRED, &at(NOW - 30, 0, AUDIENCE));
    cases.claims(Status::TOKEN_NOT_YET_VALID, &at(EXP, NOW + 31, AUDIENCE));
    cases.claims(Status::AUDIENCE_INVALID, &at(EXP, 0, "https://other.example"));
    cases.claims(Status::PROOF_REQUIRED, &payload_with(r#","cnf":{"jkt":"x"}"#));
}

/// A caller's mistakes.
fn mistakes(cases: &mut Cases) {
    let mistake = Status::ARGUMENT_INVALID;
    cases.add("check NULL", mistake, |out, size| unsafe {
        auth_config_check(ptr::null(), out, size)
    });
    cases.add("set NULL", mistake, |out, size| {
        set(ptr::null_mut(), b"audience", Some(b"x"), out, size)
    });
    cases.add("verify NULL", mistake, |out, size| verify_at(ptr::null(), b"a", NOW, out, size));
    cases.add("authorize NULL", mistake, |out, size| {
        authorize_at(ptr::null(), b"a", b"", NOW, out, size)
    });
    cases.add("describe NULL", mistake, |out, size| describe(ptr::null(), 1001, b"", out, size));
    let handle = Handle::local(&[]);
    cases.add("NULL with a length", mistake, move |out, size| unsafe {
        auth_verify_at(handle.config(), ptr::null(), 1, NOW, out, size)
    });
    for number in [0, 1, -1, 9999, i32::MIN, i32::MAX] {
        let handle = Handle::local(&[]);
        cases.add(format!("describe {number}"), mistake, move |out, size| {
            describe(handle.config(), number, b"", out, size)
        });
    }
}

fn configuration(cases: &mut Cases) {
    let handle = Handle::local(&[]);
    cases.add("set", Status::OK, move |out, size| {
        set(handle.config(), b"audience", Some(AUDIENCE.as_bytes()), out, size)
    });
    let handle = Handle::local(&[]);
    cases.add("check", Status::OK, move |out, size| unsafe {
        auth_config_check(handle.config(), out, size)
    });
    let handle = Handle::local(&[]);
    cases.add("set an unknown key", Status::OPTION_UNKNOWN, move |out, size| {
        set(handle.config(), b"audence", Some(b"x"), out, size)
    });
    for value in [None, Some(b"".as_slice()), Some(b"301s")] {
        let handle = Handle::local(&[]);
        cases.add(format!("leeway {value:?}"), Status::OPTION_INVALID, move |out, size| {
            set(handle.config(), b"claims.leeway", value, out, size)
        });
    }
    let handle = Handle::empty();
    cases.add("check nothing", Status::OPTION_MISSING, move |out, size| unsafe {
        auth_config_check(handle.config(), out, size)
    });
    let handle = Handle::empty();
    cases.add("verify by nothing", Status::OPTION_MISSING, move |out, size| {
        verify_at(handle.config(), good_token("EdDSA").as_bytes(), NOW, out, size)
    });
    let handle = Handle::local(&[]);
    assert_eq!(handle.verify_at("x").status, Status::TOKEN_OPAQUE as i32);
    cases.add("set a frozen handle", Status::CONFIG_FROZEN, move |out, size| {
        set(handle.config(), b"audience", Some(b"other"), out, size)
    });
}

fn loads(cases: &mut Cases) {
    let audience = format!(r#"{{"audience":"{AUDIENCE}"}}"#);
    for (json, status) in [
        (audience.as_str(), Status::OK),
        ("{}", Status::OK),
        (r#"{"audence":"x"}"#, Status::OPTION_UNKNOWN),
        (r#"{"claims":{"leeway":null}}"#, Status::OPTION_INVALID),
        ("no JSON", Status::OPTION_INVALID),
        ("", Status::OPTION_INVALID),
    ] {
        let (handle, json) = (Handle::local(&[]), json.to_owned());
        cases.add(format!("load {json}"), status, move |out, size| {
            load(handle.config(), json.as_bytes(), out, size)
        });
    }
    let handle = Handle::local(&[]);
    cases.add("load the environment", Status::OK, move |out, size| {
        load_env(handle.config(), out, size)
    });
    let frozen = || {
        let handle = Handle::local(&[]);
        assert_eq!(handle.verify_at("x").status, Status::TOKEN_OPAQUE as i32);
        handle
    };
    let handle = frozen();
    cases.add("load a frozen handle", Status::CONFIG_FROZEN, move |out, size| {
        load(handle.config(), b"{}", out, size)
    });
    let handle = frozen();
    cases.add("load the environment, frozen", Status::CONFIG_FROZEN, move |out, size| {
        load_env(handle.config(), out, size)
    });
    cases.add("load NULL", Status::ARGUMENT_INVALID, |out, size| {
        load(ptr::null_mut(), b"{}", out, size)
    });
    cases.add("load the environment, NULL", Status::ARGUMENT_INVALID, |out, size| {
        load_env(ptr::null_mut(), out, size)
    });
    let handle = Handle::local(&[]);
    cases.add("load NULL with a length", Status::ARGUMENT_INVALID, move |out, size| unsafe {
        auth_config_load(handle.config(), ptr::null(), 2, out, size)
    });
}

fn requirements(cases: &mut Cases) {
    let claims = payload_with(r#","scope":"a b","roles":["boss"],"exp2":5"#);
    for (claims, text, status) in [
        (claims.as_str(), "", Status::OK),
        (&claims, "a role:boss claim:exp2=5", Status::OK),
        (&claims, "a c", Status::SCOPE_MISSING),
        (&claims, "role:x", Status::ROLE_MISSING),
        (&claims, "permission:x", Status::PERMISSION_MISSING),
        (&claims, "group:x", Status::GROUP_MISSING),
        (&claims, "claim:exp2=6", Status::CLAIM_NOT_GRANTED),
        (&claims, "a  b", Status::REQUIREMENT_INVALID),
        ("", "a", Status::CLAIM_MALFORMED),
        (r#"{"iss":"https://evil.example"}"#, "a", Status::ISSUER_INVALID),
    ] {
        let (handle, claims) = (Handle::local(&[("verdict.realm", "r")]), claims.to_owned());
        cases.add(format!("require {text:?} {status:?}"), status, move |out, size| {
            require(handle.config(), claims.as_bytes(), text.as_bytes(), out, size)
        });
    }
    cases.add("require NULL", Status::ARGUMENT_INVALID, |out, size| {
        require(ptr::null(), b"{}", b"a", out, size)
    });
    let handle = Handle::empty();
    cases.add("require by nothing", Status::OPTION_MISSING, move |out, size| {
        require(handle.config(), b"{}", b"a  b", out, size)
    });
}

#[test]
fn the_cases_answer_as_they_say_and_cover_every_status() {
    let mut covered = BTreeSet::new();
    for case in all() {
        let answer = answer_of(&case.call);
        assert_eq!(answer.status, case.status as i32, "{}: {answer:?}", case.name);
        covered.insert(answer.status);
    }
    for status in STATUSES {
        assert!(covered.contains(&(*status as i32)), "no case answers {status:?}");
    }
}
