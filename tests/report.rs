//! The report: its JSON against docs/report.schema.json, its metrics, the counters and the events
//! under several threads, and that docs/report.md tells what is there.

#[path = "report/reports.rs"]
mod reports;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use auth::report::counters::Counters;
use auth::report::events::{EVENTS_KEPT, EventKind, Events};
use auth::report::{KeysState, Outcome, Report, metrics};
use auth::status::{STATUSES, Status};
use jsonschema::Validator;
use reports::{HOSTILE, SHOP, empty, hostile, several, trouble};
use serde_json::{Value, json};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn parsed(report: &Report) -> Value {
    serde_json::from_str(&report.to_json()).unwrap()
}

// ---------------------------------------------------------------- JSON

fn schema() -> Value {
    serde_json::from_str(&read("docs/report.schema.json")).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::meta::validate(&schema()).unwrap();
    jsonschema::draft202012::new(&schema()).unwrap()
}

#[test]
fn every_report_fits_the_schema() {
    let validator = validator();
    for report in [empty(), trouble(), several(), hostile()] {
        let faults: Vec<String> = validator
            .iter_errors(&parsed(&report))
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// The JSON pointer of every value in `value`.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), found))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(place, item)| pointers(item, &format!("{at}/{place}"), found)),
        _ => {}
    }
}

#[test]
fn the_schema_refuses_a_member_too_few_or_too_many_and_a_value_of_another_type() {
    let validator = validator();
    let report = parsed(&several());
    let mut places = Vec::new();
    pointers(&report, "", &mut places);
    let refused = |at: &str, what: &str, change: &dyn Fn(&mut Value)| {
        let mut changed = report.clone();
        change(changed.pointer_mut(at).unwrap());
        assert!(!validator.is_valid(&changed), "{at}: {what} fits the schema");
    };
    let mut objects = 0;
    for at in &places {
        let Some(members) = report.pointer(at).unwrap().as_object() else {
            refused(at, "an object", &|value| *value = json!({}));
            refused(at, "a fraction", &|value| *value = json!(0.5));
            continue;
        };
        objects += 1;
        refused(at, "a member more", &|value| value["more"] = json!(null));
        for name in members.keys() {
            let without = |value: &mut Value| drop(value.as_object_mut().unwrap().remove(name));
            refused(at, &format!("no {name}"), &without);
        }
    }
    // The report; a count and its status each; 6 issuers with their fetches; 2 keys; 1 that is
    // skipped; 1 error with its status; the events.
    let events = EventKind::ALL.len();
    assert_eq!(objects, 1 + STATUSES.len() * 2 + 6 * 2 + 2 + 1 + 2 + events);
}

#[test]
fn the_schema_has_every_name() {
    let schema = schema();
    let names = |at: &str| match schema.pointer(at).unwrap() {
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
        other => other.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>(),
    };
    fn all<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> BTreeSet<String> {
        all.iter().map(|one| name(*one).to_owned()).collect()
    }
    let issuer = "/$defs/issuer/properties";
    assert_eq!(names(&format!("{issuer}/state/enum")), all(KeysState::ALL, KeysState::name));
    assert_eq!(names(&format!("{issuer}/fetches/properties")), all(Outcome::ALL, Outcome::name));
    assert_eq!(names("/$defs/event/properties/kind/enum"), all(EventKind::ALL, EventKind::name));
}

