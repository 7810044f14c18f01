//! AUTH_VERDICT_SIZE is always enough, sentences are short, and no token text is told.

use std::ptr;

use auth::options::OPTIONS;
use auth::status::Status;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::common::*;

/// The longest texts that the configuration allows.
fn longest() -> Handle {
    let handle = Handle::empty();
    let issuer = format!("https://id.example/{}", "i".repeat(1005));
    let metadata = format!("https://api.example/{}", "m".repeat(492));
    for (key, value) in [
        ("issuer", longest_issuer().as_str()),
        ("audience", AUDIENCE),
        ("keys.jwks", jwks()),
        ("token.max_bytes", "1m"),
        ("verdict.realm", &"r".repeat(128)),
        ("verdict.resource_metadata", &metadata),
        ("verdict.require", &requirement('v')),
    ] {
        assert_eq!(handle.set(key, value), Status::OK, "{key}");
    }
    assert_eq!((issuer.len(), metadata.len()), (1024, 512));
    handle
}

fn longest_issuer() -> String {
    format!("https://id.example/{}", "i".repeat(1005))
}

/// 512 bytes of different scopes.
fn requirement(letter: char) -> String {
    let mut text: Vec<String> = (0..64).map(|n| format!("{letter}{n:06}")).collect();
    text[63].push('x');
    let text = text.join(" ");
    assert_eq!(text.len(), 512);
    text
}

/// A payload whose `scope` (and `scp`) are these.
fn payload(scope: &Value, scp: &Value, sub: &str, client_id: &str) -> String {
    let mut payload = json!({"iss": longest_issuer(), "aud": AUDIENCE, "exp": EXP});
    for (name, value) in [("scope", scope), ("scp", scp)] {
        if !value.is_null() {
            payload[name] = value.clone();
        }
    }
    for (name, value) in [("sub", sub), ("azp", client_id)] {
        if !value.is_empty() {
            payload[name] = value.into();
        }
    }
    payload.to_string()
}

/// Accepted in exactly the bytes that the header promises to be enough; `n` is the input's length.
fn accepted_within_bound(handle: &Handle, token: &str) -> Answer {
    let mut memory = Memory::new(verdict_size(token.len()));
    let token_answer =
        memory.call(&|out, size| verify_at(handle.config(), token.as_bytes(), NOW, out, size));
    let header = format!("Bearer {token}");
    let mut memory = Memory::new(verdict_size(header.len()));
    let answer = memory
        .call(&|out, size| authorize_at(handle.config(), header.as_bytes(), b"", NOW, out, size));
    assert_eq!(token_answer, answer);
    answer
}

/// In the order of the first appearance, none twice.
fn normal_form(scope: &[String], scp: &[String]) -> String {
    let mut normal: Vec<&str> = Vec::new();
    for one in scope.iter().chain(scp).flat_map(|text| text.split(' ')) {
        if !one.is_empty() && !normal.contains(&one) {
            normal.push(one);
        }
    }
    normal.join(" ")
}

fn scopes() -> impl Strategy<Value = Vec<String>> {
    let few_long = prop::collection::vec("[a-z]{1,3000}", 0..4);
    let many_short = prop::collection::vec("[!#-\\[\\]-~]{1,3}", 0..3000);
    let repeated = prop::collection::vec("[a-c]{1,2}", 0..3000);
    let wide = prop::collection::vec("[aé😀]{1,40}", 0..60);
    prop_oneof![few_long, many_short, repeated, wide]
}

