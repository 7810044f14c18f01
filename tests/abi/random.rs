//! Documents, requirements, claims and paths by chance: no panic, a whole record within its bound,
//! short sentences.

use std::cell::Cell;
use std::panic;
use std::ptr;
use std::sync::Once;

use auth::options::OPTIONS;
use auth::status::Status;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::common::*;
use crate::freeze::right_values;

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// A panic that an exported function kept inside would look like any refusal.
fn without_panic<T>(body: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            usual(info);
        }));
    });
    let before = PANICS.get();
    let given = body();
    assert_eq!(PANICS.get(), before, "a panic inside the library");
    given
}

/// The answer, in the room that the header promises to be enough for a call without a token.
fn answer_within_bound(call: &Call) -> Answer {
    let answer = without_panic(|| Memory::new(verdict_size(0)).call(call));
    match Status::from_number(answer.status).unwrap() {
        Status::OK => answer.assert_ok_alone(),
        status => answer.assert_refused(status),
    }
    assert_eq!(call(ptr::null_mut(), 0) as i32, answer.status, "the same without a record");
    answer
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// JSON texts, odd ones and some that are none.
fn json_text() -> impl Strategy<Value = String> {
    let odd = [
        "null",
        "true",
        "0",
        "-0",
        "1",
        "300",
        "301",
        "1.5",
        "1e2",
        "1e999",
        "01",
        "\"\"",
        "\" \"",
        "\"*\"",
        "[]",
        "[[]]",
        "{}",
        "[\"*\",\"a\"]",
        "[\"\"]",
        "[1]",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"5m\"",
        "\"64k\"",
        "\"{tenant}\"",
        "\"https://id.example\"",
        "\"http://127.0.0.1\"",
        "{\"a\":1,\"a\":1}",
        "{\"keys\":[]}",
        "\"-----BEGIN \"",
        "x",
        "",
        "\"",
        "[",
        "\"role:a|b\"",
        "\"a  b\"",
        "[{}]",
        "[{\"issuer\":\"a\"},{\"issuer\":\"a\"}]",
        "[{\"issuer\":\"https://a\",\"keys\":{\"ttl\":null}}]",
        "\u{feff}",
        "\"\u{1}\"",
    ];
    let leaf = prop_oneof![
        3 => select(odd.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,60}".prop_map(|text| json!(text).to_string()),
        1 => select(right_values()).prop_map(|(_, value)| json!(value).to_string()),
    ];
    leaf.prop_recursive(6, 24, 4, |inner| {
        let member = (name(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..4).prop_map(object),
        ]
    })
}

fn object(members: Vec<(String, String)>) -> String {
    let members: Vec<String> =
        members.into_iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn name() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = OPTIONS.iter().map(|row| row.key).collect();
    let parts: Vec<&str> = OPTIONS.iter().flat_map(|row| row.key.split('.')).collect();
    let claims = ["iss", "scope", "scp", "roles", "realm_access", "groups", "permissions", "a", ""];
    prop_oneof![
        3 => select(keys).prop_map(str::to_owned),
        2 => select(parts).prop_map(str::to_owned),
        1 => select(claims.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn document() -> impl Strategy<Value = Vec<u8>> {
    let right = (0..=right_values().len(), 0..=right_values().len()).prop_map(|(from, to)| {
        let values = right_values();
        let some = values.get(from.min(to)..from.max(to)).unwrap();
        object(
            some.iter().map(|(key, value)| (key.to_string(), json!(value).to_string())).collect(),
        )
    });
    let made = prop::collection::vec((name(), json_text()), 0..6).prop_map(object);
    let text = prop_oneof![right.boxed(), made.boxed(), json_text().boxed()];
    // One byte of it changed, or none.
    let changed = (text, any::<prop::sample::Index>(), any::<u8>(), any::<bool>());
    prop_oneof![
        9 => changed.prop_map(|(text, at, byte, change)| {
            let mut bytes = text.into_bytes();
            if change && !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn requirement() -> impl Strategy<Value = Vec<u8>> {
    let item = select(vec![
        "a",
        "b",
        "orders:read",
        "role:x",
        "role:",
        "permission:x",
        "group:x",
        "claim:a=b",
        "claim:/a/0=1",
        "claim:a",
        "claim:=",
        "scope:role:x",
        "scope:",
        "é",
        "role:é",
        "",
        "|",
        "\"",
    ]);
    let items = prop::collection::vec((item, select(vec![" ", "|", "  ", ""])), 0..8);
    let text = items.prop_map(|items| {
        let text: String = items.iter().flat_map(|(item, end)| [*item, *end]).collect();
        text.trim_end().to_owned()
    });
    prop_oneof![
        4 => text.prop_map(String::into_bytes),
        2 => prop::collection::vec("[a-z:|= ]{0,9}", 0..5)
            .prop_map(|items| json!(items).to_string().into_bytes()),
        1 => json_text().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..700),
        1 => "\\PC{0,300}".prop_map(String::into_bytes),
    ]
}

fn claims() -> impl Strategy<Value = String> {
    let more = prop::collection::vec((name(), json_text()), 0..5);
    let grants = (
        select(vec![r#""a b""#, r#"["a","orders:read"]"#, "5", r#"["a b"]"#, r#""""#, "null"]),
        select(vec![r#"["x"]"#, r#""x""#, r#"{"x":{}}"#, "5", "[1]", "[]"]),
    );
    prop_oneof![
        3 => (grants, more).prop_map(|((scope, names), more)| {
            let more: String =
                more.iter().map(|(name, value)| format!(",{}:{value}", json!(name))).collect();
            payload_with(&format!(
                r#","scope":{scope},"roles":{names},"groups":{names},"permissions":{names}{more}"#
            ))
        }),
        1 => json_text(),
    ]
}

/// Any JSON value with names that paths like.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|yes| json!(yes)),
        any::<i32>().prop_map(|number| json!(number)),
        "[ab\\x00é\"\\\\😀]{0,6}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let names = "[ab./~01]{0,3}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map(names, inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn any_document_is_loaded_or_refused_whole(document in document(), second in document()) {
        let handle = Handle::local(&[]);
        let loaded =
            answer_within_bound(&|out, size| load(handle.config(), &document, out, size));
        let checked = answer_within_bound(&|out, size| unsafe {
            auth::ffi::auth_config_check(handle.config(), out, size)
        });
        if loaded.status != 0 {
            prop_assert!(checked.status != 0, "remembered: {:?}", loaded);
        }
        let again = answer_within_bound(&|out, size| load(handle.config(), &second, out, size));
        // Whatever is in force, a bad signature is never accepted.
        let forged = tampered(&good_token("EdDSA"));
        let verify = |out, size| verify_at(handle.config(), forged.as_bytes(), NOW, out, size);
        let judged = without_panic(|| answer_of(&verify));
        judged.assert_refused(Status::from_number(judged.status).unwrap());
        if again.status != 0 {
            prop_assert!(judged.http_status == 500, "remembered: {:?}, {:?}", again, judged);
        }
    }

    #[test]
    fn any_requirement_of_any_claims_is_answered(claims in claims(), text in requirement()) {
        let handle = Handle::local(&[("verdict.realm", "r")]);
        let further = answer_within_bound(&|out, size| {
            require(handle.config(), claims.as_bytes(), &text, out, size)
        });
        let header = format!("Bearer {}", token("EdDSA", &claims));
        let mut memory = Memory::new(verdict_size(header.len()));
        let first = without_panic(|| memory.call(&|out, size| {
            authorize_at(handle.config(), header.as_bytes(), &text, NOW, out, size)
        }));
        if first.status == 0 || first.http_status == 403 {
            prop_assert_eq!(further.status, first.status, "{:?}", further);
            prop_assert_eq!(further.text("challenge"), first.text("challenge"));
        }
        let mistaken = Status::REQUIREMENT_INVALID as i32;
        prop_assert_eq!(further.status == mistaken, first.status == mistaken);
    }

    #[test]
    fn any_path_into_any_claims_is_answered(
        claims in claims(),
        path in prop_oneof!["\\PC{0,40}", "[a-z./~01]{0,20}", name()],
    ) {
        let path: Vec<u8> = path.into_bytes().into_iter().filter(|byte| *byte != 0).collect();
        let found = without_panic(|| claim(claims.as_bytes(), &path));
        if let Some(text) = found {
            prop_assert!(text.len() <= claims.len() && !text.contains('\0'));
        }
    }

    #[test]
    fn a_pointer_leads_where_another_reader_says(
        value in value(),
        pick in any::<prop::sample::Index>(),
    ) {
        let value = json!({"top": value});
        let (mut places, mut here) = (Vec::new(), vec![(String::new(), &value)]);
        while let Some((pointer, value)) = here.pop() {
            let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
            let step = |name: &str| format!("{pointer}/{}", escaped(name));
            match value {
                Value::Object(map) => here.extend(map.iter().map(|(name, v)| (step(name), v))),
                Value::Array(items) => {
                    here.extend(items.iter().enumerate().map(|(at, v)| (step(&at.to_string()), v)));
                }
                _ => {}
            }
            places.push((pointer, value));
        }
        // The first is the whole, to which no path leads.
        let (pointer, expected) = &places[1 + pick.index(places.len() - 1)];
        prop_assert_eq!(value.pointer(pointer), Some(*expected));
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let found = without_panic(|| claim(text.as_bytes(), pointer.as_bytes())).unwrap();
            match expected.as_str().filter(|text| !text.contains('\0')) {
                Some(text) => prop_assert_eq!(&found, text),
                None => {
                    let found: Value = serde_json::from_str(&found).unwrap();
                    prop_assert_eq!(&found, *expected);
                }
            }
        }
    }
}
