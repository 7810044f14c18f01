//! The conformance vectors under the second opinion. jsonwebtoken reads the wall clock, and the
//! vectors have a time of their own: it is not asked about times.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use auth::status::Status;
use serde::Deserialize;
use serde_json::Value;

use crate::common::Handle;
use crate::differences::{DIFFERENCES, Options, Seen, VECTOR_DIFFERENCES};
use crate::peer::{self, Peer};
use crate::{Outcome, compare, handle, ours, reached, sample};

#[derive(Deserialize)]
struct File {
    options: Options,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    now: Option<i64>,
    header: Option<String>,
    #[serde(default)]
    options: Options,
}

/// Every file below the folders of tests/vectors: `<stage>/<topic>.json`.
fn files() -> Vec<PathBuf> {
    let in_folder = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let stages = in_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"));
    let topics = stages.iter().filter(|path| path.is_dir()).flat_map(|stage| in_folder(stage));
    topics.filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
}

#[test]
fn vectors() {
    let listed = || DIFFERENCES.iter().chain(VECTOR_DIFFERENCES);
    let (mut compared, mut agreed) = (0, 0);
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut unlisted = Vec::new();
    for path in files() {
        let file: File = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in &file.cases {
            let mut options = file.options.clone();
            options.extend(case.options.clone());
            let Some((handle, peer)) = both(&options) else { continue };
            let (Some(now), Some(token)) = (case.now, token(case)) else { continue };
            let judged = ours(&handle, token, now);
            let seen = Seen::of(token, &options, now);
            if judged.status == Status::OK as i32 {
                assert!(!seen.has_expired() && !seen.is_too_early(), "{}", case.id);
            }
            compared += 1;
            match compare(&judged, &peer.opinion(token), &seen, listed()) {
                Outcome::BothAccept | Outcome::BothRefuse => agreed += 1,
                Outcome::Listed(what) => *counts.entry(what).or_default() += 1,
                Outcome::Unlisted(told) => unlisted.push(format!("{}: {told}", case.id)),
            }
        }
    }
    println!("{compared} vectors: {agreed} agree");
    assert!(compared > 1500 || files().is_empty(), "{compared} of all vectors are compared");
    assert!(unlisted.is_empty(), "{} unlisted, such as\n{}", unlisted.len(), sample(&unlisted));
    for row in VECTOR_DIFFERENCES.iter().filter(|_| compared > 0) {
        reached(row, &counts);
    }
}

/// The token of a Bearer header; other headers are not the peer's business.
fn token(case: &Case) -> Option<&str> {
    let (scheme, token) = case.header.as_ref()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("Bearer") && !token.contains(' ')).then_some(token)
}

/// What jsonwebtoken has no word for: with it set, it cannot have an opinion.
fn is_ours_alone(key: &str, value: &Value) -> bool {
    let claims = key.starts_with("claims.") && key != "claims.leeway";
    let scopes = |text: &str| !text.starts_with('[') && !text.contains(':');
    let grants = key == "verdict.require" && !value.as_str().is_some_and(scopes);
    claims || grants || matches!(key, "issuers" | "token.profile")
}

/// None: the options are a mistake, have no local key set, or are ours alone.
fn both(options: &Options) -> Option<(Handle, Peer)> {
    if options.iter().any(|(key, value)| is_ours_alone(key, value)) {
        return None;
    }
    let handle = handle(options)?;
    let jwks = options.get("keys.jwks").filter(|jwks| jwks["keys"].is_array())?;
    let issuers = list(options.get("issuer")?);
    let audience = Some(list(options.get("audience")?)).filter(|audience| audience != &["*"]);
    let allowed: Vec<_> = match options.get("token.algorithms") {
        Some(names) => list(names).iter().filter_map(|name| name.parse().ok()).collect(),
        None => peer::ALL.to_vec(),
    };
    Some((handle, Peer::new(issuers, audience, jwks, &allowed, false)))
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(list) => list,
            Err(_) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        },
        list => serde_json::from_value(list.clone()).unwrap(),
    }
}