/// Of exactly so many bytes, in characters of one, two or four bytes.
fn name_of(bytes: usize, wide: bool) -> String {
    let mut name = if wide { "é".repeat(bytes / 2) } else { String::new() };
    name.push_str(&"n".repeat(bytes - name.len()));
    name
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn the_record_of_an_accepted_token_fits_its_bound(
        scope in scopes(),
        scp in scopes(),
        (as_array, sub, client_id, wide) in (any::<bool>(), 0..=1024usize, 0..=1024usize,
            any::<bool>()),
    ) {
        let handle = longest();
        let scope: Vec<String> =
            requirement('v').split(' ').map(str::to_owned).chain(scope).collect();
        let scope_value = if as_array { json!(scope) } else { json!(scope.join(" ")) };
        let scp_value = if as_array { json!(scp.join(" ")) } else { json!(scp) };
        let (sub, client_id) = (name_of(sub, wide), name_of(client_id, !wide));
        let payload = payload(&scope_value, &scp_value, &sub, &client_id);
        let answer = accepted_within_bound(&handle, &token("EdDSA", &payload));
        prop_assert_eq!(answer.status, 0, "{:?}", answer);
        prop_assert_eq!(answer.text("claims"), payload);
        prop_assert_eq!(answer.text("subject"), sub);
        prop_assert_eq!(answer.text("client_id"), client_id);
        prop_assert_eq!(answer.text("issuer"), longest_issuer());
        prop_assert_eq!(answer.text("scopes"), normal_form(&scope, &scp));
    }

    #[test]
    fn no_record_holds_text_of_a_token(at in 0..60usize, choice in 0..TOKENS) {
        let (token, handle) = (&secret_tokens()[choice], Handle::local(&[]));
        let signature = token.rsplit('.').next().unwrap();
        let window = &signature.as_bytes()[at.min(signature.len() - 24)..][..24];
        for value in [
            format!("Bearer {token}"),
            format!("Bearer {token} x"),
            format!("Bearer Bearer {token}"),
            format!("Bearer \"{token}\""),
            format!("Bearer {token}, Bearer {token}"),
            format!("{token} x"),
            format!("JWT {token}"),
            token.clone(),
        ] {
            let mut memory = Memory::new(verdict_size(value.len()));
            let answer = memory.call(&|out, size| {
                authorize_at(handle.config(), value.as_bytes(), b"orders:drop", NOW, out, size)
            });
            prop_assert!(answer.status != 0);
            let told = memory.bytes.windows(24).any(|bytes| bytes == window);
            prop_assert!(!told, "{:?}", answer);
        }
        let mut memory = Memory::new(verdict_size(token.len()));
        memory.call(&|out, size| verify_at(handle.config(), token.as_bytes(), NOW, out, size));
        prop_assert!(!memory.bytes.windows(24).any(|bytes| bytes == window));
    }
}

const TOKENS: usize = 9;

