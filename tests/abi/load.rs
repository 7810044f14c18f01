//! auth_config_load: all or nothing, mistakes told together and remembered, order, threads.

use std::ptr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use auth::options::OPTIONS;
use auth::status::Status;
use serde_json::{Value, json};

use crate::common::*;
use crate::freeze::right_values;

const INVALID: Status = Status::OPTION_INVALID;

fn load_bytes(handle: &Handle, json: &[u8]) -> Answer {
    answer_of(&|out, size| load(handle.config(), json, out, size))
}

fn accepts(handle: &Handle) -> bool {
    handle.verify_at(&good_token("EdDSA")).status == 0
}

/// The options of [`Handle::local`].
fn own_options() -> Value {
    let keys: Value = serde_json::from_str(jwks()).unwrap();
    json!({"issuer": ISSUER, "audience": AUDIENCE, "keys": {"jwks": keys}})
}

#[test]
fn an_ok_tells_nothing_but_its_code() {
    let handle = Handle::empty();
    handle.load(&own_options().to_string()).assert_ok_alone();
    handle.load("{}").assert_ok_alone();
    handle.load(" \t\r\n{ } \n").assert_ok_alone();
    assert!(accepts(&handle));
}

// ---------------------------------------------------------------- documents

/// Each is refused as a whole: no part of it is set.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let good = r#""audience":"other""#;
    let text = |json: String| json.into_bytes();
    let deep = |depth: usize| {
        format!("{{{good},\"x\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
    };
    let long = format!("{{{good},\"claims.leeway\":\"{}\"}}", "1".repeat(1024 * 1024));
    vec![
        ("nothing", text(String::new())),
        ("blanks", text(" \n".into())),
        ("NUL", b"\0".to_vec()),
        ("an array", text(format!("[{{{good}}}]"))),
        ("a text", text(r#""audience""#.into())),
        ("null", text("null".into())),
        ("a number", text("0".into())),
        ("cut off", text(format!("{{{good}"))),
        ("a comma too many", text(format!("{{{good},}}"))),
        ("two documents", text(format!("{{{good}}}{{{good}}}"))),
        ("NUL behind it", text(format!("{{{good}}}\0"))),
        ("NUL in a text", text("{\"audience\":\"oth\0er\"}".into())),
        ("a byte order mark", text(format!("\u{feff}{{{good}}}"))),
        ("UTF-16", format!("{{{good}}}").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("no UTF-8", [b"{\"audience\":\"oth\xffer\"}".as_slice()].concat()),
        ("an overlong slash", b"{\"audience\":\"a\xc0\xafb\"}".to_vec()),
        ("a surrogate as UTF-8", b"{\"audience\":\"\xed\xa0\x80\"}".to_vec()),
        ("no UTF-8 in an unknown name", b"{\"\xff\":1}".to_vec()),
        ("a lone surrogate", text(format!(r#"{{{good},"claims":{{"leeway":"\ud800"}}}}"#))),
        ("a name twice", text(format!("{{{good},{good}}}"))),
        ("a name twice, escaped", text(format!(r#"{{{good},"a\u0075dience":"x"}}"#))),
        ("a name twice below", text(format!(r#"{{{good},"keys":{{"ttl":5,"ttl":6}}}}"#))),
        (
            "a name twice in a key set",
            text(format!(r#"{{{good},"keys":{{"jwks":{{"keys":[{{"kid":"a","kid":"b"}}]}}}}}}"#)),
        ),
        ("a name twice in what is unknown", text(format!(r#"{{{good},"x":{{"a":1,"a":1}}}}"#))),
        ("a number beyond every range", text(format!(r#"{{{good},"keys.ttl":1e999}}"#))),
        ("33 levels", text(deep(33))),
        ("100000 levels", text(deep(100_000))),
        ("more than 1 MiB", text(long)),
        ("more than 1 MiB of blanks", text(" ".repeat(1024 * 1024) + "{}")),
        ("more than 1 MiB that is no text", vec![0xff; 1024 * 1024 + 1]),
    ]
}

#[test]
fn a_document_that_cannot_be_read_sets_nothing() {
    for (name, document) in unreadable() {
        let handle = Handle::local(&[]);
        let answer = load_bytes(&handle, &document);
        assert_eq!(answer.status, INVALID as i32, "{name}: {answer:?}");
        answer.assert_refused(INVALID);
        assert!(!answer.text("log").contains("other"), "{name}: no value is quoted");
        // Right again: and then by the audience of before, if it is judged at all.
        handle.load("{}").assert_ok_alone();
        assert!(accepts(&handle), "{name}");
    }
}

/// A caller who ignores what `load` returned must not run with less than the document asked for.
#[test]
fn a_document_that_cannot_be_read_refuses_every_use_until_one_can() {
    for (name, document) in unreadable() {
        let handle = Handle::local(&[]);
        load_bytes(&handle, &document);
        assert_eq!(handle.check(), INVALID, "{name}: remembered");
        assert_eq!(handle.set("claims.leeway", "5s"), Status::OK);
        assert_eq!(handle.check(), INVALID, "{name}: a set of an option takes nothing back");
        assert_eq!(handle.verify_at("x").status, INVALID as i32, "{name}");
        handle.load("{}").assert_ok_alone();
        assert_eq!(handle.check(), Status::OK, "{name}: taken back by a document that can be read");
    }
}

#[test]
fn the_limits_are_32_levels_and_1_mib() {
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(31), "]".repeat(31));
    let answer = Handle::local(&[]).load(&deep);
    answer.assert_refused(Status::OPTION_UNKNOWN);
    let json = r#"{"claims.leeway":"5s"}"#;
    let long = " ".repeat(1024 * 1024 - json.len()) + json;
    assert_eq!(long.len(), 1024 * 1024);
    Handle::local(&[]).load(&long).assert_ok_alone();
    let answer = Handle::local(&[]).load(&format!("{long} "));
    answer.assert_refused(INVALID);
    assert!(answer.text("log").contains("1 MiB"));
}

#[test]
fn a_document_needs_no_nul_behind_it_and_ends_where_its_length_says() {
    let handle = Handle::local(&[]);
    let two = br#"{"audience":"other"}{"#;
    let answer = load_bytes(&handle, &two[..two.len() - 1]);
    answer.assert_ok_alone();
    let answer = handle.verify_at(&good_token("EdDSA"));
    assert_eq!(answer.status, Status::AUDIENCE_INVALID as i32);
}

// ---------------------------------------------------------------- values

#[test]
fn a_key_set_is_an_object_or_its_text_or_pem() {
    let keys: Value = serde_json::from_str(jwks()).unwrap();
    let with_escapes = |text: &str| json!(text).to_string().replace('-', "\\u002d");
    let pem = pem();
    for (name, options) in [
        ("nested object", json!({"keys": {"jwks": keys}}).to_string()),
        ("dotted object", json!({"keys.jwks": keys}).to_string()),
        ("nested text", json!({"keys": {"jwks": jwks()}}).to_string()),
        ("dotted text", json!({"keys.jwks": jwks()}).to_string()),
        ("PEM", json!({"keys": {"jwks": pem}}).to_string()),
        ("PEM with \\r\\n", json!({"keys": {"jwks": pem.replace('\n', "\r\n")}}).to_string()),
        ("PEM with escapes", format!(r#"{{"keys":{{"jwks":{}}}}}"#, with_escapes(&pem))),
        ("two PEM", json!({"keys.jwks": format!("one\n{pem}{pem}two\n")}).to_string()),
    ] {
        let handle = Handle::empty();
        handle.load(&json!({"issuer": ISSUER, "audience": AUDIENCE}).to_string()).assert_ok_alone();
        let answer = handle.load(&options);
        assert_eq!(answer.status, 0, "{name}: {answer:?}");
        assert!(accepts(&handle), "{name}");
        let forged = handle.verify_at(&tampered(&good_token("EdDSA")));
        assert_eq!(forged.status, Status::SIGNATURE_INVALID as i32, "{name}");
    }
}

#[test]
fn a_key_set_of_another_form_is_invalid() {
    let pem = pem();
    let keys: Value = serde_json::from_str(jwks()).unwrap();
    let private = pem.replace("PUBLIC", "PRIVATE");
    let certificate = pem.replace("PUBLIC KEY", "CERTIFICATE");
    for value in [
        json!([keys]),
        json!([pem]),
        json!({"keys": {}}),
        json!({"keys": []}),
        json!({"keys": [keys]}),
        json!({}),
        json!(""),
        json!(5),
        json!(true),
        json!(null),
        json!(private),
        json!(certificate),
        json!(format!("{pem}{private}")),
        json!(pem.replace("-----END", "----END")),
        json!(pem.replace('\n', " ")),
        json!(pem.trim_end().trim_end_matches('-')),
        json!("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"),
    ] {
        let handle = Handle::local(&[]);
        let answer = handle.load(&json!({"keys": {"jwks": value}}).to_string());
        assert_eq!(answer.status, INVALID as i32, "{value}: {answer:?}");
        answer.assert_refused(INVALID);
        assert_eq!(handle.check(), INVALID, "{value}: remembered");
        assert_eq!(handle.set("keys.jwks", jwks()), Status::OK);
        assert!(accepts(&handle), "{value}");
    }
}

#[test]
fn every_option_takes_its_text_and_refuses_the_other_types() {
    for (key, right) in right_values() {
        Handle::local(&[]).load(&json!({key: right}).to_string()).assert_ok_alone();
        let nested = match key.split_once('.') {
            Some((group, name)) => json!({group: {name: right}}),
            None => json!({key: right}),
        };
        Handle::local(&[]).load(&nested.to_string()).assert_ok_alone();
    }
    for row in OPTIONS {
        for value in ["null", "true", "false", "-1", "1.5", "1e2", "\"\"", "\" \"", "{}", "[]"] {
            let handle = Handle::local(&[]);
            let answer = handle.load(&format!("{{\"{}\":{value}}}", row.key));
            assert_eq!(answer.status, INVALID as i32, "{}={value}: {answer:?}", row.key);
            assert!(answer.text("log").contains(row.key), "{answer:?}");
            assert_eq!(handle.check(), INVALID, "{}={value}: remembered", row.key);
        }
        for value in ["[null]", "[1]", "[[]]", "[\"\"]", r#""a\u0000b""#, r#"["\u0000"]"#] {
            let answer = Handle::local(&[]).load(&format!("{{\"{}\":{value}}}", row.key));
            assert_eq!(answer.status, INVALID as i32, "{}={value}: {answer:?}", row.key);
        }
    }
}

#[test]
fn numbers_are_for_durations_and_sizes() {
    for (json, status) in [
        (r#"{"claims":{"leeway":0},"keys":{"ttl":1},"token":{"max_bytes":256}}"#, Status::OK),
        (r#"{"claims":{"leeway":300}}"#, Status::OK),
        (r#"{"claims":{"leeway":301}}"#, INVALID),
        (r#"{"claims":{"leeway":99999999999999999999999}}"#, INVALID),
        (r#"{"token":{"max_bytes":1048577}}"#, INVALID),
        (r#"{"audience":1}"#, INVALID),
        (r#"{"verdict":{"realm":7}}"#, INVALID),
    ] {
        let answer = Handle::local(&[]).load(json);
        assert_eq!(answer.status, status as i32, "{json}: {answer:?}");
    }
}

#[test]
fn names_that_are_no_options_are_unknown_for_good() {
    for (json, told) in [
        (r#"{"audence":"x"}"#, "did you mean audience?"),
        (r#"{"keys":{"tttl":"5m"}}"#, "did you mean keys.ttl?"),
        (r#"{"clockTolerance":5}"#, "did you mean claims.leeway?"),
        (r#"{"keys":{"jwksUri":"https://id.example"}}"#, "keys.jwksUri"),
        (r#"{"keys":{"keys":{"ttl":"5m"}}}"#, "keys.keys"),
        (r#"{"keys":"x"}"#, "there is no option \"keys\""),
        (r#"{"claims":[]}"#, "there is no option \"claims\""),
        (r#"{"":1}"#, "there is no option \"\""),
        (r#"{"claims":{"":1}}"#, "there is no option \"claims.\""),
        (r#"{"audience ":"x"}"#, "there is no option \"audience \""),
        (r#"{"Audience":"x"}"#, "there is no option \"Audience\""),
        (r#"{"audience\u0000":"x"}"#, r"audience\x00"),
        (r#"{"audience\u202e":"x"}"#, r"audience\u{202e}"),
        (r#"{"provider":"auth0"}"#, "there is no option \"provider\""),
    ] {
        let handle = Handle::local(&[]);
        let answer = handle.load(json);
        answer.assert_refused(Status::OPTION_UNKNOWN);
        assert!(answer.text("log").contains(told), "{json}: {answer:?}");
        handle.load(&own_options().to_string()).assert_ok_alone();
        assert_eq!(handle.check(), Status::OPTION_UNKNOWN, "{json}: for good");
    }
}

#[test]
fn nested_and_dotted_are_the_same_option() {
    for json in [
        r#"{"keys":{"ttl":"5m"},"keys.ttl":"5m"}"#,
        r#"{"keys.ttl":"5m","keys":{"ttl":"5m"}}"#,
        r#"{"keys.ttl":"5m","keys":{"ttl":null}}"#,
    ] {
        let handle = Handle::local(&[]);
        let answer = handle.load(json);
        answer.assert_refused(INVALID);
        assert!(answer.text("log").contains("keys.ttl"), "{answer:?}");
        assert_eq!(handle.check(), INVALID);
        assert_eq!(handle.set("keys.ttl", "5m"), Status::OK);
        assert_eq!(handle.check(), Status::OK);
    }
}

// ---------------------------------------------------------------- mistakes

#[test]
fn one_mistake_and_nothing_is_set() {
    for mistake in [r#""claims.leeway":"x""#, r#""audence":1"#, r#""keys":{"ttl":null}"#] {
        for json in [
            format!(r#"{{{mistake},"audience":"other"}}"#),
            format!(r#"{{"audience":"other",{mistake}}}"#),
        ] {
            let handle = Handle::empty();
            let other = Handle::local(&[]);
            assert_ne!(handle.load(&json).status, 0);
            let log = handle.checked().text("log").to_owned();
            assert!(log.contains("audience is not set"), "{json}: {log}");
            // And the value of before stays.
            assert_ne!(other.load(&json).status, 0);
            other.set("claims.leeway", "5s");
            other.set("keys.ttl", "5m");
            let status = other.verify_at(&good_token("EdDSA")).status;
            let expected =
                if mistake.contains("audence") { Status::OPTION_UNKNOWN } else { Status::OK };
            assert_eq!(status, expected as i32, "{json}");
        }
    }
}

#[test]
fn mistakes_are_told_together_and_each_is_taken_back_by_itself() {
    let wrong = json!({"claims": {"leeway": "x", "max_age": null}, "keys.ttl": 0,
        "verdict": {"realm": "\""}, "token.algorithms": ["none"]});
    let handle = Handle::local(&[]);
    let told = handle.load(&wrong.to_string());
    told.assert_refused(INVALID);
    let right = [
        ("claims.leeway", "5s"),
        ("claims.max_age", "1h"),
        ("keys.ttl", "5m"),
        ("verdict.realm", "r"),
        ("token.algorithms", "EdDSA"),
    ];
    for (key, _) in right {
        assert!(told.text("log").contains(key), "{key}: {told:?}");
    }
    for (place, (key, value)) in right.iter().enumerate() {
        let log = handle.checked().text("log").to_owned();
        assert_eq!(handle.check(), INVALID, "{key} is left");
        for (at, (key, _)) in right.iter().enumerate() {
            assert_eq!(log.contains(key), at >= place, "{key}: {log}");
        }
        match place % 2 {
            0 => assert_eq!(handle.set(key, value), Status::OK),
            _ => handle.load(&json!({*key: value}).to_string()).assert_ok_alone(),
        }
    }
    assert_eq!(handle.check(), Status::OK);
}

/// Also where the key had a right value before the mistake.
#[test]
fn a_mistake_is_not_taken_back_by_a_load_of_other_options() {
    for other in ["{}", r#"{"claims":{"leeway":"5s"}}"#] {
        for (key, _) in right_values().iter().filter(|(key, _)| *key != "claims.leeway") {
            let right = &right_values().iter().find(|(own, _)| own == key).unwrap().1.clone();
            for mistake in ["set", "load"] {
                let handle = Handle::local(&[]);
                assert_eq!(handle.set(key, right), Status::OK);
                match mistake {
                    "set" => assert_eq!(handle.set(key, ""), INVALID),
                    _ => assert_eq!(handle.load(&json!({*key: ""}).to_string()).status, 7003),
                }
                handle.load(other).assert_ok_alone();
                assert_eq!(handle.check(), INVALID, "{key} by {mistake}: {other} took it back");
                assert_eq!(handle.verify_at("x").status, INVALID as i32);
                handle.load(&json!({*key: right}).to_string()).assert_ok_alone();
                assert_eq!(handle.check(), Status::OK, "{key}");
            }
        }
    }
}

#[test]
fn a_failed_load_takes_no_mistake_back() {
    let handle = Handle::local(&[]);
    assert_eq!(handle.set("claims.leeway", ""), INVALID);
    assert_eq!(handle.load(r#"{"claims.leeway":"5s","keys.ttl":null}"#).status, INVALID as i32);
    let log = handle.checked().text("log").to_owned();
    assert!(log.contains("claims.leeway") && log.contains("keys.ttl"), "{log}");
    assert_eq!(handle.set("keys.ttl", "5m"), Status::OK);
    assert_eq!(handle.check(), INVALID, "claims.leeway was never set right");
}

/// However many mistakes are remembered already.
#[test]
fn an_unknown_key_is_remembered_behind_many_mistakes() {
    let values = right_values();
    assert!(values.len() >= 16);
    for by_load in [false, true] {
        let handle = Handle::local(&[]);
        for (key, _) in &values {
            assert_eq!(handle.set(key, ""), INVALID);
        }
        match by_load {
            false => assert_eq!(handle.set("audence", "x"), Status::OPTION_UNKNOWN),
            true => handle.load(r#"{"audence":1}"#).assert_refused(Status::OPTION_UNKNOWN),
        }
        for (key, right) in &values {
            assert_eq!(handle.set(key, right), Status::OK);
        }
        assert_eq!(handle.check(), Status::OPTION_UNKNOWN, "by load: {by_load}");
    }
    // In one document, the unknown one last.
    let mut all: Vec<String> = values.iter().map(|(key, _)| format!("\"{key}\":null")).collect();
    all.push("\"~\":1".into());
    let handle = Handle::local(&[]);
    assert_ne!(handle.load(&format!("{{{}}}", all.join(","))).status, 0);
    for (key, right) in &values {
        assert_eq!(handle.set(key, right), Status::OK);
    }
    assert_eq!(handle.check(), Status::OPTION_UNKNOWN);
}

#[test]
fn very_many_mistakes_are_refused_and_remembered() {
    let names: Vec<String> = (0..50_000).map(|n| format!("\"x{n}\":{n}")).collect();
    for json in
        [format!("{{{}}}", names.join(",")), format!("{{\"keys\":{{{}}}}}", names.join(","))]
    {
        let handle = Handle::local(&[]);
        handle.load(&json).assert_refused(Status::OPTION_UNKNOWN);
        assert_eq!(handle.check(), Status::OPTION_UNKNOWN);
    }
}

// ---------------------------------------------------------------- order, freeze, threads

#[test]
fn the_later_of_load_and_set_is_in_force() {
    let load_other = r#"{"audience":"other"}"#;
    let load_own = json!({"audience": [AUDIENCE]}).to_string();
    for (calls, status) in [
        (["load other", "set own"], Status::OK),
        (["set other", "load own"], Status::OK),
        (["load other", "load own"], Status::OK),
        (["load own", "set other"], Status::AUDIENCE_INVALID),
        (["set own", "load other"], Status::AUDIENCE_INVALID),
        (["load own", "load other"], Status::AUDIENCE_INVALID),
    ] {
        let handle = Handle::local(&[]);
        for call in calls {
            match call {
                "set own" => assert_eq!(handle.set("audience", AUDIENCE), Status::OK),
                "set other" => assert_eq!(handle.set("audience", "other"), Status::OK),
                "load own" => handle.load(&load_own).assert_ok_alone(),
                _ => handle.load(load_other).assert_ok_alone(),
            }
        }
        let answer = handle.verify_at(&good_token("EdDSA"));
        assert_eq!(answer.status, status as i32, "{calls:?}");
    }
}

#[test]
fn a_load_of_one_option_leaves_the_others() {
    let handle = Handle::local(&[("verdict.realm", "before"), ("token.max_bytes", "256")]);
    handle.load(r#"{"claims":{"leeway":"5s"}}"#).assert_ok_alone();
    let answer = handle.verify_at(&"a".repeat(257));
    answer.assert_refused(Status::TOKEN_TOO_LARGE);
    assert!(answer.text("challenge").contains("realm=\"before\""));
}

#[test]
fn a_frozen_handle_loads_nothing_and_remembers_nothing() {
    let handle = Handle::local(&[]);
    assert!(accepts(&handle));
    for json in [r#"{"audience":"other"}"#, r#"{"audence":1}"#, r#"{"audience":null}"#, "{}", "["] {
        handle.load(json).assert_refused(Status::CONFIG_FROZEN);
        assert_eq!(handle.check(), Status::OK, "{json}");
        assert!(accepts(&handle), "{json}");
    }
    assert_eq!(load_env(handle.config(), ptr::null_mut(), 0), Status::CONFIG_FROZEN);
    assert!(accepts(&handle));
}

#[test]
fn a_further_requirement_freezes_as_a_verification_does() {
    let handle = Handle::local(&[]);
    handle.require(&payload_with(""), "").assert_ok_alone();
    handle.load("{}").assert_refused(Status::CONFIG_FROZEN);
    assert_eq!(handle.set("audience", "other"), Status::CONFIG_FROZEN);
}

/// What is in force is one whole document, and the last that its thread was told OK for.
fn race() {
    const THREADS: usize = 3;
    let handle = &Handle::local(&[]);
    let (barrier, loads) = (&Barrier::new(THREADS + 1), &AtomicUsize::new(0));
    let document = |n: usize| {
        json!({"audience": [format!("aud-{n}"), "x"], "verdict": {"realm": format!("realm-{n}")},
            "claims.leeway": n % 301})
        .to_string()
    };
    let load_until_frozen = |thread: usize| {
        barrier.wait();
        let mut last = None;
        for n in (thread * 1_000_000..).take(900_000) {
            match load(handle.config(), document(n).as_bytes(), ptr::null_mut(), 0) {
                Status::OK => last = Some(n),
                Status::CONFIG_FROZEN => return last,
                other => panic!("{other:?}"),
            }
            loads.fetch_add(1, Ordering::Relaxed);
        }
        panic!("the handle was never frozen")
    };
    let load_until_frozen = &load_until_frozen;
    let told: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || load_until_frozen(thread))).collect();
        barrier.wait();
        while loads.load(Ordering::Relaxed) < 2 * THREADS {
            std::hint::spin_loop();
        }
        assert_eq!(handle.verify_at("x").status, Status::TOKEN_OPAQUE as i32);
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    let foreign = handle.verify_at(&good_token("EdDSA"));
    foreign.assert_refused(Status::AUDIENCE_INVALID);
    let challenge = foreign.text("challenge");
    let in_force = |n: &&usize| challenge.contains(&format!("realm=\"realm-{n}\""));
    let n = told.iter().find(in_force).unwrap_or_else(|| panic!("{told:?}: {challenge}"));
    assert!(foreign.text("log").contains(&format!("\"aud-{n}\"")), "{n}: {foreign:?}");
    let expired = format!(r#"{{"iss":"{ISSUER}","aud":"x","exp":1}}"#);
    let expired = handle.verify_at(&token("EdDSA", &expired));
    let leeway = format!("leeway {} s", n % 301);
    assert!(expired.text("log").ends_with(&leeway), "{n}: {expired:?}");
}

#[test]
fn every_load_of_many_threads_is_whole_or_told_that_it_came_too_late() {
    for _ in 0..25 {
        race();
    }
}

#[test]
fn no_document_turns_a_check_off() {
    let expired = format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{}}}"#, NOW - 301);
    let tokens = [
        (tampered(&good_token("EdDSA")), Status::SIGNATURE_INVALID),
        (token("EdDSA", &expired), Status::TOKEN_EXPIRED),
    ];
    let values =
        [json!("*"), json!("off"), json!("none"), json!(["*"]), json!(0), json!(["absent"])];
    let mut accepted = 0;
    for row in OPTIONS {
        for value in &values {
            let handle = Handle::local(&[]);
            let loaded = handle.load(&json!({row.key: value}).to_string()).status == 0;
            if !loaded || handle.check() != Status::OK {
                continue;
            }
            accepted += 1;
            for (token, status) in &tokens {
                let answered = handle.verify_at(token).status;
                assert_ne!(answered, 0, "{}={value} lets {status:?} pass", row.key);
            }
        }
    }
    assert!(accepted >= 5, "some of these values are values of options");
}