#[test]
fn texts_come_back_as_they_were_and_long_lists_and_kids_are_cut() {
    let report = hostile();
    let value = parsed(&report);
    assert_eq!(value["events"][0]["detail"], report.events[0].detail.as_str());
    assert_eq!(report.events[0].detail.chars().count(), 161);
    assert_eq!(value["warnings"], json!([HOSTILE]));
    let issuer = &value["issuers"][0];
    assert_eq!(issuer["issuer"], HOSTILE);
    assert_eq!(issuer["keys"].as_array().unwrap().len(), 64);
    assert_eq!(issuer["key_count"], 100);
    assert_eq!(issuer["skipped"].as_array().unwrap().len(), 64);
    assert_eq!(issuer["skipped"][63]["kid"], format!("{}…", "😀".repeat(64)));

    let mut report = trouble();
    for length in [0, 63, 64, 65] {
        let kid = "é".repeat(length);
        report.issuers[0].keys[0].kid = Some(kid.clone());
        let told = if length == 65 { format!("{}…", "é".repeat(64)) } else { kid };
        assert_eq!(parsed(&report)["issuers"][0]["keys"][0]["kid"], told);
    }
}

#[test]
fn an_outcome_that_nobody_counted_is_0() {
    let mut report = trouble();
    report.issuers[0].fetches = vec![(Outcome::Transport, 2)];
    let told = json!({"ok": 0, "not_modified": 0, "http_error": 0, "unusable": 0, "transport": 2});
    assert_eq!(parsed(&report)["issuers"][0]["fetches"], told);
}

// ---------------------------------------------------------------- metrics

/// Name, labels, value: written by hand, from the data of `reports.rs`.
fn samples(report: &str) -> Value {
    let stale_and_more = |issuer: &str, numbers: [Option<f64>; 4]| {
        let names = ["jwks_age_seconds", "jwks_stale", "jwks_keys", "clock_offset_seconds"];
        let known = names.iter().zip(numbers).filter_map(|(name, n)| n.map(|n| (name, n)));
        known
            .map(|(name, n)| json!([format!("libauth_{name}"), {"issuer": issuer}, n]))
            .collect::<Vec<_>>()
    };
    let fetches = |issuer: &str, counts: [u64; 5]| {
        let names = ["ok", "not_modified", "http_error", "unusable", "transport"];
        let name = "libauth_jwks_fetches_total";
        let labelled = names.iter().zip(counts);
        labelled
            .map(|(outcome, n)| json!([name, {"issuer": issuer, "outcome": outcome}, n]))
            .collect::<Vec<_>>()
    };
    let decided = |issuer: &str, status: &str, n: u64| {
        let name = "libauth_verifications_total";
        json!([name, {"issuer": issuer, "status": status}, n])
    };
    let mut samples = Vec::new();
    match report {
        "empty" => {}
        "trouble" => {
            samples.push(decided("", "HEADER_MISSING", 40));
            samples.push(decided("", "ISSUER_INVALID", 12));
            samples.push(decided(SHOP, "OK", 183_204));
            samples.push(decided(SHOP, "TOKEN_EXPIRED", 511));
            samples.extend(fetches(SHOP, [3, 28, 4, 0, 1]));
            samples.extend(stale_and_more(SHOP, [Some(912.), Some(1.), Some(2.), Some(-2.)]));
        }
        "several" => {
            let counted = STATUSES.iter().zip(1..);
            samples.extend(counted.map(|(status, n)| decided(SHOP, status.row().name, n)));
            samples.extend(fetches(SHOP, [3, 28, 4, 0, 1]));
            samples.extend(stale_and_more(SHOP, [Some(912.), Some(1.), Some(2.), Some(-2.)]));
            // None, fresh, stale, expired, local; no fetch of theirs has failed.
            let stale = [None, Some(0.), Some(0.), Some(0.), Some(0.)];
            let age = [Some(1.), Some(2.), Some(3.), Some(4.), None];
            for (place, (stale, age)) in stale.into_iter().zip(age).enumerate() {
                let issuer = format!("https://id-{}.example", place + 1);
                samples.extend(fetches(&issuer, [0; 5]));
                samples.extend(stale_and_more(&issuer, [age, stale, Some(0.), Some(0.)]));
            }
        }
        _ => {
            samples.push(decided(HOSTILE, "OK", 1 << 53));
            samples.extend(fetches(HOSTILE, [0; 5]));
            let (most, least) = (i64::MAX as f64, i64::MIN as f64);
            let numbers = [Some(most), Some(1.), Some(100.), Some(least)];
            samples.extend(stale_and_more(HOSTILE, numbers));
        }
    }
    json!(samples)
}