/// One accepted, the others refused each by another stage.
fn secret_tokens() -> Vec<String> {
    let good = good_token("RS256");
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    let with_header = |header: &str| signed("EdDSA", header.as_bytes(), good_payload().as_bytes());
    let tokens = vec![
        good.clone(),
        tampered(&good),
        format!("{signed_part}.{signature}.{signature}.{signature}.{signature}"),
        format!("{signature}.{signature}.{signature}"),
        signature.to_owned(),
        with_header(r#"{"alg":"none"}"#),
        with_header(r#"{"alg":"EdDSA","kid":"enc"}"#),
        token("ES256", r#"{"iss":"https://evil.example"}"#),
        token("ES256", &payload_with(r#","nonce":"n""#)),
    ];
    assert_eq!(tokens.len(), TOKENS);
    tokens
}

#[test]
fn one_text_of_twelve_thousand_bytes_fits() {
    let handle = Handle::local(&[]);
    let long = "s".repeat(11_500);
    let letters: Vec<String> = (0..1_800u32).map(|n| format!("{n:x}")).collect();
    for scope in [json!(long), json!([long]), json!(letters), json!(letters.join(" "))] {
        let more = format!(r#","scope":{scope}"#);
        let token = token("RS256", &payload_with(&more));
        let answer = accepted_within_bound(&handle, &token);
        assert_eq!(answer.status, 0, "{answer:?}");
        assert!(answer.text("scopes").len() > 6_500);
    }
}

#[test]
fn a_subject_or_client_has_at_most_1024_bytes() {
    let handle = Handle::local(&[]);
    for name in ["sub", "client_id", "azp", "cid", "appid"] {
        for (text, status) in [
            (name_of(1024, false), Status::OK),
            (name_of(1024, true), Status::OK),
            (name_of(1025, false), Status::CLAIM_MALFORMED),
            (name_of(1026, true), Status::CLAIM_MALFORMED),
            (String::new(), Status::CLAIM_MALFORMED),
        ] {
            let more = format!(r#","{name}":"{text}""#);
            let token = token("EdDSA", &payload_with(&more));
            let answer = accepted_within_bound(&handle, &token);
            assert_eq!(answer.status, status as i32, "{name} of {} bytes", text.len());
        }
    }
}

/// Refused in the 4096 bytes that every refusal fits.
fn refused_within_bound(call: &Call) -> Option<Answer> {
    let status = call(ptr::null_mut(), 0);
    if status == Status::OK {
        return None;
    }
    let answer = Memory::new(verdict_size(0)).call(call);
    answer.assert_refused(status);
    Some(answer)
}

#[test]
fn the_longest_refusals_fit() {
    let handle = longest();
    let require = requirement('r');
    let payload = payload(&json!("v000000"), &Value::Null, "", "");
    let header = format!("Bearer {}", token("EdDSA", &payload));
    let answer = refused_within_bound(&|out, size| {
        authorize_at(handle.config(), header.as_bytes(), require.as_bytes(), NOW, out, size)
    });
    let answer = answer.unwrap();
    assert_eq!(answer.status, Status::SCOPE_MISSING as i32);
    let scope = format!("scope=\"{} {require}\"", requirement('v'));
    assert!(answer.text("challenge").contains(&scope), "{answer:?}");

    let issuer = format!("https://127.0.0.1/{}", "i".repeat(1006));
    let pending = Handle::remote(&[("issuer", &issuer)]);
    let payload = json!({"iss": issuer, "aud": AUDIENCE, "exp": EXP}).to_string();
    let token = token("EdDSA", &payload);
    let answer = refused_within_bound(&|out, size| {
        verify_at(pending.config(), token.as_bytes(), NOW, out, size)
    });
    let answer = answer.unwrap();
    assert_eq!(answer.status, Status::KEYS_PENDING as i32);
    assert_eq!((answer.text("issuer"), issuer.len()), (issuer.as_str(), 1024));
}

#[test]
fn many_mistakes_are_told_within_the_bound() {
    let handle = Handle::empty();
    let wide = "\u{1f600}".repeat(600);
    for n in 0..40 {
        set(
            handle.config(),
            format!("{n}{wide}").as_bytes(),
            Some(wide.as_bytes()),
            ptr::null_mut(),
            0,
        );
    }
    let issuers: Vec<String> = (0..200).map(|n| format!("{n}{wide}")).collect();
    handle.set("issuer", &issuers.join(" "));
    let answer = refused_within_bound(&|out, size| unsafe {
        auth::ffi::auth_config_check(handle.config(), out, size)
    });
    assert_eq!(answer.unwrap().status, Status::OPTION_UNKNOWN as i32);
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..max),
        prop::collection::vec(select(b"aA.-_= \t\",{}[]:\\\x00\xc3\xa9\x1b\n".to_vec()), 0..max),
        "\\PC{0,300}".prop_map(String::into_bytes),
    ]
}

fn json_value() -> impl Strategy<Value = String> {
    let odd = [
        "null",
        "true",
        "-1",
        "1e300",
        "1e999",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "{}",
        "[]",
        "[[]]",
        "[1]",
        "[\"a b\"]",
        "[\"\"]",
        "1.5",
        "253402300800",
        "1800000000000",
        "\"ID\"",
        "\"\\u202e\\r\\n\\u001b[31m\"",
        "{\"a\":1,\"a\":2}",
        "\"*\"",
        "[\"a\",\"b\",\"c\",\"d\"]",
    ];
    prop_oneof![
        select(odd.to_vec()).prop_map(str::to_owned),
        "\\PC{0,200}".prop_map(|text| json!(text).to_string()),
        prop::collection::vec("\\PC{0,80}", 0..6).prop_map(|texts| json!(texts).to_string()),
    ]
}

fn claims() -> impl Strategy<Value = String> {
    let names = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "scope",
        "scp",
        "client_id",
        "azp",
        "cid",
        "appid",
        "typ",
        "token_use",
        "token_type",
        "type",
        "nonce",
        "events",
        "cnf",
        "other",
    ];
    let member = (select(names.to_vec()), json_value());
    prop::collection::vec(member, 0..4).prop_map(|members| {
        let of = |name: &str, good: String| {
            let changed = members.iter().find(|(changed, _)| *changed == name);
            format!(r#""{name}":{}"#, changed.map_or(good, |(_, value)| value.clone()))
        };
        let mut all = vec![
            of("iss", json!(longest_issuer()).to_string()),
            of("aud", json!(AUDIENCE).to_string()),
            of("exp", EXP.to_string()),
        ];
        let more = members.iter().filter(|(name, _)| !matches!(*name, "iss" | "aud" | "exp"));
        all.extend(more.map(|(name, value)| format!(r#""{name}":{value}"#)));
        format!("{{{}}}", all.join(","))
    })
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn every_refusal_of_random_bytes_fits_its_bound(
        header in bytes(3_000),
        require in bytes(700),
        (number, detail) in (select(NUMBERS.to_vec()), bytes(3_000)),
        prefix in select(vec!["", "Bearer ", "Bearer a.a.", "Basic "]),
    ) {
        let handle = longest();
        let header = [prefix.as_bytes(), &header].concat();
        let authorized = refused_within_bound(&|out, size| {
            authorize_at(handle.config(), &header, &require, NOW, out, size)
        });
        prop_assert!(authorized.is_some());
        let verified =
            refused_within_bound(&|out, size| verify_at(handle.config(), &header, NOW, out, size));
        prop_assert!(verified.is_some());
        let described = refused_within_bound(&|out, size| {
            describe(handle.config(), number, &detail, out, size)
        });
        prop_assert!(described.is_some());
    }

    #[test]
    fn every_refusal_of_a_signed_token_fits_its_bound(
        payload in claims(),
        (alg, kid, typ) in (json_value(), json_value(), json_value()),
        good in select(vec![(true, true, true), (false, true, true), (true, false, true),
            (true, true, false)]),
    ) {
        let handle = longest();
        let either = |good: bool, text: &str, odd: String| if good { text.into() } else { odd };
        let header = format!(
            r#"{{"alg":{},"kid":{},"typ":{}}}"#,
            either(good.0, r#""EdDSA""#, alg),
            either(good.1, r#""EdDSA""#, kid),
            either(good.2, r#""JWT""#, typ),
        );
        let token = signed("EdDSA", header.as_bytes(), payload.as_bytes());
        refused_within_bound(&|out, size| {
            verify_at(handle.config(), token.as_bytes(), NOW, out, size)
        });
    }

    #[test]
    fn every_refusal_of_a_set_fits_its_bound(
        key in prop_oneof![
            bytes(300),
            (0..OPTIONS.len()).prop_map(|place| OPTIONS[place].key.as_bytes().to_vec()),
        ],
        value in bytes(3_000),
    ) {
        let until_nul = |text: Vec<u8>| text.split(|byte| *byte == 0).next().unwrap().to_vec();
        let (key, value) = (until_nul(key), until_nul(value));
        let handle = Handle::local(&[]);
        refused_within_bound(&|out, size| set(handle.config(), &key, Some(&value), out, size));
        refused_within_bound(&|out, size| unsafe {
            auth::ffi::auth_config_check(handle.config(), out, size)
        });
    }
}

const NUMBERS: &[i32] =
    &[-1, 0, 1001, 1002, 2004, 2008, 3001, 3004, 5003, 6001, 6006, 7001, 7003, 7006, 7099, 9999];
