//! Reports to try: of a new handle, of one in trouble (the example of docs/report.md), of several
//! issuers, and of texts that mean harm.

use std::sync::Arc;

use auth::report::events::{Event, EventKind};
use auth::report::{
    Decided, IssuerReport, KeyReport, KeysState, LastError, Outcome, Report, SkippedKey,
};
use auth::status::{STATUSES, Status};

pub const SHOP: &str = "https://id.example/realms/shop";
/// No URL, and nothing that a configuration should hold: what it takes to break out of a label.
pub const HOSTILE: &str = "a\"} 1\n# TYPE x counter\\n\\\\\" é😀\u{2028}\r\tend\\";

pub fn empty() -> Report {
    let (warnings, decisions, issuers, events) = (vec![], vec![], vec![], vec![]);
    Report { version: "0.1.0", ready: false, warnings, decisions, issuers, events }
}

fn decided(issuer: Option<&str>, status: Status, count: u64) -> Decided {
    Decided { issuer: issuer.map(str::to_owned), status, count }
}

fn key(kid: Option<&str>, algorithms: &[&'static str]) -> KeyReport {
    KeyReport { kid: kid.map(str::to_owned), algorithms: algorithms.to_vec() }
}

fn skipped(kid: Option<&str>, why: &str) -> SkippedKey {
    SkippedKey { kid: kid.map(str::to_owned), why: why.to_owned() }
}

fn event(sequence: u64, at_s: i64, kind: EventKind, detail: &str) -> Arc<Event> {
    Arc::new(Event { sequence, at_s, issuer: SHOP.to_owned(), kind, detail: detail.to_owned() })
}

/// An issuer of which nothing is known yet.
fn unknown(issuer: &str) -> IssuerReport {
    IssuerReport {
        issuer: issuer.to_owned(),
        source: format!("{issuer}/.well-known/openid-configuration"),
        state: KeysState::None_,
        keys: vec![],
        key_count: 0,
        skipped: vec![],
        age_s: None,
        refresh_in_s: None,
        usable_for_s: None,
        retry_in_s: None,
        fetching: true,
        fetches: Outcome::ALL.iter().map(|outcome| (*outcome, 0)).collect(),
        last_error: None,
        clock_offset_s: None,
        warnings: vec![],
    }
}

/// The provider went down fifteen minutes ago; tokens pass by the keys that are held.
pub fn trouble() -> Report {
    let failure = "https://id.example/realms/shop/keys answered HTTP 503";
    let shop = IssuerReport {
        source: "https://id.example/realms/shop/keys".to_owned(),
        state: KeysState::Stale,
        keys: vec![key(Some("2026-03"), &["RS256", "PS256"]), key(None, &["ES256"])],
        key_count: 2,
        skipped: vec![skipped(Some("enc-1"), "use is enc, not sig")],
        age_s: Some(912),
        usable_for_s: Some(86_088),
        retry_in_s: Some(17),
        fetching: false,
        fetches: vec![
            (Outcome::Ok, 3),
            (Outcome::NotModified, 28),
            (Outcome::HttpError, 4),
            (Outcome::Unusable, 0),
            (Outcome::Transport, 1),
        ],
        last_error: Some(LastError {
            status: Status::KEYS_UNAVAILABLE,
            log: failure.to_owned(),
            ago_s: 13,
        }),
        clock_offset_s: Some(-2),
        warnings: vec!["claims.leeway is 120s: an expired token lives so much longer".to_owned()],
        ..unknown(SHOP)
    };
    Report {
        ready: true,
        warnings: vec!["audience is *: a token for any other API is accepted".to_owned()],
        decisions: vec![
            decided(None, Status::HEADER_MISSING, 40),
            decided(None, Status::ISSUER_INVALID, 12),
            decided(Some(SHOP), Status::OK, 183_204),
            decided(Some(SHOP), Status::TOKEN_EXPIRED, 511),
        ],
        issuers: vec![shop],
        events: vec![
            event(1, 1_773_136_800, EventKind::KeysChanged, "2 keys; new: \"2026-03\""),
            event(2, 1_773_223_512, EventKind::RefreshFailed, failure),
            event(3, 1_773_223_813, EventKind::ServingStale, "keys are older than keys.ttl (600s)"),
        ],
        ..empty()
    }
}

/// Every member filled, every state, status and kind.
pub fn several() -> Report {
    let mut report = trouble();
    report.decisions =
        STATUSES.iter().zip(1..).map(|(status, n)| decided(Some(SHOP), *status, n)).collect();
    let states = KeysState::ALL.iter().zip(1u64..);
    report.issuers.extend(states.map(|(state, n)| IssuerReport {
        state: *state,
        refresh_in_s: Some(n),
        clock_offset_s: Some(0),
        age_s: (*state != KeysState::Local).then_some(n),
        ..unknown(&format!("https://id-{n}.example"))
    }));
    report.issuers[0].refresh_in_s = Some(0);
    report.events =
        EventKind::ALL.iter().zip(7..).map(|(kind, n)| event(n, -1, *kind, "")).collect();
    report
}

/// Every character that a text of JSON or a label has to escape, and more keys than are listed.
pub fn hostile() -> Report {
    let controls: String = ('\0'..='\u{a0}').collect();
    let issuer = IssuerReport {
        source: controls.clone(),
        state: KeysState::Expired,
        keys: (0..100).map(|n| key(Some(&format!("{controls}{n}")), &[])).collect(),
        key_count: 100,
        skipped: (0..100).map(|_| skipped(Some(&"😀".repeat(1_000)), &controls)).collect(),
        age_s: Some(u64::MAX),
        usable_for_s: Some(0),
        clock_offset_s: Some(i64::MIN),
        last_error: Some(LastError { status: Status::INTERNAL, log: controls.clone(), ago_s: 0 }),
        warnings: vec![controls.clone()],
        ..unknown(HOSTILE)
    };
    Report {
        warnings: vec![HOSTILE.to_owned()],
        decisions: vec![decided(Some(HOSTILE), Status::OK, 1 << 53)],
        issuers: vec![issuer],
        events: vec![event(u64::MAX, i64::MIN, EventKind::CooldownHit, &controls)],
        ..empty()
    }
}