/// tests/metrics/run gives the folder, and lets the parser of Prometheus' Python client compare.
#[test]
fn metrics_have_a_line_for_every_sample() {
    let folder = std::env::var_os("METRICS_FOLDER");
    let reports = [
        ("empty", empty()),
        ("trouble", trouble()),
        ("several", several()),
        ("hostile", hostile()),
    ];
    for (name, report) in reports {
        let (text, samples) = (metrics::text(&report), samples(name));
        let lines = text.split('\n').filter(|line| line.starts_with("libauth_")).count();
        assert_eq!(lines, samples.as_array().unwrap().len(), "{name}:\n{text}");
        if let Some(folder) = &folder {
            let path = Path::new(folder).join(name);
            fs::write(path.with_extension("prom"), text).unwrap();
            fs::write(path.with_extension("json"), samples.to_string()).unwrap();
        }
    }
}

#[test]
fn labels_are_escaped() {
    let text = metrics::text(&hostile());
    let line = "libauth_jwks_keys{issuer=\"a\\\"} 1\\n# TYPE x counter\\\\n\\\\\\\\\\\" \
                é😀\u{2028}\r\tend\\\\\"} 100\n";
    assert!(text.contains(line), "{text}");
}

// ---------------------------------------------------------------- counters and events

#[test]
fn counters_of_many_threads_sum_up() {
    const ROUNDS: u64 = 500_000;
    // Four times as many as there are stripes: no thread has one to itself.
    const THREADS: u64 = 32;
    let (counters, begin) = (Counters::new(2), Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                begin.wait();
                for _ in 0..ROUNDS / 5 {
                    counters.count(Some(0), Status::OK);
                    counters.count(Some(1), Status::OK);
                    counters.count(Some(1), Status::TOKEN_EXPIRED);
                    counters.count(None, Status::ISSUER_INVALID);
                    counters.count(Some(1), Status::OK);
                }
            });
        }
    });
    let each = THREADS * ROUNDS / 5;
    let told = [
        (None, Status::ISSUER_INVALID, each),
        (Some(0), Status::OK, each),
        (Some(1), Status::OK, 2 * each),
        (Some(1), Status::TOKEN_EXPIRED, each),
    ];
    assert_eq!(counters.totals(), told);
}

#[test]
fn each_status_has_a_counter_of_its_own() {
    let counters = Counters::new(1024);
    assert!(counters.totals().is_empty(), "nothing is told of what was not counted");
    for (status, count) in STATUSES.iter().zip(1..) {
        (0..count).for_each(|_| counters.count(Some(1023), *status));
    }
    let told: Vec<_> = STATUSES.iter().zip(1..).map(|(s, count)| (Some(1023), *s, count)).collect();
    assert_eq!(counters.totals(), told);
    counters.count(Some(1024), Status::OK);
    assert_eq!(counters.totals()[0], (None, Status::OK, 1), "an issuer that is not there");
}

#[test]
fn the_last_64_events_are_kept() {
    let events = Events::new();
    assert!(events.all().is_empty());
    for number in 1..=200u64 {
        events.add(EventKind::KeysChanged, SHOP, number.to_string(), 1_000);
        let all = events.all();
        let told: Vec<u64> = all.iter().map(|event| event.sequence).collect();
        let first = number.saturating_sub(EVENTS_KEPT as u64) + 1;
        assert_eq!(told, (first..=number).collect::<Vec<_>>());
        let last = all.last().unwrap();
        assert_eq!((last.detail.as_str(), last.at_s), (number.to_string().as_str(), 1_000));
        assert_eq!((last.issuer.as_str(), last.kind), (SHOP, EventKind::KeysChanged));
    }
    assert_eq!(EVENTS_KEPT, 64);
}

