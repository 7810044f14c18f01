//! A second opinion on every verdict: jsonwebtoken's `decode` with every check switched on. Where
//! the two differ, oracle/differences.rs says who is right; a difference that is not listed fails.

mod common;

#[path = "oracle/differences.rs"]
mod differences;
#[path = "oracle/json.rs"]
mod json;
#[path = "oracle/peer.rs"]
mod peer;
#[path = "oracle/tokens.rs"]
mod tokens;
#[path = "oracle/vectors.rs"]
mod vectors;

use std::collections::BTreeMap;

use auth::status::Status;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use common::{AUDIENCE, Answer, Handle, ISSUER, answer_of, verify_at};
use differences::{DIFFERENCES, Difference, Options, Seen};
use peer::{Opinion, Peer};

const CASES: usize = 6000;

/// A text as it stands, any other value as JSON. None: an option is refused.
fn handle(options: &Options) -> Option<Handle> {
    let handle = Handle::empty();
    for (key, value) in options {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if handle.set(key, &text) != Status::OK {
            return None;
        }
    }
    (handle.check() == Status::OK).then_some(handle)
}

fn ours(handle: &Handle, token: &str, now: i64) -> Answer {
    answer_of(&|out, size| verify_at(handle.config(), token.as_bytes(), now, out, size))
}

/// What came of one comparison, by `listed`.
enum Outcome {
    BothAccept,
    BothRefuse,
    /// By this line of the list.
    Listed(&'static str),
    Unlisted(String),
}

fn compare(
    ours: &Answer,
    theirs: &Opinion,
    seen: &Seen,
    mut listed: impl Iterator<Item = &'static Difference>,
) -> Outcome {
    let status = Status::from_number(ours.status).unwrap();
    let theirs = match (status, theirs) {
        (Status::OK, Ok(claims)) => {
            let read: Value = serde_json::from_str(ours.text("claims")).unwrap();
            assert_eq!(&read, claims, "both accept, and read other claims");
            return Outcome::BothAccept;
        }
        (Status::OK, Err(why)) => why,
        (_, Ok(_)) => "accepts",
        (_, Err(_)) => return Outcome::BothRefuse,
    };
    match listed.find(|row| row.ours == status && (row.is)(seen)) {
        Some(row) => Outcome::Listed(row.what),
        None => {
            let log = ours.text("log");
            Outcome::Unlisted(format!("libauth {status:?} {log}; jsonwebtoken {theirs}; {seen:?}"))
        }
    }
}

/// Prints the line, which must have been of use.
fn reached(row: &Difference, counts: &BTreeMap<&str, usize>) {
    let count = counts.get(row.what).copied().unwrap_or(0);
    println!("{count:5} {:?}: {}. {}", row.ours, row.what, row.right);
    assert!(count > 0, "no token reaches \"{}\"", row.what);
}

/// Tokens that were good until up to three things were changed.
#[test]
fn made_tokens() {
    let keys: Value = serde_json::from_str(&tokens::jwks()).unwrap();
    let options: Options = [
        ("issuer", Value::from(ISSUER)),
        ("audience", Value::from(AUDIENCE)),
        ("keys.jwks", keys.clone()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let handle = handle(&options).unwrap();
    let (issuers, audience) = (vec![ISSUER.to_owned()], Some(vec![AUDIENCE.to_owned()]));
    let peer = Peer::new(issuers, audience, &keys, peer::ALL, true);
    let config = Config { failure_persistence: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let strategy = tokens::plan();
    let (mut accepted, mut refused, mut counts) = (0, 0, BTreeMap::new());
    let mut unlisted = Vec::new();
    for _ in 0..CASES {
        let plan = strategy.new_tree(&mut runner).unwrap().current();
        let token = plan.token();
        let judged = ours(&handle, &token, tokens::NOW);
        let seen = Seen::of(&token, &options, tokens::NOW);
        match compare(&judged, &peer.opinion(&token), &seen, DIFFERENCES.iter()) {
            Outcome::BothAccept => accepted += 1,
            Outcome::BothRefuse => refused += 1,
            Outcome::Listed(what) => *counts.entry(what).or_insert(0) += 1,
            Outcome::Unlisted(told) => unlisted.push(format!("{told}; {:?}", plan.edits)),
        }
    }
    println!("{CASES} tokens: both accept {accepted}, both refuse {refused}");
    assert!(unlisted.is_empty(), "{} unlisted, such as\n{}", unlisted.len(), sample(&unlisted));
    assert!(accepted > CASES / 4 && refused > CASES / 4, "{accepted} {refused}");
    for row in DIFFERENCES {
        reached(row, &counts);
    }
}

fn sample(told: &[String]) -> String {
    told.iter().take(12).cloned().collect::<Vec<_>>().join("\n\n")
}