#[test]
fn events_of_eight_writers_have_every_number_once() {
    const EACH: i64 = 10_000;
    let (events, begin) = (Events::new(), Barrier::new(8));
    let done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        // What a reader sees at any moment is without a gap; it notes who got which number.
        let reader = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let all = events.all();
                assert!(all.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
                assert!(all.len() <= EVENTS_KEPT);
                seen.extend(all.iter().map(|event| (event.sequence, event.detail.clone())));
            }
            seen
        });
        let add = |writer: i64| {
            let (kind, events, begin) = (EventKind::RefreshFailed, &events, &begin);
            let detail = move |round| format!("{writer} {round}");
            move || {
                begin.wait();
                (0..EACH).for_each(|round| events.add(kind, SHOP, detail(round), round));
            }
        };
        let writers: Vec<_> = (0..8).map(|writer| scope.spawn(add(writer))).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    let all = events.all();
    // One number an event, from 1 on: with a repeat the last would be smaller, with a gap larger.
    assert_eq!(all.last().unwrap().sequence, 8 * EACH as u64);
    assert!(all.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
    assert_eq!(all.len(), EVENTS_KEPT);
    let numbers: BTreeSet<u64> = seen.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers.len(), seen.len(), "one number, two events");
}

// ---------------------------------------------------------------- docs

const PAGE: &str = "docs/report.md";

/// The page before, in and after the block that begins with the fence "```KIND".
fn parts<'p>(page: &'p str, kind: &str) -> (&'p str, &'p str, &'p str) {
    let fence = format!("\n```{kind}\n");
    let start = page.find(&fence).unwrap() + fence.len();
    let end = start + page[start..].find("```\n").unwrap();
    (&page[..start], &page[start..end], &page[end..])
}

#[test]
fn the_examples_of_the_page_are_real() {
    let page = read(PAGE);
    let json = serde_json::to_string_pretty(&trouble()).unwrap() + "\n";
    let metrics = metrics::text(&trouble());
    if std::env::var_os("UPDATE").is_some() {
        let (before, _, after) = parts(&page, "json");
        let page = [before, &json, after].concat();
        let (before, _, after) = parts(&page, "text");
        let page = [before, &metrics, after].concat();
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE), page).unwrap();
        return;
    }
    assert_eq!(parts(&page, "json").1, json, "UPDATE=1 cargo test --test report examples");
    assert_eq!(parts(&page, "text").1, metrics, "UPDATE=1 cargo test --test report examples");
    let compact: String = trouble().to_json();
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), parsed(&trouble()));
    // The order of the members is that of the page.
    let names = |text: &str| -> Vec<String> {
        text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(names(&compact), names(&json));
}

/// The first cell of each row of a table, without its backquotes.
fn rows(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

#[test]
fn the_page_tells_of_every_member_state_outcome_kind_and_metric() {
    let page = read(PAGE);
    let rows = rows(&page);
    let missing = |name: &str| assert!(rows.contains(name), "{PAGE} has no row {name}");
    EventKind::ALL.iter().for_each(|kind| missing(kind.name()));
    KeysState::ALL.iter().for_each(|state| missing(state.name()));
    Outcome::ALL.iter().for_each(|outcome| missing(outcome.name()));
    let report = parsed(&several());
    for at in ["", "/decisions/0", "/issuers/0", "/events/0"] {
        report.pointer(at).unwrap().as_object().unwrap().keys().for_each(|name| missing(name));
    }
    let text = metrics::text(&several());
    let families: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(families.len(), 6);
    families.iter().for_each(|family| missing(family));
    // The rules too name metrics and statuses that exist.
    let (_, rules, _) = parts(&page, "yaml");
    let words: Vec<&str> = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let known = |word: &str| STATUSES.iter().any(|status| status.row().name == word);
    for word in words {
        assert!(!word.starts_with("libauth_") || families.contains(word), "{PAGE}: {word}");
        let status = word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        assert!(!status || known(word), "{PAGE}: {word} is no status");
    }
}
